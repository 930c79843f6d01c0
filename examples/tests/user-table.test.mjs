// The user table as it runs, at the end of real deliveries: one row for each user, and nothing old in it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../../end2end/server.mjs';
import { App, forgeries, Program, QUICK_PROBES, send, signatures, startLossyProxy, until } from './scenario.mjs';

const ADDED = 'NEW_PARTICIPANT_ADDED';
const FRAUD = 'PARTICIPANT_FRAUD_STATUS_UPDATED';
const SECRET = `whsec_${Buffer.from('the key of the user table').toString('base64')}`;

let server;
before(async () => {
  server = await Server.start(QUICK_PROBES);
});
after(() => server?.stop());

const participant = (id, more = {}) => ({
  id,
  email: `${id}@example.com`,
  shareUrl: `https://example.com?grsf=${id}`,
  referralSource: 'DIRECT',
  fraudRiskLevel: 'LOW',
  createdAt: 1_700_000_000_000,
  ...more,
});

/** An app with a user table, and a program with two webhooks that both lead to it: each event comes twice, at once. */
async function start(t, { secret = SECRET, by = (app) => app.url } = {}) {
  const app = await App.start('user-table', [process.execPath, 'app.mjs'], { WEBHOOK_SECRET: secret });
  t.after(() => app.stop());
  const url = `${await by(app)}/webhooks`;
  const program = await Program.create(server, { urls: [url, url], events: [ADDED, FRAUD], secret });
  return { app, program };
}

async function signUp(app, email, name) {
  const body = new URLSearchParams({ email, name });
  return (await fetch(`${app.url}/users`, { method: 'POST', body, redirect: 'manual' })).status;
}

/** The rows of the table without what differs from run to run, by their address. */
async function users(app) {
  const { users } = await app.get('/users');
  return Object.fromEntries(
    users.map((user) => {
      const { email, name, signed_up_at, participant_id, share_url, referred_by, fraud_risk_level } = user;
      const row = { name, signedUp: signed_up_at !== null, participant_id, share_url, referred_by, fraud_risk_level };
      return [email, row];
    }),
  );
}

/** The row of somebody who takes part, and has signed up under `name`, if there is one. */
const row = (id, { name = null, referredBy = null, risk = 'LOW' } = {}) => ({
  name,
  signedUp: name !== null,
  participant_id: id,
  share_url: `https://example.com?grsf=${id}`,
  referred_by: referredBy,
  fraud_risk_level: risk,
});

test('a participant gets into the row of the user, whichever was first, and once however often sent', async (t) => {
  const { app, program } = await start(t);
  assert.equal(await signUp(app, 'Ada@Example.com', 'Ada'), 303);
  await program.deliver(ADDED, participant('ada'));
  await program.deliver(ADDED, participant('bob', { referredBy: 'ada' }));
  assert.deepEqual((await users(app))['bob@example.com'], row('bob', { referredBy: 'ada' }));
  assert.equal(await signUp(app, 'bob@example.com', 'Bob'), 303);
  assert.equal(await signUp(app, 'bob@example.com', 'Mallory'), 409);
  assert.equal(await signUp(app, 'nobody', 'Mallory'), 400);
  const wanted = {
    'Ada@Example.com': row('ada', { name: 'Ada' }),
    'bob@example.com': row('bob', { name: 'Bob', referredBy: 'ada' }),
  };
  assert.deepEqual(await users(app), wanted);

  await program.resendAll();
  assert.equal((await program.deliveries()).length, 8);
  assert.deepEqual(await users(app), wanted);
});

test('an older event overwrites nothing, and adds what was not known', async (t) => {
  const { app, program } = await start(t);
  const now = Date.now();
  // The rating comes first, although the participant joined before.
  const rated = { participant: participant('ada', { fraudRiskLevel: 'HIGH' }) };
  await program.deliver(FRAUD, rated, { createdAt: now });
  await program.deliver(ADDED, participant('ada', { referredBy: 'bob' }), { createdAt: now - 60_000 });
  assert.deepEqual(await users(app), { 'ada@example.com': row('ada', { risk: 'HIGH', referredBy: 'bob' }) });

  const cleared = { participant: participant('ada', { fraudRiskLevel: 'MEDIUM' }) };
  await program.deliver(FRAUD, cleared, { createdAt: now + 60_000 });
  await program.resendAll();
  assert.deepEqual(await users(app), { 'ada@example.com': row('ada', { risk: 'MEDIUM', referredBy: 'bob' }) });
});

test('a participant with a new address moves until the user has signed up, and then stays', async (t) => {
  const { app, program } = await start(t);
  const now = Date.now();
  const rated = (email) => ({ participant: participant('ada', { email }) });
  await program.deliver(ADDED, participant('ada', { referredBy: 'bob' }), { createdAt: now });
  await signUp(app, 'lovelace@example.com', 'Ada');
  await program.deliver(FRAUD, rated('lovelace@example.com'), { createdAt: now + 1 });
  const wanted = { 'lovelace@example.com': row('ada', { name: 'Ada', referredBy: 'bob' }) };
  assert.deepEqual(await users(app), wanted);
  await program.deliver(FRAUD, rated('elsewhere@example.com'), { createdAt: now + 2 });
  await program.deliver(FRAUD, rated('ada@example.com'), { createdAt: now - 1 });
  assert.deepEqual(await users(app), wanted);
});

test('somebody who joins again has the newer link, also when the older event comes last', async (t) => {
  const { app, program } = await start(t);
  const now = Date.now();
  const again = participant('ada2', { email: 'ada@example.com', referredBy: 'cleo' });
  await program.deliver(ADDED, again, { createdAt: now });
  await program.deliver(ADDED, participant('ada', { referredBy: 'bob' }), { createdAt: now - 60_000 });
  assert.deepEqual(await users(app), { 'ada@example.com': row('ada2', { referredBy: 'cleo' }) });
});

test('without an e-mail address there is a row, which gets the address when it is known', async (t) => {
  const { app, program } = await start(t);
  const now = Date.now();
  await program.deliver(ADDED, participant('ada', { email: undefined }), { createdAt: now });
  assert.deepEqual(await users(app), { null: row('ada') });
  await program.deliver(FRAUD, { participant: participant('ada') }, { createdAt: now + 1 });
  assert.deepEqual(await users(app), { 'ada@example.com': row('ada') });
});

test('an answer that is lost on the way makes a repeat, and no second row', async (t) => {
  let proxy;
  const by = async (app) => (proxy = await startLossyProxy(app.url)).url;
  const { app, program } = await start(t, { by });
  t.after(() => proxy.stop());
  await program.post(ADDED, participant('ada'));
  await until('answers were lost', () => proxy.lost >= 4);
  proxy.losesAnswers = false;
  const deliveries = await program.settled();
  assert.ok(deliveries.every(({ attempts }) => attempts > 1), JSON.stringify(deliveries));
  assert.deepEqual(await users(app), { 'ada@example.com': row('ada') });
});

test('killed in the middle of a burst, it has everybody once', async (t) => {
  const { app, program } = await start(t);
  const ids = Array.from({ length: 40 }, (_, at) => `p${at}`);
  const burst = ids.map((id) => program.post(ADDED, participant(id)));
  await until('somebody is there', async () => (await app.get('/users')).users.length > 0);
  await app.kill();
  await Promise.all(burst);
  await until('it was tried in vain', async () => {
    const deliveries = await program.deliveries();
    return deliveries.some(({ lastFailure, state }) => lastFailure === 'connect' && state !== 'delivered');
  });
  await app.start();
  assert.equal((await program.settled()).length, 80);
  assert.deepEqual(await users(app), Object.fromEntries(ids.map((id) => [`${id}@example.com`, row(id)])));
});

test('a test from the Program Editor arrives and stores nobody', async (t) => {
  const { app, program } = await start(t);
  const { success, response } = await program.test(ADDED);
  assert.ok(success, JSON.stringify(response));
  assert.deepEqual(await users(app), {});
});

test('either signature is enough, and a wrong, foreign, old or missing one is refused', async (t) => {
  const { app } = await start(t);
  const at = Date.now();
  const body = JSON.stringify({ event: ADDED, createdAt: at, data: participant('mallory') });
  const { product, standard } = signatures(body, SECRET, { at });
  for (const [what, headers] of Object.entries(forgeries(body, SECRET, at))) {
    assert.equal(await send(app, body, headers), 401, what);
  }
  assert.equal(await send(app, body.replace('mallory', 'eve'), product), 401, 'another body');
  assert.equal(await send(app, undefined, product), 401, 'no body');
  assert.deepEqual(await users(app), {});
  for (const headers of [product, standard]) assert.equal(await send(app, body, headers), 204);
  assert.deepEqual(await users(app), { 'mallory@example.com': row('mallory') });
});

test('the page shows what a participant sent as text', async (t) => {
  const { app, program } = await start(t);
  await program.deliver(ADDED, participant('a<b', { shareUrl: 'javascript:alert(1)' }));
  const page = await app.get('/');
  assert.match(page, /<th scope="row">a&#60;b@example.com<\/th>/);
  assert.doesNotMatch(page, /href="javascript/);
});

test('what cannot be stored is answered with an error, so that it is sent again', async (t) => {
  const { app } = await start(t);
  const post = (data) => {
    const body = JSON.stringify({ event: ADDED, createdAt: Date.now(), data });
    return send(app, body, signatures(body, SECRET, { id: 'evt_1' }).standard);
  };
  assert.equal(await post(null), 500);
  assert.equal(await post(participant('ada')), 204);
  // Now the event is remembered, and whatever comes under its id is a repeat.
  assert.equal(await post(participant('bob')), 204);
  assert.deepEqual(await users(app), { 'ada@example.com': row('ada') });
});
