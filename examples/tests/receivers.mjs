// The receivers of `examples/receivers`: how each is built and started. What starts it needs is said when it is missing.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Process } from './process.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? here('../../target');
const PYTHON = process.env.GROUNDSWELL_PYTHON ?? join(TARGET, 'xtask/python-examples/bin/python');
const file = (name) => here(`../receivers/${name}`);

/**
 * @typedef {object} Receiver
 * @property {string} name of its directory
 * @property {string[]} command
 * @property {string} remedy what to do if it does not start
 * @property {string} [limit] what it does with a body that is too large
 * @property {() => Promise<void>} [build]
 */

/** @type {Receiver[]} */
export const RECEIVERS = [
  {
    name: 'node-plain',
    command: [process.execPath, file('node-plain/receiver.mjs')],
    remedy: 'install Node 20 or newer',
  },
];

/** Starts a receiver on a free port; what it keeps is in `directory`. */
export async function start({ command, remedy }, directory, secret) {
  const environment = { PORT: '0', ...(secret === undefined ? {} : { WEBHOOK_SECRET: secret }) };
  return Process.start(command, { directory, environment, remedy });
}
