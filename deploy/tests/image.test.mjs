// The Dockerfile: held against a linter, built by Buildah, and what comes of it run as a container. Compiling is `cargo xtask
// build`, which other stages do; here the stage that compiles is replaced by what was compiled, on a Debian that stands for
// the image it begins with. All that follows it is as it is.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { BINARY, DEBIAN, DEPLOY, SITE, asRoot, ran, run, scratch, text, tool, until } from './tools.mjs';

const NAME = 'localhost/groundswell:test';

test('the linter finds nothing in the Dockerfile', async () => {
  await run([tool('hadolint'), '--failure-threshold=style', join(DEPLOY, 'Dockerfile')]);
  const bad = await ran([tool('hadolint'), '-'], { input: 'FROM debian\nRUN cd /tmp\n' });
  assert.notEqual(bad.code, 0);
});

test('it compiles with a toolchain that is new enough, and from what the lock files say', async () => {
  const manifest = await readFile(fileURLToPath(new URL('../../Cargo.toml', import.meta.url)), 'utf8');
  const [, needed] = /^rust-version = "1\.(\d+)"/m.exec(manifest);
  const [, used] = /^FROM rust:1\.(\d+)\.\d+-slim-trixie AS build$/m.exec(await text('Dockerfile'));
  assert.ok(Number(used) >= Number(needed), `${used} is older than ${needed}`);
  const version = /^version = "(.*)"/m.exec(manifest)[1];
  assert.ok((await text('Dockerfile')).includes(`image.version="${version}"`));
  assert.ok((await text('compose.yaml')).includes(`image: groundswell:${version}`));
});

test('nothing of what a developer has beside the source gets into the build', async () => {
  const ignored = await readFile(fileURLToPath(new URL('../../.dockerignore', import.meta.url)), 'utf8');
  for (const entry of ['.git', '**/target', '**/node_modules', '**/*.key', '.groundswell']) {
    assert.ok(ignored.split('\n').includes(entry), entry);
  }
});

/** Buildah with a store of its own, which needs neither a daemon nor a registry. */
class Buildah {
  constructor(directory) {
    this.volume = join(directory, 'volume');
    this.words = asRoot('buildah', '--root', join(directory, 'store'), '--runroot', join(directory, 'run'), '--storage-driver', 'vfs');
  }

  async run(...words) {
    return (await run([...this.words, ...words])).trim();
  }

  /** The words that run a command in a container, with what the image says of variables and user. */
  inside(container, environment, ...words) {
    const set = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const volume = `${this.volume}:/var/lib/groundswell`;
    return [...this.words, 'run', '--isolation', 'chroot', '--volume', volume, ...set, container, '--', ...words];
  }
}

test('what is built has the server and next to nothing else, runs as nobody, and stops when it is told to', async (test) => {
  const directory = await scratch(test);
  const buildah = new Buildah(directory);
  const context = join(directory, 'context');
  await mkdir(context);
  // What a debugger would read is most of it, and is copied five times.
  await run(['strip', '-o', join(context, 'groundswell'), BINARY]);
  await cp(SITE, join(context, 'site'), { recursive: true });
  await cp(DEBIAN, join(context, 'debian.tar'));
  const whole = await text('Dockerfile');
  const rest = whole.indexOf('\nFROM build AS image\n');
  assert.ok(rest > 0 && whole.slice(0, rest).includes('\nRUN cargo xtask build\n'));
  const compiled = 'WORKDIR /source\nCOPY groundswell target/release/groundswell\nCOPY site target/release/site\n';
  await writeFile(join(context, 'Dockerfile'), `FROM scratch AS build\nADD debian.tar /\n${compiled}${whole.slice(rest)}`);
  await buildah.run('build', '--isolation', 'chroot', '--format', 'docker', '--pull-never', '--layers=false', '--tag', NAME, context);

  const { config } = JSON.parse(await buildah.run('inspect', '--type', 'image', NAME)).Docker;
  assert.equal(config.User, '65532:65532');
  assert.deepEqual(config.Entrypoint, ['/opt/groundswell/groundswell']);
  assert.deepEqual(config.Cmd, ['serve']);
  assert.deepEqual(config.Healthcheck.Test, ['CMD', '/opt/groundswell/groundswell', 'health']);
  assert.deepEqual(Object.keys(config.Volumes), ['/var/lib/groundswell']);
  assert.equal(config.StopSignal, 'SIGTERM');

  const container = await buildah.run('from', '--pull-never', NAME);
  const root = await buildah.run('mount', container);
  const files = (await run(asRoot('find', root, '-type', 'f', '-printf', '/%P\n'))).trim().split('\n');
  const others = files.filter((file) => !file.startsWith('/opt/groundswell/') && !/^\/lib(64)?\/.*\.so(\.\d+)*$/.test(file));
  assert.deepEqual(others.sort(), ['/etc/group', '/etc/nsswitch.conf', '/etc/passwd', '/etc/ssl/certs/ca-certificates.crt']);
  const owners = await run(asRoot('find', root, '-user', '65532', '-printf', '/%P %m\n'));
  assert.equal(owners.trim(), '/var/lib/groundswell 700', 'it can change nothing else');

  // As Docker makes a volume: with what the image has there, and whose that is.
  await run(asRoot('cp', '--archive', join(root, 'var/lib/groundswell'), buildah.volume));
  const environment = { GROUNDSWELL_LISTEN: '127.0.0.1:0' };
  const command = buildah.inside(container, environment, ...config.Entrypoint, ...config.Cmd);
  const [program, ...words] = command;
  const server = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  test.after(() => server.kill('SIGKILL'));
  let said = '';
  for (const stream of [server.stdout, server.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  const [, url] = await until(() => /listens on (http:\S+)/.exec(said), 'the line that says where it listens');
  const health = (url) => ran(buildah.inside(container, { GROUNDSWELL_URL: url }, ...config.Healthcheck.Test.slice(1)));
  await until(async () => (await health(url)).code === 0, 'its health');
  assert.notEqual((await health('http://127.0.0.1:1')).code, 0);
  assert.ok((await fetch(`${url}/sign-in`)).headers.get('content-type').startsWith('text/html'), 'its pages are there');

  const process = await serverBelow(server.pid);
  assert.ok(process, said);
  assert.equal((await readFile(`/proc/${process}/status`, 'utf8')).match(/^Uid:\s+(\d+)/m)[1], '65532');
  await run(asRoot('kill', '-TERM', process));
  await until(() => server.exitCode !== null, 'its end');
  assert.equal(server.exitCode, 0, said);
  assert.match(said, /"message":"stopped"/, 'it writes its log as JSON, and ends in order');
  const kept = (await run(asRoot('ls', buildah.volume))).trim().split('\n');
  assert.ok(kept.includes('groundswell.db') && kept.includes('groundswell.db.key'), kept.join(' '));
});

/** Of a process's descendants the one that was started as `serve`, without a shell between. */
async function serverBelow(ancestor) {
  const of = (number, name) => readFile(`/proc/${number}/${name}`, 'utf8').catch(() => '');
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const parents = new Map();
  for (const number of numbers) {
    // Its name stands in brackets, and may have anything in it.
    parents.set(number, /\) \S (\d+) /.exec(await of(number, 'stat'))?.[1]);
  }
  const isBelow = (number) => number !== undefined && (number === `${ancestor}` || isBelow(parents.get(number)));
  for (const number of numbers.filter(isBelow)) {
    if ((await of(number, 'cmdline')).startsWith('/opt/groundswell/groundswell\0serve')) return number;
  }
  return null;
}
