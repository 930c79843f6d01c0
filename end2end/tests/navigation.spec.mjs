// From page to page: within the app without loading a document, out of it by loading one, back again either way.
import { alive, expect, programWith, test } from '../fixtures.mjs';

const heading = (page, name) => page.getByRole('heading', { name, exact: true });
/** Whether the document is still the one that was marked. */
const isMarked = (page) => page.evaluate(() => 'marked' in window);

test('pages of the app follow each other in one document, and the history knows them', async ({ page, server }) => {
  const program = await programWith(server, []);
  await page.open('/');
  await page.evaluate(() => { window.marked = true; });
  const programs = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Programs' });
  await expect(programs).toHaveAttribute('aria-current', 'page');

  await page.locator(`a[href="/programs/${program}/options"]`).click();
  await expect(page).toHaveURL(`${server.url}/programs/${program}/options`);
  await expect(heading(page, 'Set up integrations')).toBeVisible();
  await expect(page).toHaveTitle(/^Options · /);
  await expect(programs).not.toHaveAttribute('aria-current');
  await page.getByRole('link', { name: 'Delivery log' }).click();
  await expect(page).toHaveURL(`${server.url}/programs/${program}/deliveries`);
  await expect(page.getByRole('search')).toBeVisible();
  await page.goBack();
  await expect(heading(page, 'Set up integrations')).toBeVisible();
  await page.goBack();
  await expect(programs).toHaveAttribute('aria-current', 'page');
  await page.goForward();
  await expect(heading(page, 'Set up integrations')).toBeVisible();
  expect(await isMarked(page)).toBe(true);

  await test.step('a page without a browser half is loaded, and Back loads the app again', async () => {
    await page.getByRole('link', { name: 'Settings' }).click();
    await expect(page).toHaveURL(`${server.url}/settings/members`);
    expect(await isMarked(page)).toBe(false);
    await page.goBack();
    await alive(page);
    await expect(heading(page, 'Set up integrations')).toBeVisible();
  });
});

test('a link opened elsewhere leaves the page where it is', async ({ page, server, context }) => {
  const program = await programWith(server, []);
  await page.open('/');
  const opened = context.waitForEvent('page');
  await page.locator(`a[href="/programs/${program}/options"]`).click({ modifiers: ['ControlOrMeta'] });
  await expect(heading(await opened, 'Set up integrations')).toBeVisible();
  await expect(page).toHaveURL(`${server.url}/`);
});
