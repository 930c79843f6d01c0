// The same journey with JavaScript off: plain forms and whole pages.
import { answered, expect, panel, said, test } from '../fixtures.mjs';
import { problems } from '../receiver.mjs';

// What is not accepted comes back with the status that says so, which the browser reports on its console.
const refused = /Failed to load resource: the server responded with a status of 422/;
test.use({ javaScriptEnabled: false, expectedComplaints: [[refused], { option: true }] });

test('everything can be done without JavaScript', async ({ context, server, receiver }) => {
  const page = await context.newPage();
  await page.goto(await server.signInLink());
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByLabel('Name').fill('Pied Piper');
  await page.getByRole('radio', { name: /Affiliate/ }).check();
  await page.getByRole('button', { name: 'Create program' }).click();
  await page.getByRole('link', { name: 'Webhooks' }).click();
  const program = /\/programs\/([^/]+)\//.exec(page.url())[1];
  const { add, row, rows, publish } = panel(page);
  const first = row(1);

  await test.step('add a row and save what is typed', async () => {
    await add.click();
    await first.url.fill('ftp://example.com');
    await page.getByRole('button', { name: 'Save draft' }).last().click();
    await expect(first.url).toHaveValue('ftp://example.com');
    await expect(first.self.getByText(/must start with https:\/\/ or http:\/\//i)).toBeVisible();
  });

  await test.step('what is wrong is not published, and what was typed stays', async () => {
    await publish.click();
    await expect(page.getByRole('alert')).toBeVisible();
    await expect(first.url).toHaveValue('ftp://example.com');
    expect((await server.call('GET', `/campaign/${program}/webhooks`)).webhooks).toEqual([]);
  });

  await test.step('test it', async () => {
    await first.url.fill(receiver.url('/hook'));
    await first.test.click();
    await expect(first.self.getByText(/^200 in /)).toBeVisible();
    expect(receiver.requests).toHaveLength(1);
  });

  await test.step('choose events and a secret', async () => {
    await first.settings.click();
    await first.button('None').click();
    if (!(await first.event('NEW_PAYOUT_ISSUED').isVisible())) await first.settings.click();
    await first.event('NEW_PAYOUT_ISSUED').check();
    await first.secret.fill('hunter2');
    await first.button('Save secret').click();
    await expect(first.self.getByText('A new secret is saved in this draft.')).toBeAttached();
    await expect(first.event('NEW_PAYOUT_ISSUED')).toBeChecked();
  });

  await test.step('add a header', async () => {
    await first.button('Add header').click();
    await first.self.getByRole('textbox', { name: 'Name of header 1' }).fill('x-api-key');
    await first.self.getByRole('textbox', { name: 'Value of header 1' }).fill('s3cret');
    await page.getByRole('button', { name: 'Save draft' }).last().click();
    expect(await page.content()).not.toContain('s3cret');
  });

  await test.step('publish', async () => {
    await publish.click();
    await expect(said(page, /^Published\./)).toBeVisible();
    const { webhooks } = await server.call('GET', `/campaign/${program}/webhooks`);
    expect(webhooks).toMatchObject([{ id: 'primary', events: ['NEW_PAYOUT_ISSUED'], isEnabled: true }]);
  });

  await test.step('an event arrives and is in the log', async () => {
    receiver.forget();
    const data = { participant: { id: 'gavin' }, payout: { id: 'po_1', amount: 2000 } };
    const { id } = await server.call('POST', `/campaign/${program}/events`, { event: 'NEW_PAYOUT_ISSUED', data });
    const arrived = await receiver.waitFor(({ headers }) => headers['webhook-id'] === id);
    expect(problems(arrived, 'hunter2')).toEqual([]);
    await expect(async () => {
      await page.goto(`${server.url}/programs/${program}/deliveries`);
      await expect(page.getByRole('row', { name: /New payout issued/ })).toContainText('Delivered', { timeout: 1000 });
    }).toPass();
    await page.getByRole('row', { name: /New payout issued/ }).getByRole('link').click();
    await expect(page.getByRole('complementary', { name: 'New payout issued' })).toContainText(id);
    await page.getByLabel('State').selectOption('Undeliverable');
    await page.getByRole('button', { name: 'Filter' }).click();
    await expect(page.getByText('No delivery matches')).toBeVisible();
    await page.getByRole('link', { name: 'show all deliveries' }).click();
    await expect(page.getByRole('row', { name: /New payout issued/ })).toBeVisible();
  });

  await test.step('the history is there, and restores', async () => {
    expect(receiver.requests.at(-1).headers['x-api-key']).toBe('s3cret');
    await page.goto(`${server.url}/programs/${program}/options/webhooks/history`);
    await expect(page.getByText('by the owner, in the editor')).toBeVisible();
    await expect(page.getByText('Live now')).toBeVisible();
  });

  await test.step('switch it off, remove it', async () => {
    await page.goto(`${server.url}/programs/${program}/options/webhooks`);
    await first.isOn.uncheck();
    await answered(page, publish);
    expect((await server.call('GET', `/campaign/${program}/webhooks`)).webhooks[0].isEnabled).toBe(false);
    await first.self.getByLabel('More for webhook 1').click();
    await first.button('Remove').click();
    await expect(rows).toHaveCount(0);
    await publish.click();
    await expect(said(page, /^Published\./)).toBeVisible();
    expect((await server.call('GET', `/campaign/${program}/webhooks`)).webhooks).toEqual([]);
  });
});

test('a name that is too long comes back with the reason', async ({ page, server }) => {
  const answer = await page.request.post(`${server.url}/`, {
    form: { name: 'x'.repeat(201), type: 'REFERRAL' },
    headers: { origin: server.url },
  });
  expect(answer.status()).toBe(422);
  expect(await answer.text()).toContain('x'.repeat(201));
});

test('forms of other sites are refused', async ({ page, server }) => {
  for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }]) {
    const answer = await page.request.post(`${server.url}/`, { form: { name: 'Evil', type: 'REFERRAL' }, headers, maxRedirects: 0 });
    expect(answer.status(), JSON.stringify(headers)).toBe(403);
  }
  expect((await server.call('GET', '/campaigns')).campaigns).toEqual([]);
});
