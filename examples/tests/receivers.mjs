// The receivers of `examples/receivers`: how each is built and started. What starts it needs is said when it is missing.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Process } from './process.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
export const TARGET = process.env.CARGO_TARGET_DIR ?? here('../../target');
export const PYTHON = process.env.GROUNDSWELL_PYTHON ?? join(TARGET, 'xtask/python-examples/bin/python');
const GO_BINARY = join(TARGET, 'xtask/receiver-go');
const file = (name) => here(`../receivers/${name}`);

const DEBIAN = 'run `cargo xtask setup`, or install it (Debian: apt-get install';

/**
 * @typedef {object} Receiver
 * @property {string} name of its directory
 * @property {string[]} command
 * @property {string} remedy what to do if the program is not there
 * @property {() => Promise<void>} [build] makes what is started
 * @property {boolean} [startsWithoutSecret] it sees its secret first when a request comes
 */

/** @type {Receiver[]} */
export const RECEIVERS = [
  {
    name: 'node-plain',
    command: [process.execPath, file('node-plain/receiver.mjs')],
    remedy: 'install Node 20 or newer',
  },
  {
    name: 'node-express',
    command: [process.execPath, file('node-express/receiver.mjs')],
    remedy: 'install Node 20 or newer',
  },
  {
    name: 'python-stdlib',
    command: [PYTHON, file('python-stdlib/receiver.py')],
    remedy: 'run `cargo xtask setup`, or set GROUNDSWELL_PYTHON to an interpreter that has what the examples require',
  },
  {
    name: 'python-flask',
    command: [PYTHON, file('python-flask/receiver.py')],
    remedy: 'run `cargo xtask setup`, or set GROUNDSWELL_PYTHON to an interpreter that has what the examples require',
  },
  {
    name: 'rust',
    command: [join(TARGET, 'debug/receiver')],
    remedy: 'compile it: cargo build --package receiver',
  },
  {
    name: 'php',
    command: ['php', '-S', '127.0.0.1:0', file('php/receiver.php')],
    remedy: `${DEBIAN} php-cli php-sqlite3)`,
    startsWithoutSecret: true,
  },
  { name: 'ruby', command: ['ruby', file('ruby/receiver.rb')], remedy: `${DEBIAN} ruby ruby-webrick)` },
  { name: 'go', command: [GO_BINARY], remedy: `${DEBIAN} golang-go)`, build: buildGo },
  { name: 'java', command: ['java', file('java/Receiver.java')], remedy: `${DEBIAN} default-jdk-headless)` },
];

/** `go run` would be a parent that does not pass a signal on. What Go compiled is kept where everything built is. */
async function buildGo() {
  const env = { ...process.env, GOCACHE: join(TARGET, 'go-cache'), GOFLAGS: '-mod=readonly' };
  try {
    await promisify(execFile)('go', ['build', '-o', GO_BINARY, '.'], { cwd: file('go'), env });
  } catch (error) {
    if (error.code === 'ENOENT') throw new Error(`go is not there: ${DEBIAN} golang-go)`);
    throw error;
  }
}

/** Starts a receiver on a free port; what it keeps is in `directory`. */
export async function start({ command, remedy }, directory, secret) {
  const environment = { PORT: '0', ...(secret === undefined ? {} : { WEBHOOK_SECRET: secret }) };
  return Process.start(command, { directory, environment, remedy });
}
