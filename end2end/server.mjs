// The real binary as a process, on a database of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BINARY =
  process.env.GROUNDSWELL_BIN ?? fileURLToPath(new URL('../target/debug/groundswell', import.meta.url));
export const ADMIN_KEY = 'the-admin-key-of-the-browser-tests-is-long-enough';
const START_MS = 30_000;
const STOP_MS = 30_000;

/** Retries soon and often, so that tests see them. */
const QUICK_RETRY = {
  GROUNDSWELL_RETRY_BASE_MS: '200',
  GROUNDSWELL_RETRY_FACTOR: '2',
  GROUNDSWELL_RETRY_CAP_MS: '1000',
};

export class Server {
  #child;
  #directory;
  #environment;
  #output = '';

  /** Starts a server; `environment` adds to what it is started with. */
  static async start(environment = {}) {
    const server = new Server();
    server.#directory = await mkdtemp(join(tmpdir(), 'groundswell-'));
    server.#environment = environment;
    await server.#spawn();
    return server;
  }

  async #spawn() {
    this.#child = spawn(BINARY, ['serve'], {
      cwd: this.#directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        GROUNDSWELL_LISTEN: '127.0.0.1:0',
        GROUNDSWELL_DATABASE_URL: `sqlite://${this.database}`,
        GROUNDSWELL_ADMIN_KEY: ADMIN_KEY,
        GROUNDSWELL_EGRESS_ALLOW: '127.0.0.0/8,::1/128',
        GROUNDSWELL_RATE_LIMIT: 'off',
        ...QUICK_RETRY,
        ...this.#environment,
      },
    });
    const failed = once(this.#child, 'error').then(([error]) => {
      throw new Error(`${BINARY} does not start (set GROUNDSWELL_BIN to the server): ${error.message}`);
    });
    const ended = once(this.#child, 'exit').then(() => {
      throw new Error(`the server ended before it was ready:\n${this.#output}`);
    });
    // When the server has started, nobody waits for these any more.
    failed.catch(() => {});
    ended.catch(() => {});
    await Promise.race([this.#listening(), failed, ended]);
  }

  /** Waits for the line that says where it listens, and until it takes traffic. */
  async #listening() {
    const line = /^Groundswell listens on (http:\/\/\S+)$/m;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (this.#output += text));
    }
    const deadline = AbortSignal.timeout(START_MS);
    while (!line.test(this.#output)) await once(this.#child.stdout, 'data', { signal: deadline });
    this.url = line.exec(this.#output)[1];
    const isReady = () => fetch(`${this.url}/readyz`, { signal: deadline }).then(({ ok }) => ok, () => false);
    while (!(await isReady())) deadline.throwIfAborted();
  }

  /** The file its database is in. */
  get database() {
    return join(this.#directory, 'groundswell.db');
  }

  /** Everything it has printed. */
  get log() {
    return this.#output;
  }

  /** Calls the REST API; what is not answered with a success is an error. */
  async call(method, path, body) {
    const response = await fetch(`${this.url}/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** A link that signs in, once. */
  async signInLink() {
    return (await this.call('POST', '/sign-in-links', {})).url;
  }

  /** Posts that a participant joined, and returns the event's id. */
  async join(program, participant, more = {}) {
    const data = { id: participant, email: `${participant}@example.com`, ...more };
    return (await this.call('POST', `/campaign/${program}/events`, { event: 'NEW_PARTICIPANT_ADDED', data })).id;
  }

  /** Stops it, does what is to be done meanwhile, and starts it again, on the same port and database. */
  async restart(meanwhile = async () => {}) {
    this.#environment = { ...this.#environment, GROUNDSWELL_LISTEN: new URL(this.url).host };
    await this.#end();
    await meanwhile();
    this.#output = '';
    await this.#spawn();
  }

  /** Ends it as a crash would, with kill -9; `restart` starts it again. */
  async kill() {
    const ended = once(this.#child, 'exit', { signal: AbortSignal.timeout(STOP_MS) });
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #end() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit', { signal: AbortSignal.timeout(STOP_MS) });
      this.#child.kill('SIGTERM');
      await ended.catch(() => this.#child.kill('SIGKILL'));
    }
  }

  /** Asks it to stop, and waits until it has. */
  async stop() {
    await this.#end();
    await rm(this.#directory, { recursive: true, force: true });
    if (this.#child.exitCode !== 0) throw new Error(`the server did not stop with 0:\n${this.#output}`);
  }
}
