// Pages that stay open: what changes elsewhere appears in them, over the stream or without it.
import { alive, expect, panel, programWith, show, test } from '../fixtures.mjs';

const HOOK = 'https://example.com/hook';
const LIVE = /\/programs\/.*live$/;
const panelOf = (program) => `/programs/${program}/options/webhooks`;

/** Streams that a page has opened, and those that have ended again. A page gives one up that says nothing for some seconds, as on a
 * machine that stands still, and opens another. */
function streams(page) {
  const seen = { opened: 0, ended: 0 };
  const open = new Set();
  page.on('response', (response) => {
    if (!LIVE.test(response.url()) || !response.ok()) return;
    open.add(response.request());
    seen.opened += 1;
  });
  page.on('requestfailed', (request) => {
    if (open.delete(request)) seen.ended += 1;
  });
  return seen;
}

const isOpen = ({ opened, ended }) => opened > ended;

/** Marks the document, so that a reload would be noticed. */
const mark = (page) => page.evaluate(() => (document.documentElement.dataset.mark = 'here'));
const isMarked = (page) => expect(page.locator('html[data-mark=here]')).toBeAttached();

test('what REST changes appears in the open panel, card and list', async ({ page, context, server }) => {
  const program = await programWith(server, [HOOK]);
  const pages = { panel: page, card: await context.newPage(), list: await context.newPage() };
  const seen = Object.values(pages).map(streams);
  await page.open(panelOf(program));
  await pages.card.goto(`${server.url}/programs/${program}/options`);
  await pages.list.goto(server.url);
  await expect.poll(() => seen.map(isOpen)).toEqual([true, true, true]);
  for (const one of Object.values(pages)) await mark(one);
  await expect(pages.list.getByText('1 of 5 webhooks')).toBeVisible();

  await server.call('PATCH', `/campaign/${program}/webhooks/primary`, {
    payloadUrl: 'https://example.com/rest', isEnabled: false,
  });
  const { row, rows, bar } = panel(page);
  await expect(row(1).url).toHaveValue('https://example.com/rest');
  await expect(row(1).isOn).not.toBeChecked();
  await expect(bar).toContainText('Everything is published');
  await server.call('POST', `/campaign/${program}/webhooks`, { payloadUrl: HOOK, events: ['NEW_PARTICIPANT_ADDED'] });
  await expect(rows).toHaveCount(2);
  await expect(row(2).url).toHaveValue(HOOK);
  await expect(pages.card.getByText('2 of 5 webhooks')).toBeVisible();
  await expect(pages.list.getByText('2 of 5 webhooks')).toBeVisible();

  await pages.list.getByText('New program').click();
  await pages.list.getByLabel('Name').fill('Half typed');
  await server.call('PATCH', `/campaign/${program}`, { name: 'Raviga' });
  await expect(pages.list.getByRole('link', { name: 'Raviga' })).toBeVisible();
  await expect(pages.list.getByLabel('Name')).toHaveValue('Half typed');
  await server.call('POST', '/campaigns', { type: 'AFFILIATE', name: 'Hooli' });
  await expect(pages.list.getByRole('listitem')).toContainText([/Hooli/, /Raviga/]);
  for (const one of Object.values(pages)) await isMarked(one);
});

test('charts of the last 24 hours say in words what they show, and go on counting', async ({ page, context, server, receiver }) => {
  const program = await programWith(server, [receiver.url('/up')]);
  const list = await context.newPage();
  await page.open(panelOf(program));
  await list.goto(server.url);
  await alive(list);
  const row = page.getByRole('listitem', { name: 'Webhook 1', exact: true });
  const item = list.getByRole('listitem');
  for (const place of [row, item]) {
    await expect(place.getByRole('img', { name: 'No attempts in the last 24 hours' })).toBeVisible();
  }
  const height = await item.evaluate((element) => element.getBoundingClientRect().height);
  await server.join(program, 'richard');
  await receiver.waitFor(({ status }) => status === 200);
  receiver.behave('/up', { failFirst: 1 });
  await server.join(program, 'gavin');
  const said = 'Last 24 hours. Delivered: 2. Failed attempts: 1. Successful: 66%.';
  for (const place of [row, item]) {
    await expect(place.getByRole('img', { name: said })).toBeVisible();
    await expect(place.getByRole('img', { name: '66% of attempts successful' })).toBeVisible();
  }
  // The line stays where it is.
  expect(await item.evaluate((element) => element.getBoundingClientRect().height)).toBe(height);
});

test('what is typed meanwhile stays', async ({ page, server }) => {
  const program = await programWith(server, [HOOK]);
  await page.open(panelOf(program));
  const { row, bar } = panel(page);
  await row(1).url.fill('https://example.com/typed');
  await expect(bar).toContainText('1 change');
  await server.call('PATCH', `/campaign/${program}/webhooks/primary`, { payloadUrl: 'https://example.com/rest' });
  const conflict = page.getByRole('group', { name: /both changed the same/ });
  await expect(conflict).toContainText('https://example.com/rest');
  await expect(row(1).url).toHaveValue('https://example.com/typed');
  await expect(bar).toContainText(/Draft saved/);
});

test('a hidden page has no stream, and catches up when it is seen again', async ({ page, server }) => {
  const program = await programWith(server, [HOOK]);
  const seen = streams(page);
  await page.open(panelOf(program));
  await expect.poll(() => isOpen(seen)).toBe(true);
  await show(page, 'hidden');
  await expect.poll(() => isOpen(seen)).toBe(false);
  let asked = 0;
  page.on('request', (request) => (asked += request.url().includes('/_fn/') ? 1 : 0));
  await server.call('PATCH', `/campaign/${program}/webhooks/primary`, { payloadUrl: 'https://example.com/rest' });
  // Longer than a page without a stream waits before it asks.
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  expect(asked).toBe(0);
  await show(page, 'visible');
  await expect(panel(page).row(1).url).toHaveValue('https://example.com/rest');
  await expect.poll(() => isOpen(seen)).toBe(true);
});

test.describe('while nobody listens', () => {
  // The page may be at asking just then.
  test.use({ expectedComplaints: [[/ERR_CONNECTION_(REFUSED|RESET)|ERR_EMPTY_RESPONSE/], { option: true }] });

  test('after a restart of the server the page is told again', async ({ page, server }) => {
    const program = await programWith(server, [HOOK]);
    const seen = streams(page);
    await page.open(panelOf(program));
    await expect.poll(() => isOpen(seen)).toBe(true);
    const { opened } = seen;
    await server.restart();
    await expect.poll(() => seen.opened).toBeGreaterThan(opened);
    await server.call('PATCH', `/campaign/${program}/webhooks/primary`, { payloadUrl: 'https://example.com/rest' });
    await expect(panel(page).row(1).url).toHaveValue('https://example.com/rest');
  });
});

test.describe('without a stream', () => {
  test.use({ expectedComplaints: [[/Failed to load resource/], { option: true }] });

  test('a page that is refused one asks, and uses one as soon as it gets it', async ({ page, server }) => {
    const program = await programWith(server, [HOOK]);
    const seen = streams(page);
    let refused = 0;
    await page.route(LIVE, (route) => {
      refused += 1;
      return route.fulfill({ status: 503, body: 'Not here.\n' });
    });
    await page.open(panelOf(program));
    await expect.poll(() => refused).toBeGreaterThan(0);
    await server.call('PATCH', `/campaign/${program}/webhooks/primary`, { payloadUrl: 'https://example.com/rest' });
    await expect(panel(page).row(1).url).toHaveValue('https://example.com/rest');
    expect(seen.opened).toBe(0);
    await page.unroute(LIVE);
    // Once a minute at the latest, and a quarter more, since pages do not ask in step.
    test.setTimeout(180_000);
    await expect.poll(() => isOpen(seen), { timeout: 100_000 }).toBe(true);
  });

  test('a browser that knows no streams asks', async ({ page, server }) => {
    await page.addInitScript(() => delete window.EventSource);
    const program = await programWith(server, [HOOK]);
    const seen = streams(page);
    await page.open(panelOf(program));
    await server.call('PATCH', `/campaign/${program}/webhooks/primary`, { payloadUrl: 'https://example.com/rest' });
    await expect(panel(page).row(1).url).toHaveValue('https://example.com/rest');
    expect(seen.opened).toBe(0);
  });
});
