// A user table that knows each participant's referral link: the users of an app, in an SQLite database, with what their
// referral program says about them.
//
//   npm install && WEBHOOK_SECRET='your webhook secret' npm start
//
// `POST /webhooks` takes a program's events, `GET /` shows the table, and `GET /users` gives it as JSON. `POST /users` is
// the app's own sign-up.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import express from 'express';
import Database from 'libsql';

const { WEBHOOK_SECRET: SECRET, DATABASE = 'users.db', HOST = '127.0.0.1', PORT = '8081' } = process.env;
const TOLERANCE_MS = 5 * 60_000;

if (!SECRET) {
  console.error('Set WEBHOOK_SECRET to the secret of your webhook: without one, anybody could change your users.');
  process.exit(1);
}

const db = new Database(DATABASE);
db.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL; -- A commit is on disk when it returns: only then may we answer 2xx.
  -- What was dealt with already, by webhook-id.
  CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, received_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    email TEXT UNIQUE COLLATE NOCASE,
    name TEXT,
    signed_up_at INTEGER, -- none for participants who have not signed up here yet
    participant_id TEXT UNIQUE, -- none for users who have not joined the program
    share_url TEXT,
    referred_by TEXT,
    referral_source TEXT,
    fraud_risk_level TEXT,
    joined_at INTEGER,
    as_of INTEGER -- when the newest event happened that said something of the participant, in Unix milliseconds
  );
`);

const rememberEvent = db.prepare('INSERT INTO events VALUES (?, ?) ON CONFLICT DO NOTHING');
const userOfParticipant = db.prepare('SELECT * FROM users WHERE participant_id = ?');
const userOfEmail = db.prepare('SELECT * FROM users WHERE email = @email');
const allUsers = db.prepare('SELECT * FROM users ORDER BY id');
const addUser = db.prepare('INSERT INTO users (email) VALUES (@email)');
const removeUser = db.prepare('DELETE FROM users WHERE id = ?');
const updateParticipant = db.prepare(`
  UPDATE users SET participant_id = @participant_id, share_url = @share_url, referred_by = @referred_by,
    referral_source = @referral_source, fraud_risk_level = @fraud_risk_level, joined_at = @joined_at, as_of = @as_of
  WHERE id = @id`);
const signUp = db.prepare(`
  INSERT INTO users (email, name, signed_up_at) VALUES (@email, @name, @signed_up_at)
  ON CONFLICT (email) DO UPDATE SET name = excluded.name, signed_up_at = excluded.signed_up_at
  WHERE signed_up_at IS NULL`);

/** Does what an event says, unless that was done before: both are one transaction. */
const take = db.transaction((eventId, { event, createdAt, data }) => {
  if (rememberEvent.run(eventId, Date.now()).changes === 0) return;
  if (event === 'NEW_PARTICIPANT_ADDED') saveParticipant(data, createdAt);
  if (event === 'PARTICIPANT_FRAUD_STATUS_UPDATED') saveParticipant(data.participant, createdAt);
});

/** Writes what an event says of a participant. What is older fills gaps, and overwrites nothing. */
function saveParticipant(participant, happenedAt) {
  const linked = userOfParticipant.get(participant.id);
  const isNewer = happenedAt >= (linked?.as_of ?? 0);
  // Whose row it is: the linked one for good once its user has signed up, before that the one of the newest address.
  let user = linked;
  if (!linked || (isNewer && linked.signed_up_at === null)) {
    const email = participant.email?.trim() || null;
    user = userOfEmail.get({ email }) ?? (email || !linked ? { id: addUser.run({ email }).lastInsertRowid } : linked);
  }
  // Somebody who left the program and joined again is a new participant with the same address: the newer one counts.
  if (user.participant_id && user.participant_id !== participant.id && happenedAt < user.as_of) return;
  if (linked && linked.id !== user.id) removeUser.run(linked.id);

  const said = {
    participant_id: participant.id,
    share_url: participant.shareUrl,
    referred_by: participant.referredBy,
    referral_source: participant.referralSource,
    fraud_risk_level: participant.fraudRiskLevel,
    joined_at: participant.createdAt,
  };
  const [first, second] = isNewer ? [said, linked] : [linked, said];
  const merged = Object.keys(said).map((column) => [column, first[column] ?? second?.[column] ?? null]);
  const as_of = Math.max(happenedAt, linked?.as_of ?? 0);
  updateParticipant.run({ ...Object.fromEntries(merged), as_of, id: user.id });
}

/** The id of the event if the request is genuine, else nothing. Each signature that is there must be right. */
function genuineId(headers, body = Buffer.alloc(0)) {
  const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': standard } = headers;
  if (standard !== undefined) {
    const key = SECRET.startsWith('whsec_') ? Buffer.from(SECRET.slice(6), 'base64') : SECRET;
    const wanted = createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest('base64');
    if (!isFresh(seconds * 1000) || !isOneOf(`v1,${wanted}`, standard.split(' '))) return undefined;
  }
  const product = headers['growsurf-signature']; // ts=<Unix ms>,v=<hex>, and a second v= while an old secret is valid
  if (product !== undefined) {
    const [ts, ...given] = product.split(',');
    const ms = ts.replace(/^ts=/, '');
    const wanted = createHmac('sha256', SECRET).update(`${ms}.`).update(body).digest('hex');
    if (!isFresh(ms) || !isOneOf(`v=${wanted}`, given)) return undefined;
  }
  if (standard !== undefined) return id;
  // The other scheme does not sign an id; the bytes are the same in every attempt, so their hash will do.
  return product === undefined ? undefined : createHash('sha256').update(body).digest('hex');
}

const isFresh = (ms) => Math.abs(Date.now() - ms) <= TOLERANCE_MS;
const isOneOf = (wanted, given) => given.some((one) => isSame(Buffer.from(one), Buffer.from(wanted)));
const isSame = (a, b) => a.length === b.length && timingSafeEqual(a, b);

const app = express();
app.disable('x-powered-by');

// The signature is over the bytes as they came, so this path must not go through express.json().
app.post('/webhooks', express.raw({ type: () => true, limit: '8mb' }), (request, response) => {
  const eventId = genuineId(request.headers, request.body);
  if (eventId === undefined) return response.status(401).send('The signature is missing or wrong, or too old.\n');
  // The Test button of the Program Editor: nobody has joined.
  if (eventId.startsWith('test_')) return response.send('A test: nothing was stored.\n');
  take.immediate(eventId, JSON.parse(request.body));
  return response.status(204).end();
});

app.post('/users', express.urlencoded(), (request, response) => {
  const { email = '', name = null } = request.body ?? {};
  if (!/^\S+@\S+$/.test(email)) return response.status(400).send('An e-mail address is needed.\n');
  if (signUp.run({ email, name, signed_up_at: Date.now() }).changes === 0) {
    return response.status(409).send('There is a user with this e-mail address.\n');
  }
  return response.redirect(303, '/');
});

app.get('/users', (_, response) => response.json({ users: allUsers.all() }));
app.get('/', (_, response) => response.send(page(allUsers.all())));

app.use((error, _request, response, _next) => {
  console.error(error); // Whatever went wrong, nothing was committed: 500 has the event sent again.
  response.status(error.status ?? 500).send('This was not stored.\n');
});

const escaped = (text) => String(text ?? '').replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const link = (url) => (/^https?:/.test(url) ? `<a href="${escaped(url)}">${escaped(url)}</a>` : escaped(url));

const row = (user) => `<tr>
  <th scope="row">${escaped(user.email ?? user.participant_id)}</th><td>${escaped(user.name)}</td>
  <td>${link(user.share_url)}</td><td>${escaped(user.referred_by)}</td><td>${escaped(user.fraud_risk_level)}</td>
  <td>${user.signed_up_at ? 'yes' : 'not yet'}</td></tr>`;

const page = (users) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Users</title>
<style>body { font: 1rem/1.5 sans-serif; margin: 2rem } th, td { padding-right: 2rem; text-align: left }</style>
<main>
<h1>Users</h1>
<table>
<caption>Users and their referral links</caption>
<thead><tr><th scope="col">E-mail</th><th scope="col">Name</th><th scope="col">Referral link</th>
<th scope="col">Referred by</th><th scope="col">Fraud risk</th><th scope="col">Signed up</th></tr></thead>
<tbody>${users.map(row).join('\n') || '<tr><td colspan="6">There are no users yet.</td></tr>'}</tbody>
</table>
<h2>Sign up</h2>
<form method="post" action="/users">
<p><label>E-mail <input name="email" type="email" autocomplete="email" required></label>
<label>Name <input name="name" autocomplete="name"></label> <button>Sign up</button></p>
</form>
</main>`;

const server = app.listen(Number(PORT), HOST, (error) => {
  if (error) throw error;
  console.log(`The user table listens on http://${HOST}:${server.address().port}/`);
});
