// A receiver of webhooks as somebody else would write one: nothing but Node, its own idea of both signatures, and
// a record of everything that arrived, independent of what the sender thinks it did.
//
// As a module: `const receiver = await startReceiver()`. As a process:
//   node end2end/receiver.mjs [--port 4000] [--secret hunter2] [--record requests.ndjson]
// which prints each request in a line, and is told by calls how to behave:
//   POST   /_control/behaviour   {"path": "/hook", "status": 500, …}, see `Behaviour`
//   GET    /_control/requests    everything that arrived, as JSON
//   DELETE /_control/requests    forget it
import { createHmac, timingSafeEqual } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { appendFileSync, realpathSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const TOLERANCE_MS = 5 * 60_000;
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/**
 * How a path answers; everything is optional.
 * @typedef {object} Behaviour
 * @property {number} [status] of the answer; 200
 * @property {Record<string, string>} [headers] of the answer
 * @property {string} [body] of the answer; `ok`
 * @property {number} [delayMs] before the answer begins
 * @property {boolean} [hang] never answer
 * @property {boolean} [reset] break the connection instead of answering
 * @property {boolean} [endless] answer with a body that never ends
 * @property {string} [redirect] answer 302 to there
 * @property {number} [retryAfter] seconds, as a header
 * @property {number} [failFirst] answer 500 to each event's first so many attempts
 * @property {number} [failEvery] answer 500 to every so many-th request
 */

/**
 * One request as it arrived.
 * @typedef {object} Arrived
 * @property {number} number counted from 1
 * @property {number} at Unix milliseconds
 * @property {string} method
 * @property {string} path
 * @property {Record<string, string>} headers names in lower case
 * @property {Buffer} body the bytes as they came
 * @property {number | null} status what was answered; null when nothing was
 */

export class Receiver extends EventEmitter {
  /** @type {Arrived[]} */
  requests = [];
  #behaviours = new Map();
  #attempts = new Map();
  #server;
  #recordFile;

  constructor({ recordFile } = {}) {
    super();
    this.#recordFile = recordFile;
    this.#server = createServer((request, response) => {
      this.#take(request, response).catch((error) => response.destroy(error));
    });
    // A receiver that closes idle connections would break requests that are on their way.
    this.#server.keepAliveTimeout = 0;
  }

  async listen(port = 0, host = '127.0.0.1') {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return this;
  }

  get port() {
    return this.#server.address().port;
  }

  /** The URL of `path` here. */
  url(path = '/') {
    return new URL(path, `http://127.0.0.1:${this.port}`).href;
  }

  /** From now on `path` (everything, if it is `*`) answers like this. @param {Behaviour} behaviour */
  behave(path, behaviour = {}) {
    this.#behaviours.set(path, behaviour);
  }

  /** Forgets what arrived; behaviours stay. */
  forget() {
    this.requests = [];
    this.#attempts.clear();
  }

  /** What arrived at `path`, oldest first. */
  at(path) {
    return this.requests.filter((request) => request.path === path);
  }

  /** Waits until what arrived contains something that `wanted` accepts, and returns that. */
  async waitFor(wanted, { timeoutMs = 10_000, what = 'a request' } = {}) {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const found = this.requests.find(wanted);
      if (found) return found;
      try {
        await once(this, 'answered', { signal: deadline });
      } catch {
        const seen = this.requests.map(({ path, status }) => `${path} ${status}`).join(', ') || 'nothing';
        throw new Error(`${what} did not arrive within ${timeoutMs} ms; arrived: ${seen}`);
      }
    }
  }

  async close() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #take(request, response) {
    const chunks = [];
    let bytes = 0;
    for await (const chunk of request) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) {
        response.writeHead(413).end();
        return;
      }
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks);
    const { pathname } = new URL(request.url, 'http://receiver');
    if (pathname.startsWith('/_control/')) {
      this.#control(request.method, pathname, body, response);
      return;
    }
    const arrived = {
      number: this.requests.length + 1,
      at: Date.now(),
      method: request.method,
      path: pathname,
      headers: request.headers,
      body,
      status: null,
    };
    this.requests.push(arrived);
    await this.#answer(arrived, response);
    this.#record(arrived);
    this.emit('answered', arrived);
  }

  async #answer(arrived, response) {
    const behaviour = this.#behaviours.get(arrived.path) ?? this.#behaviours.get('*') ?? {};
    if (behaviour.delayMs) await new Promise((resolve) => setTimeout(resolve, behaviour.delayMs));
    if (behaviour.hang) return;
    if (behaviour.reset) {
      response.socket.resetAndDestroy();
      return;
    }
    const headers = { 'content-type': 'text/plain', ...behaviour.headers };
    if (behaviour.redirect) headers.location = behaviour.redirect;
    if (behaviour.retryAfter !== undefined) headers['retry-after'] = String(behaviour.retryAfter);
    arrived.status = this.#status(arrived, behaviour);
    response.writeHead(arrived.status, headers);
    if (behaviour.endless) {
      this.#neverEnd(response);
    } else {
      response.end(behaviour.body ?? (arrived.status < 300 ? 'ok\n' : 'not now\n'));
    }
  }

  #status(arrived, { status = 200, redirect, failFirst = 0, failEvery = 0 }) {
    const key = `${arrived.path} ${arrived.headers['webhook-id']}`;
    const attempt = (this.#attempts.get(key) ?? 0) + 1;
    this.#attempts.set(key, attempt);
    if (attempt <= failFirst || (failEvery > 0 && arrived.number % failEvery === 0)) return 500;
    return redirect ? 302 : status;
  }

  #neverEnd(response) {
    const chunk = Buffer.alloc(4096, 'x');
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
  }

  #record({ body, ...rest }) {
    if (this.#recordFile) {
      appendFileSync(this.#recordFile, `${JSON.stringify({ ...rest, body: body.toString('base64') })}\n`);
    }
  }

  #control(method, pathname, body, response) {
    const answer = (status, value) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify(value)}\n`);
    };
    if (method === 'GET' && pathname === '/_control/requests') {
      answer(200, this.requests.map((arrived) => ({ ...arrived, body: arrived.body.toString('utf8') })));
    } else if (method === 'DELETE' && pathname === '/_control/requests') {
      this.forget();
      answer(200, {});
    } else if (method === 'POST' && pathname === '/_control/behaviour') {
      const { path = '*', ...behaviour } = JSON.parse(body.toString('utf8'));
      this.behave(path, behaviour);
      answer(200, { path, ...behaviour });
    } else {
      answer(404, { message: 'There is no such control.' });
    }
  }
}

/** A receiver that listens, by default on a free port of this machine. */
export const startReceiver = ({ port, host, recordFile } = {}) => new Receiver({ recordFile }).listen(port, host);

const hmac = (key, ...parts) => parts.reduce((mac, part) => mac.update(part), createHmac('sha256', key));

const same = (given, wanted) => {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
};

const timely = (ms, now) => Math.abs(now - ms) <= TOLERANCE_MS;

/** Checks `GrowSurf-Signature` over the bytes as they came. Returns what is wrong, or null. */
export function checkProduct({ headers, body }, secret, now = Date.now()) {
  const header = headers['growsurf-signature'];
  if (header === undefined) return 'there is no GrowSurf-Signature';
  const form = /^ts=(\d{13}),v=([0-9a-f]{64})(?:,v=([0-9a-f]{64}))?$/.exec(header);
  if (!form) return `GrowSurf-Signature has another form: ${header}`;
  const [, ts, newest, older] = form;
  const wanted = hmac(Buffer.from(secret, 'utf8'), `${ts}.`, body).digest('hex');
  if (![newest, older].some((digest) => digest !== undefined && same(digest, wanted))) {
    return 'GrowSurf-Signature does not fit body and secret';
  }
  return timely(Number(ts), now) ? null : 'GrowSurf-Signature is not of now';
}

/** Checks the Standard Webhooks headers over the bytes as they came. Returns what is wrong, or null. */
export function checkStandard({ headers, body }, secret, now = Date.now()) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  if (id === undefined || timestamp === undefined || signature === undefined) return 'a webhook-… header is missing';
  if (!/^\d{10}$/.test(timestamp)) return `webhook-timestamp has another form: ${timestamp}`;
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret, 'utf8');
  const wanted = hmac(key, `${id}.${timestamp}.`, body).digest('base64');
  const digests = signature.split(' ').filter((part) => part.startsWith('v1,')).map((part) => part.slice(3));
  if (!digests.some((digest) => same(digest, wanted))) return 'webhook-signature does not fit body and secret';
  return timely(Number(timestamp) * 1000, now) ? null : 'webhook-timestamp is not of now';
}

/** Checks as the product's published example does: over `JSON.stringify` of what Express parsed. */
export function checkAsPublished({ headers, body }, secret) {
  const header = headers['growsurf-signature'];
  if (header === undefined) return 'there is no GrowSurf-Signature';
  const parsed = JSON.parse(body.toString('utf8'));
  const timestamp = header.split(',')[0].split('=')[1];
  const signature = header.split(',')[1].split('=')[1];
  const wanted = createHmac('sha256', secret).update(`${timestamp}.${JSON.stringify(parsed)}`).digest('hex');
  return signature === wanted ? null : 'the published example would refuse it';
}

/** What any of the three checks finds wrong; empty when all are content. */
export const problems = (arrived, secret) =>
  [checkProduct, checkStandard, checkAsPublished].map((check) => check(arrived, secret, arrived.at)).filter(Boolean);

async function main() {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, secret: { type: 'string' }, record: { type: 'string' } },
  });
  const receiver = await startReceiver({ port: Number(values.port ?? 0), recordFile: values.record });
  receiver.on('answered', (arrived) => {
    const wrong = values.secret === undefined ? [] : problems(arrived, values.secret);
    const verdict = values.secret === undefined ? 'not checked' : wrong.join('; ') || 'verified';
    console.log(`${arrived.method} ${arrived.path} ${arrived.status ?? '-'} ${arrived.headers['webhook-id'] ?? '-'} ${verdict}`);
  });
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => receiver.close().then(() => process.exit(0)));
  }
  console.log(`Receiver listens on ${receiver.url()}`);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
