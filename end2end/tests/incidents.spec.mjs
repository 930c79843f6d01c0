// Incidents and maintenance: those who run the server say them on a page without a browser half, and everybody reads them.
import { barriers } from '../barriers.mjs';
import { answered, expect, test } from '../fixtures.mjs';

const refused = /Failed to load resource: the server responded with a status of 4(22|03|04)/;
test.use({ expectedComplaints: [[refused], { option: true }] });

const HERE = '/settings/status';

/** The card of an incident. */
const card = (page, name) => page.getByRole('article').filter({ has: page.getByRole('heading', { name, exact: true }) });

/** The day after tomorrow at an hour, as the field has it. */
const at = (hour) => `${new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10)}T${hour}`;

async function report(page, name) {
  await page.getByText('Report an incident').click();
  const form = page.locator('form').filter({ has: page.getByRole('button', { name: 'Report', exact: true }) });
  await form.getByLabel('Name').fill(name);
  await form.getByLabel('How much it matters').selectOption('Major impact');
  await form.getByLabel('Delivering').selectOption('Partial outage');
  await form.getByLabel('Message').fill('Deliveries are late.\nWe look into it.');
  await answered(page, form.getByRole('button', { name: 'Report' }));
}

async function announce(page, { name, from, until }) {
  await page.getByText('Announce maintenance').click();
  const form = page.locator('form').filter({ has: page.getByRole('button', { name: 'Announce', exact: true }) });
  await form.getByLabel('Name').fill(name);
  await form.getByLabel('Begins (UTC)').fill(from);
  await form.getByLabel('Ends (UTC)').fill(until);
  await form.getByLabel('Retry queue').check();
  await form.getByLabel('Message').fill('Deliveries wait meanwhile.');
  await answered(page, form.getByRole('button', { name: 'Announce' }));
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test.use({ javaScriptEnabled });

    test('an incident is reported, continued and resolved, and everybody reads it', async ({ page, server, browser }) => {
      await page.goto(`${server.url}${HERE}`);
      await expect(page.getByRole('heading', { name: 'Nothing is open' })).toBeVisible();
      await report(page, 'Deliveries are late');
      const open = card(page, 'Deliveries are late');
      await expect(open).toContainText('Investigating');
      await expect(open).toContainText('Concerns: Delivering');

      // Whoever is not signed in.
      const context = await browser.newContext({ javaScriptEnabled, locale: 'en' });
      const reader = await context.newPage();
      // The page is kept for some seconds.
      await expect(async () => {
        await reader.goto(`${server.url}/status`);
        await expect(reader.getByRole('heading', { name: 'Deliveries are late' })).toBeVisible({ timeout: 500 });
      }).toPass();
      await reader.getByRole('link', { name: 'Deliveries are late' }).click();
      await expect(reader.getByRole('heading', { level: 1, name: 'Deliveries are late' })).toBeVisible();
      await expect(reader.getByText('We look into it.')).toBeVisible();

      await open.getByText('Say something new').click();
      await open.getByLabel('How far it has come').selectOption('Resolved');
      await open.getByLabel('Message').fill('All of them were made up for.');
      await open.getByRole('button', { name: 'Say it' }).click();
      await expect(page.getByRole('heading', { name: 'Over', exact: true })).toBeVisible();
      await expect(card(page, 'Deliveries are late')).toContainText('Resolved');
      await reader.reload();
      await expect(reader.getByText('All of them were made up for.')).toBeVisible();
      const { incidents } = await (await fetch(`${server.url}/api/v2/incidents.json`)).json();
      expect(incidents.map(({ name, status }) => [name, status])).toEqual([['Deliveries are late', 'resolved']]);
      await context.close();
    });

    test('maintenance is announced, moved, begun and taken away', async ({ page, server }) => {
      await page.goto(`${server.url}${HERE}`);
      await announce(page, { name: 'A larger disk', from: at('11:00'), until: at('10:00') });
      await expect(page.getByRole('alert')).toContainText('later than the beginning');
      // What was typed is still there.
      const form = page.locator('form').filter({ has: page.getByRole('button', { name: 'Announce', exact: true }) });
      await expect(form.getByLabel('Name')).toHaveValue('A larger disk');
      await form.getByLabel('Ends (UTC)').fill(at('12:00'));
      await form.getByRole('button', { name: 'Announce' }).click();
      const work = card(page, 'A larger disk');
      await expect(work).toContainText('Announced');
      await work.getByText('Correct', { exact: true }).click();
      await expect(work.getByLabel('Begins (UTC)')).toHaveValue(at('11:00'));
      await work.getByLabel('Ends (UTC)').fill(at('13:00'));
      await work.getByRole('button', { name: 'Save' }).click();
      await work.getByText('Say something new').click();
      await work.getByLabel('How far it has come').selectOption('In progress');
      await work.getByLabel('Message').fill('We begin early.');
      await work.getByRole('button', { name: 'Say it' }).click();
      await expect(work).toContainText('We begin early.');
      const { status } = await (await fetch(`${server.url}/api/v2/status.json`)).json();
      expect(status.indicator).toBe('maintenance');
      await work.getByText('Take away…').click();
      await work.getByRole('button', { name: 'Take away now' }).click();
      await expect(page.getByRole('heading', { name: 'Nothing is open' })).toBeVisible();
    });
  });
}

for (const colorScheme of ['light', 'dark']) {
  for (const width of [320, 1280]) {
    test(`the pages are accessible, ${colorScheme}, ${width} px`, async ({ page, server }, info) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      const look = async (path, name) => {
        await page.goto(`${server.url}${path}`);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        await page.locator('main details').evaluateAll((all) => all.forEach((details) => (details.open = true)));
        expect(await barriers(page)).toEqual([]);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(overflow, path).toBeLessThanOrEqual(0);
        await page.screenshot({ path: info.outputPath(`${name}.png`), fullPage: true });
      };
      await look(HERE, 'empty');
      await page.goto(`${server.url}${HERE}`);
      await report(page, 'Deliveries are late');
      await announce(page, { name: 'A larger disk', from: at('11:00'), until: at('12:00') });
      const { incidents } = await (await fetch(`${server.url}/api/v2/incidents.json`)).json();
      await look(HERE, 'full');
      await look(`/status/incidents/${incidents[0].id}`, 'incident');
      await look('/status', 'status');
    });
  }
}

test('the badge is a picture with a name', async ({ page, server }) => {
  await page.goto(`${server.url}/status/badge.svg`);
  await expect(page.getByRole('img', { name: 'Groundswell system status: operational' })).toBeVisible();
});
