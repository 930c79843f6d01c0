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
 * @property {'events' | 'events.db'} keeps what it keeps: a directory with a file for each event, or a database
 * @property {boolean} [startsWithoutSecret] it sees its secret first when a request comes
 */

/** @type {Receiver[]} */
export const RECEIVERS = [
  {
    name: 'node-plain',
    keeps: 'events',
    command: [process.execPath, file('node-plain/receiver.mjs')],
    remedy: 'install Node 20 or newer',
  },
  {
    name: 'node-express',
    keeps: 'events',
    command: [process.execPath, file('node-express/receiver.mjs')],
    remedy: 'install Node 20 or newer',
  },
  {
    name: 'python-stdlib',
    keeps: 'events.db',
    command: [PYTHON, file('python-stdlib/receiver.py')],
    remedy: 'run `cargo xtask setup`, or set GROUNDSWELL_PYTHON to an interpreter that has what the examples require',
  },
  {
    name: 'python-flask',
    keeps: 'events.db',
    command: [PYTHON, file('python-flask/receiver.py')],
    remedy: 'run `cargo xtask setup`, or set GROUNDSWELL_PYTHON to an interpreter that has what the examples require',
  },
  {
    name: 'rust',
    keeps: 'events',
    command: [join(TARGET, 'debug/receiver')],
    remedy: 'compile it: cargo build --package receiver',
  },
  {
    name: 'php',
    keeps: 'events.db',
    // As PHP is without a php.ini: there, an error that is displayed is answered with 200.
    command: ['php', '-d', 'display_errors=1', '-S', '127.0.0.1:0', file('php/receiver.php')],
    remedy: `${DEBIAN} php-cli php-sqlite3)`,
    startsWithoutSecret: true,
  },
  {
    name: 'ruby',
    keeps: 'events',
    command: ['ruby', file('ruby/receiver.rb')],
    remedy: `${DEBIAN} ruby ruby-webrick)`,
  },
  { name: 'go', keeps: 'events', command: [GO_BINARY], remedy: `${DEBIAN} golang-go)`, build: buildGo },
  {
    name: 'java',
    keeps: 'events',
    command: ['java', file('java/Receiver.java')],
    remedy: `${DEBIAN} default-jdk-headless)`,
  },
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

/** To root every directory is readable, unless it goes without these two of its rights. */
const AS_EVERYBODY = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'];

/**
 * Starts a receiver on a free port; what it keeps is in `directory`. One that `obeysModes` may read only what the mode
 * of a file allows, also if root runs the tests.
 */
export async function start({ command, remedy }, directory, secret, { obeysModes = false } = {}) {
  const environment = { PORT: '0', ...(secret === undefined ? {} : { WEBHOOK_SECRET: secret }) };
  const before = obeysModes && process.getuid() === 0 ? AS_EVERYBODY : [];
  return Process.start([...before, ...command], { directory, environment, remedy });
}
