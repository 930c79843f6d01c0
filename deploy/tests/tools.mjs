// What the tests start: tools that `cargo xtask setup` got, as root where that is needed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory with the files that are tried. */
export const DEPLOY = fileURLToPath(new URL('..', import.meta.url));

function told(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run \`cargo xtask test --only packaging\``);
  return value;
}

/** The server's executable, with its site beside it. */
export const BINARY = told('GROUNDSWELL_BIN');
export const SITE = join(dirname(BINARY), 'site');
/** A virtual environment with what `requirements.lock` names. */
export const PYTHON = told('GROUNDSWELL_PACKAGING_PYTHON');
/** nginx and Caddy, unpacked. */
export const PROXIES = told('GROUNDSWELL_PROXIES');
/** A Debian that boots, as an archive. */
export const DEBIAN = told('GROUNDSWELL_DEBIAN');

/** A program of the virtual environment. */
export const tool = (name) => join(dirname(PYTHON), name);

/** The words of a command that root has to run. */
export const asRoot = (...words) => (process.getuid() === 0 ? words : ['sudo', '--non-interactive', ...words]);

/** A file of the directory that is tried. */
export const text = (name) => readFile(join(DEPLOY, name), 'utf8');

/**
 * Runs a command to its end.
 * @param {string[]} command
 * @param {{environment?: Record<string, string>, input?: string}} options
 * @returns {Promise<{code: number, output: string}>} what it printed, on both streams
 */
export async function ran([program, ...words], { environment = {}, input = '' } = {}) {
  const { PATH, HOME } = process.env;
  const env = { PATH: `${PATH}:/usr/sbin:/sbin`, HOME, LC_ALL: 'C.UTF-8', ...environment };
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'], env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  child.stdin.on('error', () => {}).end(input);
  const [code] = await once(child, 'close');
  return { code, output };
}

/** The same, for a command that must succeed; returns what it printed. */
export async function run(command, options) {
  const { code, output } = await ran(command, options);
  if (code !== 0) throw new Error(`\`${command.join(' ')}\` ended with ${code}:\n${output}`);
  return output;
}

/** A directory that is gone after the test. What still works in it ends first, by `end`: hooks run in the order they are set. */
export async function scratch(test, end = async () => {}) {
  const directory = await mkdtemp(join(tmpdir(), 'groundswell-packaging-'));
  test.after(async () => {
    await end();
    // What root made, root removes.
    if (process.getuid() === 0) await rm(directory, { recursive: true, force: true });
    else await run(asRoot('rm', '--recursive', '--force', directory));
  });
  return directory;
}

/** A port that nobody has, for a program that cannot tell which one it took. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until `isTrue` answers something; asks ten times a second. What `state` tells is said if it never does. */
export async function until(isTrue, what, { timeoutMs = 30_000, state = async () => '' } = {}) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const answer = await isTrue();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what} has not come in ${timeoutMs} ms ${await state()}`.trim());
    await new Promise((done) => setTimeout(done, 100));
  }
}
