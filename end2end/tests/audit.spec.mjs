// The audit log and privacy: pages without a browser half, for owners.
import { barriers } from '../barriers.mjs';
import { expect, programWith, test } from '../fixtures.mjs';

const refused = /Failed to load resource: the server responded with a status of 422/;
test.use({ expectedComplaints: [[refused], { option: true }] });

test('who did what is listed, filtered and exported', async ({ page, server }) => {
  await programWith(server, [], { name: 'Pied Piper' });
  await page.open('/');
  await page.goto(`${server.url}/settings/audit-log`);
  await expect(page.getByText('Made a program').last()).toBeVisible();
  await page.getByLabel('What').selectOption({ label: 'Revoked an API key' });
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'No entry matches' })).toBeVisible();
  await page.getByRole('link', { name: 'Show all' }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export as CSV' }).click();
  expect((await download).suggestedFilename()).toBe('audit-log.csv');
  await page.reload();
  await expect(page.getByText('Exported the audit log').last()).toBeVisible();
});

test('retention is set and a participant is erased', async ({ page, server }) => {
  const program = await programWith(server, [], { name: 'Pied Piper' });
  await page.open('/');
  await page.goto(`${server.url}/settings/privacy`);
  await page.getByLabel('Program').selectOption(program);
  await page.getByRole('button', { name: 'Choose' }).click();
  const days = page.getByLabel(/^Days/);
  await days.fill('0');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('whole number of days');
  await days.fill('14');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('status')).toContainText('Saved');
  await expect(days).toHaveValue('14');
  await page.getByLabel('Address or id').fill('ada@example.com');
  await page.getByRole('checkbox', { name: /cannot be undone/ }).check();
  await page.getByRole('button', { name: 'Erase' }).click();
  await expect(page.getByRole('heading', { name: 'Erasures' })).toBeVisible();
  await expect(async () => {
    await page.reload();
    await expect(page.getByText(/^Done/)).toBeVisible({ timeout: 500 });
  }).toPass();
  expect(await page.content()).not.toContain('ada@example.com');
});

for (const colorScheme of ['light', 'dark']) {
  for (const width of [320, 1280]) {
    test(`both pages are accessible, ${colorScheme}, ${width} px`, async ({ page, server }) => {
      await programWith(server, [], { name: 'Pied Piper' });
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.open('/');
      for (const path of ['/settings/audit-log', '/settings/privacy']) {
        await page.goto(`${server.url}${path}`);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        expect(await barriers(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      }
    });
  }
}
