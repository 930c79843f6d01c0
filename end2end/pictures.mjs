// Takes the two pictures of the README and the documentation anew, from a running server with something to show:
//   GROUNDSWELL_BIN=… node pictures.mjs
// `crm.acme.test` and `mail.acme.test` have to be names of 127.0.0.1, and its port 80 free, which is so in a namespace:
//   unshare -rmn sh -c 'ip link set lo up; echo "127.0.0.1 crm.acme.test mail.acme.test" > hosts;
//     mount --bind hosts /etc/hosts; node pictures.mjs'
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { chromium, expect } from '@playwright/test';
import { startReceiver } from './receiver.mjs';
import { Server } from './server.mjs';

const CRM = 'http://crm.acme.test/hooks/referrals';
const MAIL = 'http://mail.acme.test/groundswell';
const FRIENDS = ['ada', 'grace', 'katherine', 'margaret', 'radia', 'barbara', 'frances', 'hedy'];

const file = (name) => fileURLToPath(new URL(`../crates/app/docs/${name}.png`, import.meta.url));

/** A day of deliveries for the charts: the counts of hours that are over. */
function seedDay(server) {
  const run = `
import math, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1])
hour = int(time.time()) // 3600
for number, (endpoint,) in enumerate(db.execute('SELECT id FROM endpoint ORDER BY id').fetchall()):
    for back in range(1, 24):
        delivered = 30 + round(14 * math.sin(back / 2 + number))
        failed = 9 if number == 1 and back in (9, 18) else 0
        db.execute('INSERT INTO endpoint_hour VALUES (?, ?, ?, ?, 0)', (endpoint, hour - back, delivered, failed))
db.commit()`;
  execFileSync('python3', ['-c', run, server.database]);
}

/** A program with a webhook that works, and one that has been failing for a moment. */
async function fill(server, receiver) {
  const { id } = await server.call('POST', '/campaigns', { type: 'REFERRAL', name: 'Bring a friend' });
  await server.call('PATCH', `/campaign/${id}`, { status: 'IN_PROGRESS' });
  const events = ['NEW_PARTICIPANT_ADDED', 'PARTICIPANT_REACHED_A_GOAL', 'PARTICIPANT_FRAUD_STATUS_UPDATED', 'CAMPAIGN_ENDED'];
  for (const [name, payloadUrl, wanted] of [['CRM', CRM, events], ['Newsletter', MAIL, events.slice(0, 1)]]) {
    await server.call('POST', `/campaign/${id}/webhooks`, { name, payloadUrl, events: wanted, isEnabled: true, secret: 'hunter2' });
  }
  const join = async (friend) => {
    const data = { id: friend, email: `${friend}@example.com`, firstName: friend[0].toUpperCase() + friend.slice(1), referralCount: 0 };
    await server.call('POST', `/campaign/${id}/events`, { event: 'NEW_PARTICIPANT_ADDED', data });
  };
  await join('mary');
  await receiver.waitFor(({ path, status }) => path === '/groundswell' && status === 200);
  seedDay(server);
  receiver.behave('/groundswell', { status: 503, headers: { 'content-type': 'application/json' }, body: '{"error":"maintenance"}' });
  for (const friend of FRIENDS) await join(friend);
  const data = { participant: { id: 'mary', email: 'mary@example.com', referralCount: 3 }, reward: { id: 'rew_1', title: 'A month for free' } };
  await server.call('POST', `/campaign/${id}/events`, { event: 'PARTICIPANT_REACHED_A_GOAL', data });
  const held = async () => (await server.call('GET', `/campaign/${id}/deliveries?state=held`)).deliveries;
  await expect.poll(async () => (await held()).length, { timeout: 60_000 }).toBe(FRIENDS.length);
  const [open] = (await held()).toSorted((a, b) => b.attempts - a.attempts);
  return { program: id, delivery: open.id };
}

async function take(page, name) {
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
  // The viewer's own times are there a moment later.
  await page.waitForTimeout(1_000);
  await page.screenshot({ path: file(name), animations: 'disabled' });
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const receiver = await startReceiver({ port: 80 });
const server = await Server.start({ GROUNDSWELL_RETRY_BASE_MS: '2000', GROUNDSWELL_RETRY_CAP_MS: '8000' });
try {
  const { program, delivery } = await fill(server, receiver);
  const context = await browser.newContext({
    viewport: { width: 1280, height: 1010 }, deviceScaleFactor: 1.5, colorScheme: 'light', locale: 'en-GB',
  });
  const { token } = Object.fromEntries(new URL(await server.signInLink()).searchParams);
  await context.request.post(`${server.url}/sign-in`, { form: { token }, headers: { origin: server.url } });
  const page = await context.newPage();
  await page.goto(`${server.url}/programs/${program}/deliveries?delivery=${delivery}`);
  await take(page, 'delivery-log');
  await page.goto(`${server.url}/programs/${program}/options/webhooks`);
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
  await page.getByRole('button', { name: 'Test webhook 1', exact: true }).click();
  await page.getByText(/^200 in /).waitFor();
  await page.mouse.move(0, 0);
  await take(page, 'webhooks-panel');
} finally {
  await browser.close();
  await server.stop();
  await receiver.close();
}
