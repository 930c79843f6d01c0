// The documentation: for everybody, without a script, in both schemes, on narrow screens, and from the panel to the very
// place that is meant.
import { test as plain } from '@playwright/test';
import { barriers } from '../barriers.mjs';
import { expect, open, panel, programWith, test } from '../fixtures.mjs';
import { Server } from '../server.mjs';

const PAGES = {
  'getting-started': '/docs',
  security: '/docs/security',
  installing: '/docs/installing',
  embedding: '/docs/embedding',
  'sign-in': '/docs/sign-in',
  examples: '/docs/examples',
  monitoring: '/docs/monitoring',
  operating: '/docs/operating',
  scaling: '/docs/scaling',
  emit: '/docs/emit',
  status: '/docs/status',
  delivery: '/docs/delivery',
  events: '/docs/events',
  api: '/docs/api',
  cli: '/docs/cli',
  configuration: '/docs/configuration',
  search: '/docs/search?q=signature',
  'search-without-result': '/docs/search?q=zzzzz',
  'not-found': '/docs/no/such/page',
};
const EVENTS = [
  'participant_reached_a_goal',
  'new_participant_added',
  'participant_fraud_status_updated',
  'new_commission_added',
  'commission_adjusted',
  'new_payout_issued',
  'campaign_ended',
];
const FIRST_KEYS = 5;

/** One server for all readers: reading changes nothing. */
const readers = plain.extend({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
  /** Everything the pages of a test asked for. */
  asked: async ({ context }, use) => {
    const asked = [];
    context.on('request', (request) => asked.push({ type: request.resourceType(), url: request.url() }));
    await use(asked);
  },
});

/** A picture is not longer than this, in px: nobody looks at a hundred screens, and Chromium does not always draw as many. */
const LONGEST = 16_000;

/** How far the page can be scrolled sideways. */
const excess = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

// A test each: the API's page is long, and looking through it takes its time.
for (const [name, path] of Object.entries(PAGES)) {
  for (const colorScheme of ['light', 'dark']) {
    for (const [width, height] of [[1280, 900], [320, 640]]) {
      readers(`${name} has no barrier, ${width} px, ${colorScheme}`, async ({ page, server }) => {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await page.setViewportSize({ width, height });
        await page.goto(server.url + path);
        const picture = `test-results/screens/docs-${name}-${colorScheme}-${width}.png`;
        const long = await page.evaluate(() => document.documentElement.scrollHeight);
        const clip = { x: 0, y: 0, width, height: Math.min(long, LONGEST) };
        await page.screenshot({ path: picture, fullPage: true, clip, animations: 'disabled' });
        expect.soft(await excess(page), 'the page scrolls sideways').toBe(0);
        expect.soft(await barriers(page)).toEqual([]);
      });
    }
  }
}

readers('what is closed at first has no barrier either', async ({ page, server }) => {
  for (const path of [PAGES.events, PAGES.security, PAGES.examples]) {
    await page.goto(server.url + path);
    await page.setViewportSize({ width: 320, height: 640 });
    await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)));
    expect.soft(await excess(page), path).toBe(0);
    expect.soft(await barriers(page), path).toEqual([]);
  }
});

readers.describe('without JavaScript', () => {
  readers.use({ javaScriptEnabled: false });

  readers('every page is reached from the first one, and none asks for a script', async ({ page, server, asked }) => {
    await page.goto(`${server.url}/docs`);
    const navigation = page.getByRole('navigation', { name: 'Documentation' });
    const titles = await navigation.getByRole('link').allTextContents();
    expect(titles.length).toBeGreaterThan(5);
    for (const title of titles) {
      await navigation.getByRole('link', { name: title, exact: true }).click();
      await expect(page.getByRole('heading', { level: 1, name: title, exact: true })).toBeVisible();
      await expect(navigation.locator('[aria-current="page"]')).toHaveText(title);
      await expect(page).toHaveTitle(`${title} · Groundswell docs`);
    }
    expect(asked.filter(({ url }) => !url.startsWith(server.url))).toEqual([]);
    expect(asked.filter(({ type, url }) => !['document', 'stylesheet', 'image', 'other'].includes(type) || /\.(js|wasm)$/.test(url))).toEqual([]);
  });

  readers('the navigation of a narrow screen opens', async ({ page, server }) => {
    await page.setViewportSize({ width: 320, height: 640 });
    await page.goto(`${server.url}/docs`);
    const navigation = page.getByRole('navigation', { name: 'Documentation' });
    await expect(navigation).toBeHidden();
    await page.getByText('All pages').click();
    await navigation.getByRole('link', { name: 'Events reference' }).click();
    await page.getByText('On this page', { exact: true }).first().click();
    await page.getByRole('navigation', { name: 'On this page' }).getByRole('link', { name: 'Program ended' }).click();
    await expect(page).toHaveURL(/#campaign_ended$/);
    await expect(page.getByRole('heading', { name: 'Program ended' })).toBeInViewport();
  });

  readers('the search finds a field, marks it, and leads to its place', async ({ page, server }) => {
    await page.goto(`${server.url}/docs`);
    const field = page.getByRole('searchbox', { name: 'Search the docs' });
    await field.fill('conversionsRequired');
    await field.press('Enter');
    await expect(page).toHaveTitle('Search: conversionsRequired · Groundswell docs');
    await expect(field).toHaveValue('conversionsRequired');
    const results = page.getByRole('main').getByRole('listitem');
    await expect(results.getByText('conversionsRequired', { exact: true }).first()).toBeVisible();
    await results.getByRole('link', { name: 'EarnedReward' }).click();
    await expect(page).toHaveURL(/\/docs\/events#earned-reward$/);
    await expect(page.getByRole('heading', { name: 'EarnedReward' })).toBeInViewport();
  });

  readers('the samples are there to read, and the very line that is sent as well', async ({ page, server }) => {
    await page.goto(`${server.url}/docs/events#new_participant_added`);
    await expect(page.getByRole('heading', { name: 'New participant added' })).toBeInViewport();
    const sample = page.getByRole('group', { name: 'NEW_PARTICIPANT_ADDED, laid out for reading' });
    const shown = JSON.parse(await sample.textContent());
    const details = page.locator('details', { hasText: '{"event":"NEW_PARTICIPANT_ADDED"' });
    await details.locator('summary').click();
    const line = await details.locator('pre').textContent();
    expect(line).toBe(JSON.stringify(JSON.parse(line)));
    expect(shown).toEqual(JSON.parse(line));
  });
});

readers('Tab reaches the skip link first, then header, search and navigation', async ({ page, server }) => {
  await page.goto(`${server.url}/docs/events`);
  const names = [];
  for (let presses = 0; presses < FIRST_KEYS; presses += 1) {
    await page.keyboard.press('Tab');
    names.push(await page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.name));
  }
  expect(names).toEqual(['Skip to content', 'Groundswell', 'Programs', 'Settings', 'Docs']);
  await page.keyboard.press('Tab');
  await expect(page.getByRole('searchbox')).toBeFocused();
});

readers('a wide table scrolls in its box by keyboard', async ({ page, server }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto(`${server.url}/docs/events#participant`);
  const table = page.getByRole('group', { name: 'Table: Participant' });
  await table.focus();
  await page.keyboard.press('ArrowRight');
  await expect.poll(() => table.evaluate((box) => box.scrollLeft)).toBeGreaterThan(0);
});

readers('every page has its text for programs', async ({ request, server }) => {
  const list = await (await request.get(`${server.url}/llms.txt`)).text();
  const texts = [...list.matchAll(/\]\((\S+\.md)\)/g)].map(([, url]) => url);
  expect(texts.length).toBeGreaterThan(5);
  for (const url of texts) {
    const answer = await request.get(url);
    expect(answer.headers()['content-type'], url).toBe('text/markdown; charset=utf-8');
    expect(await answer.text()).toMatch(/^# /);
  }
});

test('the panel leads to the documentation, and for each event to its place', async ({ page, server }) => {
  const referral = await programWith(server, ['https://example.com/hook']);
  const affiliate = await programWith(server, ['https://example.com/hook'], { type: 'AFFILIATE' });
  const seen = new Set();
  for (const program of [referral, affiliate]) {
    await page.open(`/programs/${program}/options/webhooks`);
    const row = panel(page).row(1);
    await row.settings.click();
    for (const link of await row.self.locator('a[href^="/docs/events#"]').all()) {
      seen.add((await link.getAttribute('href')).split('#')[1]);
    }
  }
  expect([...seen].sort()).toEqual([...EVENTS].sort());

  const row = panel(page).row(1);
  const example = row.self.locator('details.example', { has: page.locator('a[href="/docs/events#new_payout_issued"]') });
  await example.locator('summary').click();
  await example.getByRole('link', { name: /Fields, and when it is sent/ }).click();
  await expect(page).toHaveURL(`${server.url}/docs/events#new_payout_issued`);
  await expect(page.getByRole('heading', { name: 'New payout issued' })).toBeInViewport();
  // Back in the editor as it was left, and by the header to the beginning.
  await page.goBack();
  await open(page, page.url());
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Docs' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Getting started' })).toBeVisible();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Programs' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Programs' })).toBeVisible();
});
