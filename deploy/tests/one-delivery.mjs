// An event goes in, and comes out at a receiver that this script is: `node one-delivery.mjs ADMIN_KEY`, beside a server on
// port 3000 that may deliver to its own machine.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';

const [key] = process.argv.slice(2);

async function call(method, path, body) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const response = await fetch(`http://127.0.0.1:3000/v2${path}`, { method, headers, body: JSON.stringify(body) });
  const answer = await response.json();
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}

const receiver = createServer().listen(0, '127.0.0.1');
await once(receiver, 'listening');
const came = once(receiver, 'request', { signal: AbortSignal.timeout(20_000) });
const program = (await call('POST', '/campaigns', { type: 'REFERRAL', name: 'One delivery' })).id;
await call('POST', `/campaign/${program}/webhooks`, {
  payloadUrl: `http://127.0.0.1:${receiver.address().port}/hook`,
  events: ['NEW_PARTICIPANT_ADDED'],
  secret: 'a secret of the test',
});
const data = { id: 'p1', email: 'ada@example.com' };
const { id } = await call('POST', `/campaign/${program}/events`, { event: 'NEW_PARTICIPANT_ADDED', data });
const [request, response] = await came;
assert.equal(request.headers['webhook-id'], id);
assert.match(request.headers['webhook-signature'], /^v1,/);
response.end();
receiver.close();
receiver.closeAllConnections();
