// Schemathesis against the running binary: what the API's description says of a call and what the call does must be the
// same. Started by `cargo xtask test --only schemathesis`, or by hand with a Python that has schemathesis:
//
//   GROUNDSWELL_BIN=$PWD/target/debug/groundswell node end2end/schemathesis/run.mjs path/to/python
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startReceiver } from '../receiver.mjs';
import { ADMIN_KEY, Server } from '../server.mjs';

const [python = 'python3'] = process.argv.slice(2);
const HERE = fileURLToPath(new URL('.', import.meta.url));
const ALL_EVENTS = {
  REFERRAL: ['NEW_PARTICIPANT_ADDED', 'PARTICIPANT_REACHED_A_GOAL', 'PARTICIPANT_FRAUD_STATUS_UPDATED', 'CAMPAIGN_ENDED'],
  AFFILIATE: ['NEW_PARTICIPANT_ADDED', 'NEW_COMMISSION_ADDED', 'COMMISSION_ADJUSTED', 'NEW_PAYOUT_ISSUED'],
};

/** A program with something of everything in it, whose ids calls can be made with. */
async function filledProgram(server, receiver, type) {
  const { id } = await server.call('POST', '/campaigns', { type, name: `${type} program` });
  const at = (path) => `/campaign/${id}${path}`;
  const inbox = await server.call('GET', at('/inbox'));
  const webhook = (payloadUrl) => server.call('POST', at('/webhooks'), { payloadUrl, events: ALL_EVENTS[type], secret: 's' });
  const webhooks = [await webhook(receiver.url('/hook')), await webhook(inbox.url)];
  for (let count = 0; count < 5; count += 1) await server.join(id, `participant-${count}`);
  const delivered = async () => (await server.call('GET', at('/deliveries?state=delivered'))).deliveries;
  const deadline = AbortSignal.timeout(30_000);
  while ((await delivered()).length < 10) deadline.throwIfAborted();
  const job = await server.call('POST', at('/resends'), { state: 'delivered' });
  const { requests } = await server.call('GET', at('/inbox'));
  return {
    id,
    events: ALL_EVENTS[type],
    webhookId: webhooks.map((one) => one.id),
    deliveryId: (await delivered()).map((one) => one.id),
    jobId: [job.id],
    requestId: requests.map((one) => one.id),
  };
}

/** Programs to add webhooks to. */
async function emptyPrograms(server, count) {
  const ids = [];
  while (ids.length < count) ids.push((await server.call('POST', '/campaigns', { type: 'REFERRAL' })).id);
  return ids;
}

const receiver = await startReceiver();
const server = await Server.start();
const directory = await mkdtemp(join(tmpdir(), 'groundswell-schemathesis-'));
let code = 1;
try {
  const filled = [
    await filledProgram(server, receiver, 'REFERRAL'),
    await filledProgram(server, receiver, 'AFFILIATE'),
  ];
  const args = ['--config-file', join(HERE, 'schemathesis.toml'), 'run', `${server.url}/v2/openapi.json`];
  const schemathesis = spawn(python, ['-m', 'schemathesis.cli', ...args], {
    cwd: directory,
    stdio: 'inherit',
    env: {
      ...process.env,
      API_KEY: ADMIN_KEY,
      PYTHONPATH: HERE,
      SCHEMATHESIS_HOOKS: 'hooks',
      FILLED: JSON.stringify(filled),
      EMPTY: JSON.stringify(await emptyPrograms(server, 100)),
      RECEIVER_URL: receiver.url('/hook'),
    },
  });
  [code] = await once(schemathesis, 'exit');
} finally {
  await server.stop();
  await receiver.close();
  await rm(directory, { recursive: true, force: true });
}
process.exitCode = code ?? 1;
