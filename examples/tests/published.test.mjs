// Real requests against the published Standard Webhooks libraries: whoever uses one has nothing to write themselves.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { startReceiver } from '../../end2end/receiver.mjs';
import { Server } from '../../end2end/server.mjs';
import { PYTHON, TARGET } from './receivers.mjs';

const program = (path) => fileURLToPath(new URL(`published/${path}`, import.meta.url));

const LIBRARIES = {
  'standardwebhooks from npm': [process.execPath, program('node/verify.mjs')],
  'standardwebhooks from PyPI': [PYTHON, program('python/verify.py')],
  'standardwebhooks from crates.io': [join(TARGET, 'debug/verify-with-published-library')],
};
const WHSEC = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const PLAIN = 'geheim & ünïcode ☂';
/** The libraries decode what they are given, so a secret of another form is given to them like this. */
const encoded = (secret) => `whsec_${Buffer.from(secret).toString('base64')}`;

const captured = [];
let server;
let receiver;

before(async () => {
  server = await Server.start();
  receiver = await startReceiver();
  const { id: campaign } = await server.call('POST', '/campaigns', { type: 'REFERRAL', name: 'Example' });
  const events = ['NEW_PARTICIPANT_ADDED'];
  const create = (path, secret) =>
    server.call('POST', `/campaign/${campaign}/webhooks`, { payloadUrl: receiver.url(path), events, secret });
  await create('/whsec', WHSEC);
  await create('/plain', PLAIN);
  const { id: rotated } = await create('/rotated', WHSEC);
  const change = { secret: PLAIN, secretOverlapSeconds: 3600 };
  await server.call('PATCH', `/campaign/${campaign}/webhooks/${rotated}`, change);

  await server.join(campaign, 'p1', { firstName: 'Zoë \u2028 "☂"', metadata: { b: 1e21, 7: '\u007f' } });
  for (const [path, secret] of [['/whsec', WHSEC], ['/plain', encoded(PLAIN)], ['/rotated', WHSEC]]) {
    const { headers, body } = await receiver.waitFor((arrived) => arrived.path === path, { what: path });
    captured.push({ path, secret, headers, body: body.toString('utf8') });
  }
});
after(async () => {
  await receiver?.close();
  await server?.stop();
});

/** What `command` ends with when it is given `request`: its exit code, and what it complains of. */
async function verify([name, ...words], request) {
  const child = spawn(name, words, { stdio: ['pipe', 'ignore', 'pipe'] });
  const missing = once(child, 'error').then(([error]) => {
    throw new Error(`${name} does not start (${error.code}): run \`cargo xtask test --only examples\``);
  });
  missing.catch(() => {});
  child.stdin.on('error', () => {}).end(JSON.stringify(request));
  const [complaint, [code]] = await Promise.race([missing, Promise.all([text(child.stderr), once(child, 'close')])]);
  return { code, complaint };
}

for (const [name, command] of Object.entries(LIBRARIES)) {
  test(`${name} verifies what arrives, and nothing else`, { timeout: 60_000 }, async () => {
    for (const request of captured) {
      const { code, complaint } = await verify(command, request);
      assert.equal(code, 0, `${request.path}: ${complaint}`);
    }
    const [{ body, ...rest }] = captured;
    const changed = await verify(command, { ...rest, body: body.replace('p1', 'p2') });
    assert.notEqual(changed.code, 0);
    assert.match(changed.complaint, /signature|InvalidSignature/i);
    const stranger = await verify(command, { ...rest, body, secret: encoded('somebody else’s secret') });
    assert.match(stranger.complaint, /signature|InvalidSignature/i);
  });
}
