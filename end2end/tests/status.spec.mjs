// System Status: for everybody, without a script, in every language, at every width and in both schemes.
import { barriers } from '../barriers.mjs';
import { expect, programWith, test } from '../fixtures.mjs';

test.use({ javaScriptEnabled: false });

const COMPONENTS = ['Accepting events', 'Delivering', 'Retry queue', 'Program Editor', 'API'];

/** What axe finds. It runs in the page, so it needs a page with JavaScript. */
async function violations(browser, url) {
  const context = await browser.newContext({ javaScriptEnabled: true });
  const found = [];
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [320, 1280]) {
      const page = await context.newPage();
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.goto(url);
      await page.locator('details.status-days > summary').click();
      found.push(...(await barriers(page)).map((one) => ({ ...one, colorScheme, width })));
      await page.close();
    }
  }
  await context.close();
  return found;
}

test('everybody sees how the server is', async ({ context, server, browser }) => {
  const page = await context.newPage();
  await page.goto(`${server.url}/status`);
  await expect(page.getByRole('heading', { level: 1, name: 'System Status' })).toBeVisible();
  await expect(page.getByText('Everything works')).toBeVisible();
  for (const name of COMPONENTS) {
    const component = page.locator('.status-component').filter({ has: page.getByRole('heading', { name, exact: true }) });
    await expect(component.getByText('Works', { exact: true })).toBeVisible();
    await expect(component.getByRole('img', { name: new RegExp(`^${name}: interrupted on 0 of the 1 days`) })).toBeVisible();
    await expect(component.locator('path.none')).toHaveCount(89);
    await expect(component.locator('path.fine')).toHaveCount(1);
  }
  await expect(page.getByText('Your webhooks')).toHaveCount(0);
  expect(await page.locator('script').count()).toBe(0);
  expect(await violations(browser, `${server.url}/status`)).toEqual([]);
});

test('each day is said in a table that the keyboard gets to', async ({ context, server }) => {
  const page = await context.newPage();
  await page.goto(`${server.url}/status`);
  const summary = page.locator('summary', { hasText: 'Day by day' });
  await summary.focus();
  await page.keyboard.press('Enter');
  const table = page.getByRole('region', { name: 'Day by day' });
  await expect(table.getByRole('row')).toHaveCount(2);
  await expect(table.getByRole('columnheader')).toHaveText(['Day', ...COMPONENTS]);
  await expect(table.getByRole('cell')).toHaveText(COMPONENTS.map(() => 'no interruption'));
  await page.keyboard.press('Tab');
  await expect(table).toBeFocused();
});

for (const width of [320, 1280]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`the page fits ${width} pixels, ${colorScheme}`, async ({ context, server }) => {
      const page = await context.newPage();
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.goto(`${server.url}/status`);
      await page.locator('details.status-days > summary').click();
      const overflow = await page.locator('html').evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
      expect(overflow).toBe(0);
      await page.screenshot({ path: `test-results/screens/status-${colorScheme}-${width}.png`, fullPage: true });
    });
  }
}

test('it is in the language that the browser asks for, and another can be chosen', async ({ browser, server }) => {
  const context = await browser.newContext({ locale: 'de-DE' });
  const page = await context.newPage();
  await page.goto(`${server.url}/status`);
  await expect(page.getByText('Alles funktioniert')).toBeVisible();
  await page.getByRole('button', { name: 'Español' }).click();
  await expect(page).toHaveURL(`${server.url}/status`);
  await expect(page.getByText('Todo funciona')).toBeVisible();
  await context.close();
});

test('whoever is signed in sees how their webhooks do, and gets there from every page', async ({ page, server, browser }) => {
  await programWith(server, ['https://example.com/hook']);
  await page.goto(`${server.url}/settings/account`);
  await page.getByRole('contentinfo').getByRole('link', { name: 'System Status' }).click();
  const own = page.getByRole('region', { name: 'Your webhooks' });
  await expect(own.getByRole('listitem')).toHaveText(/Nothing sent yet\s*1/);
  await own.getByRole('link', { name: 'See your programs' }).click();
  await expect(page).toHaveURL(`${server.url}/`);
  await page.goto(`${server.url}/docs/delivery`);
  // The list of pages has one of this name as well.
  await page.getByRole('paragraph').getByRole('link', { name: 'System Status' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'System Status' })).toBeVisible();
});
