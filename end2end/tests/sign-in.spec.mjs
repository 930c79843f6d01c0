// Signing in with a password, the account and its sessions. These pages have no browser half.
import { barriers } from '../barriers.mjs';
import { expect, programWith, test } from '../fixtures.mjs';

const EMAIL = 'ada@example.com';
const PASSWORD = 'correct horse battery';
const refused = /Failed to load resource: the server responded with a status of 4(01|22|29)/;
test.use({ expectedComplaints: [[refused], { option: true }] });

/** Gives whoever is signed in an address and a password. */
async function setPassword(page, server) {
  await page.goto(`${server.url}/settings/account`);
  await page.getByLabel('E-mail address').fill(EMAIL);
  await page.getByLabel(/^New password/).fill(PASSWORD);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('status')).toContainText('That is how you sign in from now on.');
}

async function signIn(page, password) {
  await page.getByLabel('E-mail address').fill(EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test.use({ javaScriptEnabled });

    test('who came by a link sets a password, and signs in with it to where they wanted', async ({ browser, page, server }) => {
      const program = await programWith(server, []);
      await page.open('/');
      await page.getByRole('link', { name: 'Set your e-mail address and a password' }).click();
      await page.getByLabel('E-mail address').fill(EMAIL);
      await page.getByLabel(/^New password/).fill('groundswell-2026');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await expect(page.getByRole('alert')).toContainText('must not contain the name of this product');
      await expect(page.getByLabel('E-mail address')).toHaveValue(EMAIL);
      await setPassword(page, server);
      await page.open('/');
      await expect(page.getByRole('link', { name: 'Set your e-mail address and a password' })).toHaveCount(0);

      const visitor = await (await browser.newContext({ javaScriptEnabled })).newPage();
      const path = `/programs/${program}/deliveries?state=held`;
      expect((await visitor.goto(`${server.url}${path}`)).status()).toBe(401);
      await signIn(visitor, 'something else');
      await expect(visitor.getByRole('alert')).toContainText('E-mail address and password do not match.');
      await expect(visitor.getByLabel('E-mail address')).toHaveValue(EMAIL);
      await expect(visitor.getByLabel('Password', { exact: true })).toHaveValue('');
      await signIn(visitor, PASSWORD);
      await expect(visitor).toHaveURL(`${server.url}${path}`);
      await expect(visitor.getByRole('heading', { level: 1 })).toHaveText('Pied Piper');
      await visitor.context().close();
    });

    test('a session elsewhere is seen and ended', async ({ browser, page, server }) => {
      await setPassword(page, server);
      const visitor = await (await browser.newContext({ javaScriptEnabled })).newPage();
      await visitor.goto(`${server.url}/sign-in`);
      await signIn(visitor, PASSWORD);
      await expect(visitor.getByRole('heading', { level: 1 })).toHaveText('Programs');
      await page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'Sessions' }).click();
      await expect(page.getByRole('listitem').filter({ hasText: /Chrome on / })).toHaveCount(2);
      await page.getByRole('button', { name: /^End the session in Chrome/ }).click();
      await expect(page.getByRole('button', { name: /^End the session/ })).toHaveCount(0);
      await visitor.goto(`${server.url}/`);
      await expect(visitor.getByRole('heading', { level: 1 })).toHaveText('Sign in');
      await visitor.context().close();
    });
  });
}

test('a page whose session has ended leads to the form and back', async ({ page, server }) => {
  await setPassword(page, server);
  const program = await programWith(server, []);
  await page.open(`/programs/${program}/options`);
  await page.context().clearCookies();
  await page.getByRole('link', { name: 'Programs' }).first().click();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await signIn(page, PASSWORD);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Programs');
});

for (const colorScheme of ['light', 'dark']) {
  for (const width of [1280, 320]) {
    test(`nothing is in anybody's way, ${colorScheme}, ${width} px`, async ({ browser, page, server }, info) => {
      const look = async (page, name) => {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
        await page.screenshot({ path: info.outputPath(`${name}.png`), fullPage: true });
        expect(await barriers(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      };
      await page.open('/');
      await look(page, 'programs-without-password');
      await page.goto(`${server.url}/settings/account`);
      await look(page, 'account-without-password');
      await setPassword(page, server);
      await look(page, 'account');
      const visitor = await (await browser.newContext()).newPage();
      await visitor.goto(`${server.url}/sign-in`);
      await visitor.getByText('No password, or forgotten?').click();
      await look(visitor, 'sign-in');
      for (let number = 0; number < 11; number += 1) await signIn(visitor, 'something else');
      await expect(visitor.getByRole('alert')).toContainText('There were too many wrong passwords.');
      await look(visitor, 'sign-in-locked');
      await visitor.goto(await server.signInLink());
      await look(visitor, 'sign-in-link');
      await visitor.getByRole('button', { name: 'Sign in' }).click();
      await page.goto(`${server.url}/settings/sessions`);
      await look(page, 'sessions');
      await visitor.context().close();
    });
  }
}
