// First steps without a server of one's own: the built-in receiver, and the checklist that goes with it.
import { alive, answered, expect, panel, programWith, said, test } from '../fixtures.mjs';

// Nothing outside may be reached, this machine included: what arrives in the inbox has not gone through the network.
test.use({ environment: { GROUNDSWELL_EGRESS_ALLOW: '' } });

const requests = (page) => page.getByRole('list', { name: 'Requests' }).getByRole('listitem');
const step = (page, name) => page.getByRole('region', { name: 'First steps' }).getByRole('listitem').filter({ hasText: new RegExp(`^\\s*${name}`) });
const detail = (page, name) => page.getByRole('complementary', { name });

test('from an empty program to a verified delivery, and the checklist goes', async ({ page, server, context }) => {
  const program = await programWith(server, []);
  const { row, publish } = panel(page);
  await page.open(`/programs/${program}/options/webhooks`);
  await expect(page.getByText('0 of 5 done')).toBeVisible();
  await expect(step(page, 'Publish')).toContainText('(to do)');

  const watcher = await test.step('the inbox is empty and says what to do', async () => {
    await page.getByRole('link', { name: 'Inbox', exact: true }).click();
    await expect(page.getByText('Nothing has come yet')).toBeVisible();
    const watcher = await context.newPage();
    await watcher.goto(page.url());
    await alive(watcher);
    return watcher;
  });

  await test.step('its URL goes into a webhook', async () => {
    await answered(page, page.getByRole('button', { name: 'Use this URL in a webhook' }));
    await alive(page);
    await expect(row(1).url).toHaveValue(new RegExp(`^${server.url}/inbox/[a-z0-9]{32}$`));
    await expect(step(page, 'Add a URL')).toContainText('(done)');
    await expect(step(page, 'Choose events')).toContainText('(done)');
  });

  await test.step('a test without a secret arrives by itself, and is not signed', async () => {
    await row(1).test.click();
    await expect(row(1).self.getByText(/^200 in /)).toBeVisible();
    await expect(step(page, 'Send a test')).toContainText('(done)');
    await expect(requests(watcher)).toHaveCount(1);
    await expect(requests(watcher).first()).toContainText('Not signed');
  });

  await test.step('with a secret, saved in the draft only, it is verified', async () => {
    await row(1).secret.fill('hunter2');
    await row(1).secret.press('Tab');
    await expect(row(1).self.getByText('A new secret is saved in this draft.')).toBeVisible();
    await row(1).test.click();
    await expect(requests(watcher)).toHaveCount(2);
    await expect(requests(watcher).first()).toContainText('Verified');
    await expect(step(page, 'Verify the signature')).toContainText('(done)');
  });

  await test.step('published, the checklist has done its work', async () => {
    await publish.click();
    await expect(said(page, /^Published\./)).toBeVisible();
    await expect(page.getByRole('region', { name: 'First steps' })).toHaveCount(0);
    await page.reload();
    await alive(page);
    await expect(page.getByRole('region', { name: 'First steps' })).toHaveCount(0);
  });

  await test.step('an event is delivered to it; it opens beside the list', async () => {
    const event = await server.join(program, 'gavin');
    await expect(requests(watcher)).toHaveCount(3);
    await expect(requests(watcher).first()).toContainText('delivery');
    await requests(watcher).first().getByRole('link').click();
    const side = detail(watcher, 'New participant added');
    await expect(side.getByRole('heading', { level: 2 })).toBeFocused();
    await expect(side).toContainText(event);
    await expect(side.getByText('Verified: it fits the secret and the body, and it is fresh.')).toHaveCount(2);
    await expect(side.getByRole('region', { name: 'Body of the request', exact: true })).toContainText('gavin@example.com');
    await expect(watcher).toHaveURL(/\?request=inr_/);
    expect(await watcher.content()).not.toContain('hunter2');
    await side.getByRole('link', { name: 'Back to the requests' }).click();
    await expect(requests(watcher).first().getByRole('link')).toBeFocused();
  });
});

test('what is not genuine says why', async ({ page, server }) => {
  const program = await programWith(server, []);
  const { url } = await server.call('GET', `/campaign/${program}/inbox`);
  await server.call('POST', `/campaign/${program}/webhooks`, { payloadUrl: url, events: ['NEW_PARTICIPANT_ADDED'], secret: 'hunter2' });
  await page.open(`/programs/${program}/inbox`);
  const headers = { 'growsurf-signature': `ts=${Date.now()},v=${'0'.repeat(64)}` };
  expect((await fetch(url, { method: 'POST', headers, body: 'hello' })).status).toBe(200);
  await expect(requests(page).first()).toContainText('Not verified');
  await requests(page).first().getByRole('link').click();
  const side = detail(page, 'POST without an event');
  await expect(side.getByText('It was signed with another secret, or the body was changed.')).toBeVisible();
  await expect(side.getByText('The header is missing, though a secret was set.')).toBeVisible();
  await expect(side.getByText('Compare the secrets')).toBeVisible();
  await answered(page, page.getByRole('button', { name: 'Clear' }));
  await alive(page);
  await expect(page.getByText('Nothing has come yet')).toBeVisible();
});

test('a replaced URL leads nowhere', async ({ page, server }) => {
  const program = await programWith(server, []);
  await page.open(`/programs/${program}/inbox`);
  const { url } = await server.call('GET', `/campaign/${program}/inbox`);
  await page.getByText('Replace the URL').click();
  await page.getByRole('button', { name: 'Replace it now' }).click();
  await expect(page.getByText(url, { exact: true })).toHaveCount(0);
  expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(404);
});

test('the checklist can be sent away, for good', async ({ page, server }) => {
  const program = await programWith(server, []);
  await page.open(`/programs/${program}/options/webhooks`);
  await page.getByRole('button', { name: 'Do not show again' }).click();
  await expect(page.getByRole('region', { name: 'First steps' })).toHaveCount(0);
  await expect(page.getByRole('main')).toBeFocused();
  await page.open(`/programs/${program}/options`);
  await expect(page.getByText('No webhooks yet')).toBeVisible();
  await expect(page.getByText('First steps')).toHaveCount(0);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('the inbox is used, read, cleared and the checklist sent away', async ({ page, server }) => {
    const program = await programWith(server, []);
    const { row } = panel(page);
    await page.open(`/programs/${program}/inbox`);
    await page.getByRole('button', { name: 'Use this URL in a webhook' }).click();
    await expect(row(1).url).toHaveValue(/\/inbox\/[a-z0-9]{32}$/);
    await row(1).test.click();
    await expect(row(1).self.getByText(/^200 in /)).toBeVisible();
    await page.getByRole('link', { name: 'Inbox', exact: true }).click();
    await expect(requests(page)).toHaveCount(1);
    await requests(page).first().getByRole('link').click();
    const side = page.getByRole('complementary');
    await expect(side.getByText('No secret was set for the webhook')).toBeVisible();
    await side.getByRole('link', { name: 'Back to the requests' }).click();
    await page.getByRole('button', { name: 'Clear' }).click();
    await expect(page.getByText('Nothing has come yet')).toBeVisible();
    await page.open(`/programs/${program}/options/webhooks`);
    await expect(page.getByText('3 of 5 done')).toBeVisible();
    await page.getByRole('button', { name: 'Do not show again' }).click();
    await expect(page.getByRole('heading', { name: 'Webhooks', level: 2 })).toBeVisible();
    await expect(page.getByRole('region', { name: 'First steps' })).toHaveCount(0);
  });
});
