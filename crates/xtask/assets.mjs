// What the site needs from Node: bundling style sheets, and compressing files with zlib, which is native
// code here and would be slow in a debug build of xtask. Called as
//   node assets.mjs css <node package> <style sheet> <output>
//   node assets.mjs compress <brotli quality> <gzip level> <file>…
import { createRequire } from 'node:module';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);

function bundleCss(nodePackage, input, output) {
  const { bundle } = createRequire(path.join(nodePackage, 'package.json'))('lightningcss');
  const { code, warnings } = bundle({ filename: input, minify: true });
  for (const warning of warnings) {
    console.warn(`${warning.loc.filename ?? input}:${warning.loc.line}: ${warning.message}`);
  }
  return writeFile(output, code);
}

async function compress(quality, level, file) {
  const contents = await readFile(file);
  const parameters = {
    [zlib.constants.BROTLI_PARAM_QUALITY]: quality,
    [zlib.constants.BROTLI_PARAM_SIZE_HINT]: contents.length,
  };
  const [small, compatible] = await Promise.all([brotli(contents, { params: parameters }), gzip(contents, { level })]);
  // A variant that saves nothing is not offered.
  if (small.length < contents.length) await writeFile(`${file}.br`, small);
  if (compatible.length < contents.length) await writeFile(`${file}.gz`, compatible);
}

const [task, ...rest] = process.argv.slice(2);
try {
  if (task === 'css') {
    await bundleCss(...rest);
  } else if (task === 'compress') {
    const [quality, level, ...files] = rest;
    await Promise.all(files.map((file) => compress(Number(quality), Number(level), file)));
  } else {
    throw new Error(`unknown task ${task}`);
  }
} catch (error) {
  const place = error.loc ? ` (${error.fileName}:${error.loc.line}:${error.loc.column})` : '';
  console.error(`${error.message}${place}`);
  process.exit(1);
}
