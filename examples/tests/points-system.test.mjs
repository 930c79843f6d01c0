// The points system as it runs, at the end of real deliveries: whatever goes wrong on the way, the balances are exact.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../../end2end/server.mjs';
import { App, forgeries, Program, QUICK_PROBES, send, signatures, startLossyProxy, until } from './scenario.mjs';

const PYTHON = process.env.GROUNDSWELL_PYTHON ?? 'python3';
const GOAL = 'PARTICIPANT_REACHED_A_GOAL';
const SECRET = 'a secret of the points system';
const WHSEC = `whsec_${Buffer.from('a key of twenty-four bytes').toString('base64')}`;

let server;
before(async () => {
  server = await Server.start(QUICK_PROBES);
});
after(() => server?.stop());

const person = (id) => ({ id, email: `${id}@example.com` });

/** The data of a goal: `who` has earned the reward, as the referrer or as the friend. */
const goal = (rewardId, who, { approved = true, isReferrer = true } = {}) => ({
  participant: { ...person(who), [isReferrer ? 'referee' : 'referrer']: person('somebody-else') },
  reward: { id: rewardId, rewardId: 'crew_1', type: 'DOUBLE_SIDED', approved, isReferrer },
});

/** A points system, and a program with two webhooks that both lead to it: each event comes twice, at once. */
async function start(t, { secret = SECRET, by = (app) => app.url } = {}) {
  const app = await App.start('points-system', [PYTHON, 'app.py'], { WEBHOOK_SECRET: secret });
  t.after(() => app.stop());
  const url = `${await by(app)}/webhooks`;
  const program = await Program.create(server, { urls: [url, url], events: [GOAL, 'NEW_PARTICIPANT_ADDED'], secret });
  return { app, program };
}

/** The balances as `participant: [points, pending]`. */
async function balances(app) {
  const { balances } = await app.get('/balances');
  return Object.fromEntries(balances.map(({ participantId, points, pending }) => [participantId, [points, pending]]));
}

test('referrer and friend of a double-sided reward each get theirs, once, however often it is sent', async (t) => {
  const { app, program } = await start(t);
  // Both sides may have one reward's id: the key is the reward and who earned it.
  await program.deliver(GOAL, goal('prew_1', 'ada'));
  await program.deliver(GOAL, goal('prew_1', 'bob', { isReferrer: false }));
  await program.deliver(GOAL, goal('prew_2', 'ada'));
  await program.deliver('NEW_PARTICIPANT_ADDED', person('cleo'));
  const wanted = { ada: [200, 0], bob: [50, 0] };
  assert.deepEqual(await balances(app), wanted);

  await program.resendAll();
  assert.equal((await program.deliveries()).length, 16);
  // A producer who posts again without an Idempotency-Key makes another event of the same reward.
  await program.deliver(GOAL, goal('prew_1', 'ada'));
  assert.deepEqual(await balances(app), wanted);
});

test('a reward that is approved by hand counts when it is approved, in whichever order its events come', async (t) => {
  const { app, program } = await start(t);
  await program.deliver(GOAL, goal('prew_1', 'ada', { approved: false }));
  assert.deepEqual(await balances(app), { ada: [0, 100] });
  await program.deliver(GOAL, goal('prew_1', 'ada'));
  assert.deepEqual(await balances(app), { ada: [100, 0] });

  await program.deliver(GOAL, goal('prew_2', 'bob', { isReferrer: false }));
  await program.deliver(GOAL, goal('prew_2', 'bob', { isReferrer: false, approved: false }));
  assert.deepEqual(await balances(app), { ada: [100, 0], bob: [50, 0] });
  await program.resendAll();
  assert.deepEqual(await balances(app), { ada: [100, 0], bob: [50, 0] });

  const page = await app.get('/');
  assert.match(page, /<th scope="row">ada@example.com<\/th><td>100<\/td><td>0<\/td>/);
});

test('an answer that is lost on the way makes a repeat, and no second credit', async (t) => {
  let proxy;
  const by = async (app) => (proxy = await startLossyProxy(app.url)).url;
  const { app, program } = await start(t, { by });
  t.after(() => proxy.stop());
  await program.post(GOAL, goal('prew_1', 'ada'));
  await until('answers were lost', () => proxy.lost >= 4);
  assert.deepEqual(await balances(app), { ada: [100, 0] });
  proxy.losesAnswers = false;
  const deliveries = await program.settled();
  assert.ok(deliveries.every(({ attempts }) => attempts > 1), JSON.stringify(deliveries));
  assert.deepEqual(await balances(app), { ada: [100, 0] });
});

test('killed in the middle of a burst, and again, it credits every reward once', async (t) => {
  const { app, program } = await start(t);
  const people = ['ada', 'bob', 'cleo', 'dan'];
  const burst = Array.from({ length: 40 }, (_, at) => program.post(GOAL, goal(`prew_${at}`, people[at % 4])));
  for (const credited of [1, 1000]) {
    await until('some are credited', async () => {
      const points = Object.values(await balances(app)).reduce((sum, [points]) => sum + points, 0);
      return points >= credited;
    });
    await app.kill();
    await app.start();
  }
  await Promise.all(burst);
  await app.kill();
  // While it is away, events wait.
  await program.post(GOAL, goal('prew_last', 'ada'));
  await until('it was tried in vain', async () => {
    const deliveries = await program.deliveries();
    return deliveries.some(({ lastFailure, state }) => lastFailure === 'connect' && state !== 'delivered');
  });
  await app.start();
  const deliveries = await program.settled();
  assert.equal(deliveries.length, 82);
  assert.deepEqual(await balances(app), { ada: [1100, 0], bob: [1000, 0], cleo: [1000, 0], dan: [1000, 0] });
});

test('a secret of the form whsec_… works, and the newest address counts, whenever it comes', async (t) => {
  const { app, program } = await start(t, { secret: WHSEC });
  const now = Date.now();
  const moved = { ...goal('prew_2', 'ada'), participant: { id: 'ada', email: 'ada@lovelace.example' } };
  await program.deliver(GOAL, moved, { createdAt: now });
  await program.deliver(GOAL, goal('prew_1', 'ada'), { createdAt: now - 60_000 });
  const { balances } = await app.get('/balances');
  assert.deepEqual(balances, [{ participantId: 'ada', email: 'ada@lovelace.example', points: 200, pending: 0 }]);
});

test('a test from the Program Editor arrives and credits nobody', async (t) => {
  const { app, program } = await start(t);
  const { success, response } = await program.test(GOAL);
  assert.ok(success, JSON.stringify(response));
  assert.deepEqual(await balances(app), {});
});

test('either signature is enough, and a wrong, foreign, old or missing one is refused', async (t) => {
  const { app } = await start(t);
  const at = Date.now();
  const body = JSON.stringify({ event: GOAL, createdAt: at, data: goal('prew_1', 'mallory') });
  const { product, standard } = signatures(body, SECRET, { at });
  for (const [what, headers] of Object.entries(forgeries(body, SECRET, at))) {
    assert.equal(await send(app, body, headers), 401, what);
  }
  assert.equal(await send(app, body.replace('mallory', 'eve'), product), 401, 'another body');
  assert.deepEqual(await balances(app), {});

  // While an old secret is still valid, requests are signed with both, the new one first.
  const foreign = signatures(body, 'another secret', { at });
  const older = product['growsurf-signature'].split(',')[1];
  const rotated = {
    ...standard,
    'growsurf-signature': `${foreign.product['growsurf-signature']},${older}`,
    'webhook-signature': `${foreign.standard['webhook-signature']} ${standard['webhook-signature']}`,
  };
  for (const headers of [product, standard, { ...product, ...standard }, rotated]) {
    assert.equal(await send(app, body, headers), 204);
  }
  assert.deepEqual(await balances(app), { mallory: [100, 0] });
});

test('what cannot be stored is answered with an error, so that it is sent again', async (t) => {
  const { app } = await start(t);
  const post = (data) => {
    const body = JSON.stringify({ event: GOAL, createdAt: Date.now(), data });
    return send(app, body, signatures(body, SECRET, { id: 'evt_1' }).standard);
  };
  assert.equal(await post({ ...goal('prew_1', 'ada'), reward: {} }), 500);
  assert.equal(await post(goal('prew_1', 'ada')), 204);
  // Now the event is remembered, and whatever comes under its id is a repeat.
  assert.equal(await post(goal('prew_2', 'ada')), 204);
  assert.deepEqual(await balances(app), { ada: [100, 0] });
  assert.equal((await fetch(`${app.url}/elsewhere`, { method: 'POST', body: '{}' })).status, 404);
});
