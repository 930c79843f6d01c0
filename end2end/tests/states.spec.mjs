// Pages in states that are there for a moment only, or when something fails.
import { execFileSync } from 'node:child_process';
import AxeBuilder from '@axe-core/playwright';
import { alive, expect, panel, programWith, said, test } from '../fixtures.mjs';

const HOOK = 'https://example.com/hook';

/** Looks at the page as it is: a picture in both schemes, and axe. */
async function look(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `test-results/screens/${name}-${colorScheme}-1280.png`, animations: 'disabled' });
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect.soft(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 120))])).toEqual([]);
  }
}

test('a page that is on its way says so when it takes a while', async ({ page, server }) => {
  const program = await programWith(server, [HOOK]);
  await page.open(`/programs/${program}/options`);
  let go;
  const held = new Promise((resolve) => (go = resolve));
  await page.route('**/_fn/**', async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole('link', { name: 'Delivery log' }).click();
  await expect(page.getByRole('main').getByText('Loading…')).toBeVisible();
  await look(page, 'loading');
  go();
  await expect(page.getByRole('heading', { name: 'Pied Piper' })).toBeVisible();
  await expect(page.getByText('Loading…')).toHaveCount(0);
});

test.describe('when the server fails', () => {
  test.use({ expectedComplaints: [[/status of 500/], { option: true }] });

  test('the page has the number under which the log has why', async ({ page, server }) => {
    const program = await programWith(server, [HOOK]);
    await page.open(`/programs/${program}/options/webhooks`);
    // Whoever reads the history finds the database damaged.
    const damage = "UPDATE publication SET rows_json = 'nonsense'";
    const run = 'import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()';
    execFileSync('python3', ['-c', run, server.database, damage]);
    await page.getByRole('link', { name: 'History' }).click();
    await expect(page.getByRole('heading', { name: 'This did not work' })).toBeVisible();
    const number = await page.getByText(/^Request /).locator('code').innerText();
    expect(server.log).toContain(number);
    await look(page, 'failed');
    await page.reload();
    await expect(page.getByRole('heading', { name: 'This did not work' })).toBeVisible();
    await expect(page.getByText(/^Request /)).toBeVisible();
  });
});

test.describe('without a connection', () => {
  test.use({ expectedComplaints: [[/ERR_/, /failed: .*ERR_/], { option: true }] });

  test('what is typed is kept and saved later, and a page that cannot be had says why', async ({ page, context, server }) => {
    const program = await programWith(server, [HOOK]);
    await page.open(`/programs/${program}/options/webhooks`);
    const { bar, row } = panel(page);
    const other = await context.newPage();
    await other.goto(`${server.url}/programs/${program}/options`);
    await alive(other);
    await server.restart(async () => {
      await row(1).url.fill('https://example.com/typed');
      await expect(bar).toContainText('Not saved. The server cannot be reached.');
      await look(page, 'offline-panel');
      await other.getByRole('link', { name: 'Delivery log' }).click();
      await expect(other.getByRole('heading', { name: 'No connection' })).toBeVisible();
      await look(other, 'offline');
    });
    await expect(bar).toContainText(/Draft saved .* · 1 change/, { timeout: 60_000 });
    await other.reload();
    await expect(said(other, 'Live')).toBeVisible();
  });
});
