// The producer in Rust against the real server, which is killed again and again meanwhile: every order arrives, once.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { startReceiver } from '../../end2end/receiver.mjs';
import { Server } from '../../end2end/server.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const PRODUCER = join(process.env.CARGO_TARGET_DIR ?? here('../../target'), 'debug/producer-rust');
const SAMPLE = here('../producer-rust/orders.ndjson');
const EVENTS = ['PARTICIPANT_REACHED_A_GOAL', 'NEW_PARTICIPANT_ADDED'];
const WAIT_MS = 60_000;
const LOOK_EVERY_MS = 10;

let server;
let receiver;
before(async () => {
  server = await Server.start();
  receiver = await startReceiver();
});
after(async () => {
  await receiver?.close();
  await server?.stop();
});

/** Looks again and again for what becomes true soon. */
async function until(isTrue, what) {
  const deadline = AbortSignal.timeout(WAIT_MS);
  while (!(await isTrue())) {
    assert.ok(!deadline.aborted, `${what}: not within ${WAIT_MS} ms`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** A program whose events go to the receiver's `path`. */
async function programFor(path) {
  const { id } = await server.call('POST', '/campaigns', { type: 'REFERRAL', name: 'Shop' });
  await server.call('POST', `/campaign/${id}/webhooks`, { payloadUrl: receiver.url(path), events: EVENTS });
  return id;
}

/** The example as somebody starts it, with a key that may only do what it has to. */
async function start(program, ...words) {
  const { key } = await server.call('POST', '/api-keys', { name: 'shop', scopes: ['events'] });
  const child = spawn(PRODUCER, words, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { GROUNDSWELL_URL: server.url, GROUNDSWELL_PROGRAM: program, GROUNDSWELL_API_KEY: key },
  });
  const producer = { child, output: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (producer.output += text));
  producer.ended = once(child, 'close').then(([code]) => code);
  await once(child, 'spawn').catch(({ message }) => assert.fail(`${message}: run cargo build -p producer-rust`));
  return producer;
}

/** Every delivery of a program. */
async function deliveries(program) {
  const all = [];
  let next = '';
  do {
    const page = await server.call('GET', `/campaign/${program}/deliveries?limit=100${next}`);
    all.push(...page.deliveries);
    next = page.nextId ? `&nextId=${page.nextId}` : null;
  } while (next !== null);
  return all;
}

/** Waits until everything that was accepted is delivered, and returns the deliveries. */
async function settled(program) {
  await until(async () => {
    const [waiting, retrying, sending] = await Promise.all(
      ['waiting', 'retrying', 'sending'].map((state) =>
        server.call('GET', `/campaign/${program}/deliveries?limit=1&state=${state}`),
      ),
    );
    return [waiting, retrying, sending].every(({ deliveries }) => deliveries.length === 0);
  }, 'everything is delivered');
  const all = await deliveries(program);
  assert.deepEqual([...new Set(all.map(({ state }) => state))], ['delivered']);
  return all;
}

/** What an event at the receiver is about: the order of a reward, or the participant who joined. */
function subject({ body }) {
  const { event, data } = JSON.parse(body.toString('utf8'));
  return event === 'NEW_PARTICIPANT_ADDED' ? data.id : `order ${data.reward.metadata.orderId}`;
}

/** The ids of the events that arrived at `path`, by what they are about. */
function arrivals(path) {
  const ids = new Map();
  for (const request of receiver.at(path)) {
    const about = subject(request);
    ids.set(about, (ids.get(about) ?? new Set()).add(request.headers['webhook-id']));
  }
  return ids;
}

const ORDERS = 4_000;
const ROUNDS = 5;
const FIRST_EVERY = 4;
const order = (number) => ({
  id: number,
  customer: { id: `customer ${number - (number % FIRST_EVERY)}`, email: 'somebody@example.com' },
  referredBy: { id: 'ada', email: 'ada@example.com' },
  isFirst: number % FIRST_EVERY === 0,
  totalCents: 100 + number,
  placedAt: 1_764_150_000_000 + number,
});

/** Places some orders; returns when the producer has read them, or nearly. */
async function place({ child }, from, to) {
  const lines = Array.from({ length: to - from }, (_, at) => `${JSON.stringify(order(from + at))}\n`).join('');
  if (!child.stdin.write(lines)) await once(child.stdin, 'drain');
}

test('every order arrives once, although the server is killed meanwhile', { timeout: 300_000 }, async () => {
  const program = await programFor('/shop');
  const producer = await start(program);
  const each = ORDERS / ROUNDS;
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = receiver.at('/shop').length;
    // What comes first is on its way to the receiver while the rest is on its way to the server.
    await place(producer, round * each, round * each + each / 2);
    await until(() => receiver.at('/shop').length > before, 'an event arrives');
    const placed = place(producer, round * each + each / 2, (round + 1) * each);
    await server.kill();
    await placed;
    await server.restart();
  }
  producer.child.stdin.end();
  assert.equal(await producer.ended, 0, producer.output);
  const events = ORDERS + ORDERS / FIRST_EVERY;
  assert.match(producer.output, new RegExp(`^${events} events accepted, \\d+ of them were there already; 0 failed\n$`));

  const all = await settled(program);
  assert.equal(all.length, events);
  assert.equal(new Set(all.map(({ eventId }) => eventId)).size, events);
  const ids = arrivals('/shop');
  assert.equal(ids.size, events);
  for (let number = 0; number < ORDERS; number += 1) {
    assert.equal(ids.get(`order ${number}`)?.size, 1, `order ${number}`);
  }
});

test('the orders of the README can be sent again and make no second event', { timeout: 120_000 }, async () => {
  const program = await programFor('/sample');
  const lines = (await readFile(SAMPLE, 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
  const events = lines.filter(({ isFirst }) => isFirst).length + lines.filter(({ referredBy }) => referredBy).length;
  for (const duplicates of [0, events]) {
    const producer = await start(program, SAMPLE);
    assert.equal(await producer.ended, 0, producer.output);
    const said = `${events} events accepted, ${duplicates} of them were there already; 0 failed\n`;
    assert.equal(producer.output, said);
    assert.equal((await settled(program)).length, events);
  }
});

test('an order that cannot be sent is named, and the others are sent', { timeout: 120_000 }, async () => {
  const program = await programFor('/wrong');
  const producer = await start(program);
  const nobody = { ...order(1), referredBy: { id: '', email: '' } };
  producer.child.stdin.end(`${JSON.stringify(nobody)}\nno order\n${JSON.stringify(order(2))}\n`);
  assert.equal(await producer.ended, 1);
  assert.match(producer.output, /the server refused the event with the key order-1: 400 .*\/data\/participant\/id/);
  assert.match(producer.output, /^expected ident at line 1 column 2$/m);
  assert.match(producer.output, /^1 events accepted, 0 of them were there already; 2 failed$/m);
  await settled(program);
  assert.deepEqual([...arrivals('/wrong').keys()], ['order 2']);
});
