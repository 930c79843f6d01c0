// API keys: made, shown once, used, revoked. The page has no browser half, so all of it works without JavaScript.
import { barriers } from '../barriers.mjs';
import { expect, programWith, test } from '../fixtures.mjs';

const refused = /Failed to load resource: the server responded with a status of 4(22|01)/;
test.use({ expectedComplaints: [[refused], { option: true }] });

const campaigns = (server, key) =>
  fetch(`${server.url}/v2/campaigns`, { headers: { authorization: `Bearer ${key}` } });

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test.use({ javaScriptEnabled });

    test('a key is made, shown once, used and revoked', async ({ page, server }) => {
      const program = await programWith(server, [], { name: 'Pied Piper' });
      await programWith(server, [], { name: 'Hooli' });
      await page.open('/');
      const requested = [];
      page.on('request', (request) => requested.push(new URL(request.url()).pathname));
      await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Settings' }).click();
      await page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'API keys' }).click();
      await expect(page.getByRole('heading', { name: 'No API keys yet' })).toBeVisible();
      const name = page.getByLabel(/^Name/);
      await name.fill('Shop');
      // The scope that a service needs that sends events is chosen already.
      await expect(page.getByRole('checkbox', { name: /^events/ })).toBeChecked();
      await page.getByRole('checkbox', { name: /^events/ }).uncheck();
      await page.getByText('Limits of its own').click();
      await page.getByLabel('Requests per second').fill('5');
      await page.getByRole('button', { name: 'Create API key' }).click();
      await expect(page.getByRole('alert')).toContainText('All three limits');
      await expect(name).toHaveValue('Shop');
      await page.getByLabel('Requests per minute').fill('50');
      await page.getByLabel('Requests per hour').fill('500');
      await page.getByRole('button', { name: 'Create API key' }).click();
      await expect(page.getByRole('alert')).toContainText('Must have at least one scope.');
      await page.getByRole('checkbox', { name: /^read/ }).check();
      await page.getByLabel('Where it is good for').selectOption({ label: `Pied Piper (${program})` });
      await page.getByRole('button', { name: 'Create API key' }).click();

      const key = await page.getByLabel('Copy it now. It is not shown again.').inputValue();
      expect(key).toMatch(/^gsk_[0-9A-Za-z]{42}$/);
      expect((await (await campaigns(server, key)).json()).campaigns.map(({ name }) => name)).toEqual(['Pied Piper']);

      await page.goto(`${server.url}/settings/api-keys`);
      const item = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'Shop' }) });
      await expect(item).toContainText(`gsk_…${key.slice(-4)}`);
      await expect(item).toContainText('last used');
      await expect(item).toContainText('5 per second, 50 per minute, 500 per hour');
      expect(await page.content()).not.toContain(key);
      await item.getByText('Revoke…').click();
      await item.getByRole('button', { name: 'Revoke now' }).click();
      await expect(page.getByRole('heading', { name: 'No API keys yet' })).toBeVisible();
      expect((await campaigns(server, key)).status).toBe(401);
      expect(requested.filter((path) => path.endsWith('.wasm'))).toEqual([]);
    });
  });
}

test('nobody sees or makes keys without being signed in', async ({ context, server }) => {
  const page = await context.newPage();
  const answer = await page.goto(`${server.url}/settings/api-keys`);
  expect(answer.status()).toBe(401);
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  const made = await page.request.post(`${server.url}/settings/api-keys`, {
    form: { intent: 'create', name: 'x', scope: 'admin' },
    headers: { origin: server.url },
  });
  expect(made.status()).toBe(401);
  const other = await page.request.post(`${server.url}/settings/api-keys`, {
    form: { intent: 'create', name: 'x', scope: 'admin' },
    headers: { origin: 'https://evil.example' },
  });
  expect(other.status()).toBe(403);
  expect((await server.call('GET', '/api-keys')).apiKeys).toEqual([]);
});

for (const colorScheme of ['light', 'dark']) {
  for (const width of [1280, 320]) {
    test(`nothing is in anybody's way, ${colorScheme}, ${width} px`, async ({ page, server }, info) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      const program = await programWith(server, [], { name: 'A program with a name of some length' });
      const look = async (name) => {
        await page.screenshot({ path: info.outputPath(`${name}.png`), fullPage: true });
        expect(await barriers(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      };
      await page.goto(`${server.url}/settings/api-keys`);
      await look('empty');
      await server.call('POST', '/api-keys', { name: 'Nightly import', scopes: ['webhooks', 'events'], campaignId: program });
      await server.call('POST', '/api-keys', { name: 'n'.repeat(100), scopes: ['admin'], rateLimit: { second: 5, minute: 50, hour: 500 } });
      await page.goto(`${server.url}/settings/api-keys`);
      await page.getByText('New API key').click();
      await page.getByText('Limits of its own').click();
      await page.getByText('Revoke…').first().click();
      await look('full');
      await page.getByLabel(/^Name/).fill('Shop');
      await page.getByRole('checkbox', { name: /^read/ }).check();
      await page.getByRole('button', { name: 'Create API key' }).click();
      await expect(page.getByText('The key “Shop” is ready.')).toBeVisible();
      await look('made');
    });
  }
}
