// What the tests of the scenarios are written with: an example as a process that can be killed, a program whose
// webhooks lead to it, and a way there that can lose answers.
import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const WAIT_MS = 30_000;
const LOOK_EVERY_MS = 25;

/** An endpoint that fails is tried again soon, so that tests see it. */
export const QUICK_PROBES = { GROUNDSWELL_PROBE_BASE_MS: '200', GROUNDSWELL_PROBE_CAP_MS: '400' };

/** Looks until `condition` gives something, and returns that. */
export async function until(what, condition) {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${WAIT_MS} ms`);
    await after(LOOK_EVERY_MS);
  }
}

/** An example that runs, with a database of its own. */
export class App {
  #command;
  #environment;
  #child;
  #directory;
  output = '';

  /** Starts `command` in the example's directory; it must print where it listens. */
  static async start(example, command, environment) {
    const app = new App();
    app.#directory = await mkdtemp(join(tmpdir(), `${example}-`));
    app.#command = { example, command };
    app.#environment = { PORT: '0', ...environment, DATABASE: join(app.#directory, `${example}.db`) };
    await app.start();
    return app;
  }

  /** Starts it again where it listened before, with the database as it is. */
  async start() {
    const { example, command } = this.#command;
    const [program, ...parameters] = command;
    this.output = '';
    this.#child = spawn(program, parameters, {
      cwd: fileURLToPath(new URL(`../${example}`, import.meta.url)),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, ...this.#environment },
    });
    let failure;
    this.#child.on('error', (error) => (failure = error));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (this.output += text));
    }
    const line = await until(`${example} listens`, () => {
      if (failure) throw failure;
      if (this.#child.exitCode !== null) throw new Error(`${example} ended:\n${this.output}`);
      return /listens on (http:\/\/\S+?)\/?$/m.exec(this.output);
    });
    this.url = line[1];
    this.#environment.PORT = new URL(this.url).port;
  }

  /** Ends it as a crash would (kill -9). */
  async kill() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async stop() {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** What it answers to GET. */
  async get(path) {
    const response = await fetch(`${this.url}${path}`);
    if (!response.ok) throw new Error(`GET ${path}: ${response.status}\n${this.output}`);
    return response.headers.get('content-type').startsWith('application/json') ? response.json() : response.text();
  }
}

/** A program on a real server, with webhooks that lead to `urls`. */
export class Program {
  #server;

  static async create(server, { urls, events, secret }) {
    const program = new Program();
    program.#server = server;
    program.id = (await server.call('POST', '/campaigns', { type: 'REFERRAL', name: 'Pied Piper' })).id;
    for (const payloadUrl of urls) {
      const webhook = { payloadUrl, events, secret, isEnabled: true };
      await server.call('POST', `/campaign/${program.id}/webhooks`, webhook);
    }
    return program;
  }

  /** Posts an event, and returns its id. */
  async post(event, data, more = {}) {
    return (await this.#server.call('POST', `/campaign/${this.id}/events`, { event, data, ...more })).id;
  }

  /** Posts an event and waits until it has arrived everywhere. */
  async deliver(event, data, more = {}) {
    const id = await this.post(event, data, more);
    await this.settled();
    return id;
  }

  deliveries() {
    return this.#server.call('GET', `/campaign/${this.id}/deliveries?limit=100`).then((page) => page.deliveries);
  }

  /** Waits until everything that was sent or resent has been delivered, and returns the deliveries. */
  settled() {
    return until('everything is delivered', async () => {
      const deliveries = await this.deliveries();
      return deliveries.every(({ state }) => state === 'delivered') && deliveries;
    });
  }

  /** Sends everything once more. */
  async resendAll() {
    for (const { id, resendOf } of await this.deliveries()) {
      if (!resendOf) await this.#server.call('POST', `/campaign/${this.id}/deliveries/${id}/resend`);
    }
    await this.settled();
  }

  /** What the Test button does. */
  test(event) {
    return this.#server.call('POST', `/campaign/${this.id}/webhooks/primary/test`, { event });
  }
}

/**
 * A proxy before `target` that hands on what comes and, as long as `losesAnswers`, hangs up instead of answering. It
 * first answers itself what is in `refusals`, `{status, headers}`, one for each request. `arrivals` has their times.
 */
export async function startLossyProxy(target, { losesAnswers = true, refusals = [] } = {}) {
  const agent = new Agent();
  const proxy = { losesAnswers, lost: 0, arrivals: [] };
  const server = createServer((request, response) => {
    proxy.arrivals.push(Date.now());
    const refusal = refusals.shift();
    if (refusal) {
      request.resume().on('end', () => response.writeHead(refusal.status, refusal.headers).end());
      return;
    }
    const { method, headers } = request;
    const onward = httpRequest(new URL(request.url, target), { method, headers, agent });
    onward.on('error', () => response.destroy());
    onward.on('response', (answer) => {
      if (proxy.losesAnswers) {
        proxy.lost += 1;
        answer.resume().on('end', () => response.destroy());
      } else {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      }
    });
    request.pipe(onward);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  proxy.stop = async () => {
    server.close();
    server.closeAllConnections();
    agent.destroy();
    await once(server, 'close');
  };
  return proxy;
}

/** Both signatures of a request, as Groundswell makes them. */
export function signatures(body, secret, { id = `evt_${randomUUID()}`, at = Date.now() } = {}) {
  const seconds = Math.floor(at / 1000);
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret;
  const product = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
  const standard = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  return {
    product: { 'growsurf-signature': `ts=${at},v=${product}` },
    standard: { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${standard}` },
  };
}

/** Posts `body` to the example's webhook, and returns the status of the answer. */
export async function send(app, body, headers) {
  const init = { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } };
  return (await fetch(`${app.url}/webhooks`, init)).status;
}

/** Headers with which `body` must be refused, by what is wrong with them; `at` is when it is signed. */
export function forgeries(body, secret, at) {
  const { product, standard } = signatures(body, secret, { at });
  const foreign = signatures(body, 'another secret', { at });
  const old = signatures(body, secret, { at: at - 6 * 60_000 });
  return {
    none: {},
    'foreign product': foreign.product,
    'foreign standard': foreign.standard,
    'one of two foreign': { ...product, ...foreign.standard },
    'the other of two foreign': { ...foreign.product, ...standard },
    'old product': old.product,
    'old standard': old.standard,
    'another id': { ...standard, 'webhook-id': 'evt_other' },
    'id without signature': { 'webhook-id': 'evt_1', 'webhook-timestamp': standard['webhook-timestamp'] },
    nonsense: { 'growsurf-signature': 'v=,ts=', 'webhook-signature': 'v1', 'webhook-timestamp': 'é' },
  };
}
