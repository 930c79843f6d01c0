// Receives webhooks with Node and Express:
//
//   npm install && WEBHOOK_SECRET='your webhook secret' PORT=8080 node receiver.mjs
import { createHash, createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { link, mkdir, open, unlink, writeFile } from 'node:fs/promises';
import express from 'express';

const SECRET = process.env.WEBHOOK_SECRET;
if (!SECRET) throw new Error('set WEBHOOK_SECRET to the secret of your webhook');
const MAX_BODY_BYTES = 5 * 1024 * 1024; // An event has 4 MiB at most.
const TOLERANCE_MS = 5 * 60 * 1000;

// Not express.json(): the bytes as they came are signed, and JSON.stringify may give others.
const rawBody = express.raw({ type: () => true, limit: MAX_BODY_BYTES });

const app = express();
app.post('/', rawBody, async (request, response) => {
  const body = request.body ?? Buffer.alloc(0);
  if (!isGenuine(request.headers, body)) return response.sendStatus(401);
  const id = eventId(request.headers, body);
  if (!/^[\w-]{1,100}$/.test(id)) return response.sendStatus(400);
  const { event } = JSON.parse(body);
  console.log((await store(id, body)) ? `event=${event} id=${id}` : `duplicate id=${id}`);
  response.sendStatus(204);
});

// Express itself would show the error to whoever sent the request.
app.use((error, _request, response, _next) => {
  console.error(error);
  response.sendStatus(error.status ?? 500); // Not taken, so it is sent again.
});

/** Each request has two signatures, and one is enough. */
function isGenuine(headers, body) {
  const { 'growsurf-signature': product, 'webhook-signature': standard } = headers;
  if (product === undefined && standard === undefined) return false;
  return (
    (product === undefined || isProductSignature(product, body)) &&
    (standard === undefined || isStandardSignature(standard, headers, body))
  );
}

/**
 * By what a repeat is known. Only the standard signature covers the id: without it, anybody could send
 * a copy again under another id, so the body's hash is the key.
 */
function eventId(headers, body) {
  if (headers['webhook-signature'] !== undefined) return headers['webhook-id'] ?? '';
  return `body-${createHash('sha256').update(body).digest('hex')}`;
}

/** `GrowSurf-Signature: ts=<Unix ms>,v=<hex>`, with another `v=` while an old secret is valid. */
function isProductSignature(header, body) {
  const [ts, ...digests] = header.split(',').map((part) => part.split('=')[1] ?? '');
  const wanted = createHmac('sha256', SECRET).update(`${ts}.`).update(body).digest('hex');
  return isFresh(ts) && digests.some((given) => isSame(given, wanted));
}

/** `webhook-signature: v1,<base64>`, one for each valid secret; see standardwebhooks.com. */
function isStandardSignature(header, { 'webhook-id': id, 'webhook-timestamp': timestamp }, body) {
  const key = SECRET.startsWith('whsec_') ? Buffer.from(SECRET.slice(6), 'base64') : SECRET;
  const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body);
  const wanted = `v1,${hmac.digest('base64')}`;
  return isFresh(timestamp * 1000) && header.split(' ').some((given) => isSame(given, wanted));
}

/** An old request may be a copy that somebody sends again. */
const isFresh = (ms) => Math.abs(Date.now() - ms) <= TOLERANCE_MS;

/** In constant time, so that nobody can find a signature out byte by byte. */
function isSame(given, wanted) {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Keeps the event in a file, and tells whether it is new: only one request can link its name.
 * With a database, make the id unique there: INSERT … ON CONFLICT DO NOTHING, in the transaction
 * that changes your own tables. Slow work, such as sending e-mail, comes after the answer.
 */
async function store(id, body) {
  await mkdir('events', { recursive: true });
  const temporary = `events/${randomUUID()}.part`;
  await writeFile(temporary, body, { flush: true });
  let isNew = true;
  try {
    await link(temporary, `events/${id}.json`);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    isNew = false;
  } finally {
    await unlink(temporary);
  }
  const directory = await open('events');
  await directory.sync().finally(() => directory.close()); // Now the name is on disk as well.
  return isNew;
}

const server = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
