// The script as it runs against a real server: whatever it has to repeat, each event is made once.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startReceiver } from '../../end2end/receiver.mjs';
import { Server } from '../../end2end/server.mjs';
import { Program, startLossyProxy, until } from './scenario.mjs';

const HERE = fileURLToPath(new URL('../producer-curl', import.meta.url));
const EVENTS = ['NEW_PARTICIPANT_ADDED', 'PARTICIPANT_REACHED_A_GOAL'];
/** A timer may fire this much early. */
const EARLY_MS = 50;

let server;
let apiKey;
let directory;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'producer-curl-'));
  server = await Server.start({ GROUNDSWELL_RATE_LIMIT: '1/1000/1000' });
});
after(async () => {
  await rm(directory, { recursive: true, force: true });
  await server?.stop();
});

/** A program with a webhook, and an API key of its own, so that no test meets the rate limit of another. */
async function start(t) {
  const receiver = await startReceiver();
  t.after(() => receiver.close());
  apiKey = (await server.call('POST', '/api-keys', { name: t.name.slice(0, 40) })).key;
  return Program.create(server, { urls: [receiver.url('/')], events: EVENTS, secret: 'a secret' });
}

/** Begins to run the script. */
function begin(program, parameters, environment = {}) {
  const env = {
    PATH: process.env.PATH,
    GROUNDSWELL_URL: server.url,
    GROUNDSWELL_API_KEY: apiKey,
    GROUNDSWELL_PROGRAM: program.id,
    ...environment,
  };
  const child = spawn('sh', ['send.sh', ...parameters], { cwd: HERE, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const run = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (run.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (run.stderr += text));
  run.ended = once(child, 'close').then(([status]) => {
    const answers = run.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    return { status, answers, stderr: run.stderr };
  });
  return run;
}

const send = (...parameters) => begin(...parameters).ended;

/** How many events a program has got. */
const count = async (program) => new Set((await program.settled()).map(({ eventId }) => eventId)).size;

async function file(name, text) {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

test('an event is accepted, and sent again it is a duplicate', async (t) => {
  const program = await start(t);
  const first = await send(program, ['event', 'event.json', 'joined-ada']);
  assert.equal(first.status, 0, first.stderr);
  const [{ id }] = first.answers;
  assert.deepEqual(first.answers, [{ id, deliveries: 1, duplicate: false }]);
  const second = await send(program, ['event', 'event.json', 'joined-ada']);
  assert.equal(second.status, 0, second.stderr);
  assert.deepEqual(second.answers, [{ id, deliveries: 1, duplicate: true }]);
  assert.equal(await count(program), 1);
});

test('a batch has an answer for each line, and sent again all are duplicates', async (t) => {
  const program = await start(t);
  const first = await send(program, ['batch', 'batch.ndjson']);
  assert.equal(first.status, 0, first.stderr);
  assert.deepEqual(first.answers.map(({ index }) => index), [0, 1, 2]);
  assert.ok(first.answers.every(({ duplicate }) => !duplicate));
  const second = await send(program, ['batch', 'batch.ndjson']);
  assert.equal(second.status, 0, second.stderr);
  assert.deepEqual(second.answers, first.answers.map((answer) => ({ ...answer, duplicate: true })));
  assert.equal(await count(program), 3);
});

test('a batch of which a line is refused says which and why, and the others are in', async (t) => {
  const program = await start(t);
  const line = (idempotencyKey, data) => JSON.stringify({ idempotencyKey, event: EVENTS[0], data });
  const path = await file('partly.ndjson', `${line('a', { id: 'a' })}\n\n${line('b', {})}\n${line('c', { id: 'c' })}`);
  const { status, answers } = await send(program, ['batch', path]);
  assert.equal(status, 1);
  assert.deepEqual(answers.map(({ error }) => error?.errors[0].pointer), [undefined, '/data/id', undefined]);
  assert.equal(await count(program), 2);
});

test('what the server has no time for is sent again when it says, and makes one event', async (t) => {
  const program = await start(t);
  const refusals = [
    { status: 503, headers: { 'Retry-After': '2' } },
    { status: 429, headers: { 'retry-after': '0' } },
    { status: 502, headers: {} },
  ];
  const proxy = await startLossyProxy(server.url, { losesAnswers: false, refusals });
  t.after(() => proxy.stop());
  const run = await send(program, ['event', 'event.json', 'joined-ada'], { GROUNDSWELL_URL: proxy.url });
  assert.equal(run.status, 0, run.stderr);
  assert.equal(run.answers[0].duplicate, false);
  const waits = proxy.arrivals.slice(1).map((at, before) => at - proxy.arrivals[before]);
  assert.equal(waits.length, 3);
  assert.ok(waits[0] >= 2000 - EARLY_MS && waits[2] >= 1000 - EARLY_MS, `waited ${waits} ms`);
  assert.equal(await count(program), 1);
});

test('the rate limit of the server itself is waited for', async (t) => {
  const program = await start(t);
  const runs = [];
  // On a busy machine a burst may take so long that nobody meets the limit of one request a second.
  while (!runs.some(({ stderr }) => stderr.includes('429'))) {
    assert.ok(runs.length < 40, 'nobody met the limit');
    const burst = Array.from({ length: 4 }, (_, at) => send(program, ['event', 'event.json', `${runs.length + at}`]));
    runs.push(...(await Promise.all(burst)));
  }
  for (const { status, stderr } of runs) assert.equal(status, 0, stderr);
  assert.equal(await count(program), runs.length);
});

test('an answer that is lost makes a repeat with the same key, and no second event', async (t) => {
  for (const [parameters, events] of [[['event', 'event.json', 'joined-ada'], 1], [['batch', 'batch.ndjson'], 3]]) {
    const program = await start(t);
    const proxy = await startLossyProxy(server.url);
    t.after(() => proxy.stop());
    const run = begin(program, parameters, { GROUNDSWELL_URL: proxy.url });
    await until('an answer was lost', () => proxy.lost > 0);
    proxy.losesAnswers = false;
    const { status, answers, stderr } = await run.ended;
    assert.equal(status, 0, stderr);
    assert.ok(answers.length > 0 && answers.every(({ duplicate }) => duplicate), JSON.stringify(answers));
    assert.equal(await count(program), events);
  }
});

test('a server that is away is waited for', async (t) => {
  const program = await start(t);
  let run;
  await server.restart(async () => {
    run = begin(program, ['event', 'event.json', 'joined-ada']);
    await until('it has tried', () => run.stderr.includes('no answer'));
  });
  const { status, answers, stderr } = await run.ended;
  assert.equal(status, 0, stderr);
  assert.equal(answers[0].duplicate, false);
  assert.equal(await count(program), 1);
});

test('it gives up in the end, and says that it can be repeated', async (t) => {
  const program = await start(t);
  const refusals = Array.from({ length: 2 }, () => ({ status: 503, headers: { 'Retry-After': '0' } }));
  const proxy = await startLossyProxy(server.url, { losesAnswers: false, refusals });
  t.after(() => proxy.stop());
  const environment = { GROUNDSWELL_URL: proxy.url, TRIES: '2' };
  const { status, stderr } = await send(program, ['event', 'event.json', 'joined-ada'], environment);
  assert.equal(status, 75, stderr);
  assert.match(stderr, /Given up after 2 tries/);
  assert.equal(await count(program), 0);
});

test('what is wrong is said and not repeated', async (t) => {
  const program = await start(t);
  const bad = await file('bad.json', '{"event":"NEW_PARTICIPANT_ADDED","data":{"id":7}}');
  const refused = await send(program, ['event', bad, 'bad']);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /"pointer":"\/data\/id"/);
  assert.doesNotMatch(refused.stderr, /Try 1/);

  const keyless = await file('keyless.ndjson', '{"idempotencyKey":"a","event":"X"}\n\n{"event":"Y"}\n');
  const batch = await send(program, ['batch', keyless]);
  assert.equal(batch.status, 2);
  assert.match(batch.stderr, /lines without an "idempotencyKey": 3/);

  for (const [parameters, environment] of [
    [[], {}],
    [['event', 'event.json'], {}],
    [['event', 'event.json', ''], {}],
    [['event', 'not-there.json', 'key'], {}],
    [['batch', 'batch.ndjson'], { GROUNDSWELL_API_KEY: '' }],
    [['batch', 'batch.ndjson'], { GROUNDSWELL_PROGRAM: '' }],
  ]) {
    const { status, stderr } = await send(program, parameters, environment);
    assert.equal(status, 2, `${parameters} ${JSON.stringify(environment)}`);
    assert.notEqual(stderr, '');
  }
});
