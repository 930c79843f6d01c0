// Signing in through a real OpenID provider, which the test starts as a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { barriers } from '../barriers.mjs';
import { expect, programWith, test as base } from '../fixtures.mjs';

const SECRET = 'the-client-secret-of-the-browser-tests';

const test = base.extend({
  signedWith: ['RS256', { option: true }],

  provider: async ({ signedWith }, use) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('../provider.mjs', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env.PATH, CLIENT_ID: 'groundswell', CLIENT_SECRET: SECRET, SIGNED_WITH: signedWith },
    });
    const [line] = await once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(30_000) });
    await use({ issuer: line.replace('issuer ', '') });
    child.kill();
    await once(child, 'exit');
  },

  environment: async ({ provider }, use) =>
    use({
      GROUNDSWELL_OIDC_ISSUER: provider.issuer,
      GROUNDSWELL_OIDC_CLIENT_ID: 'groundswell',
      GROUNDSWELL_OIDC_CLIENT_SECRET: SECRET,
      GROUNDSWELL_OIDC_NAME: 'Acme',
    }),
});

/** Says at the provider who one is. */
async function sayWho(page, provider, name) {
  await page.waitForURL((url) => url.origin === provider.issuer);
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Continue' }).click();
}

/** Connects the account of whoever is signed in. */
async function connect(page, server, provider, name) {
  await page.goto(`${server.url}/settings/account`);
  await page.getByRole('button', { name: 'Connect with Acme' }).click();
  await sayWho(page, provider, name);
  await expect(page.getByRole('status')).toContainText('You can sign in through that account from now on.');
}

const button = (page) => page.getByRole('button', { name: 'Sign in with Acme' });

for (const signedWith of ['RS256', 'ES256']) {
  test.describe(`a provider that signs with ${signedWith}`, () => {
    test.use({ signedWith });

    test('somebody signs in who has connected their account', async ({ page, server, provider, browser }) => {
      await connect(page, server, provider, 'ada');
      const context = await browser.newContext({ locale: 'en-GB' });
      const fresh = await context.newPage();
      await fresh.goto(`${server.url}/sign-in`);
      expect(await barriers(fresh)).toEqual([]);
      await button(fresh).click();
      await sayWho(fresh, provider, 'ada');
      await fresh.waitForURL(`${server.url}/`);
      await expect(fresh.getByRole('button', { name: 'Sign out' })).toBeVisible();
      const names = (await context.cookies(server.url)).map(({ name }) => name);
      expect(names).toContain('groundswell_session');
      expect(names).not.toContain('groundswell_provider_sign_in');
      await context.close();
      expect(server.log).not.toContain(SECRET);
    });
  });
}

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('nobody comes in who was not invited, and is told so', async ({ context, server, provider }) => {
    const page = await context.newPage();
    for (const [name, sentence] of [
      ['ada', 'Nobody has invited your e-mail address'],
      ['eve', 'does not confirm an e-mail address of yours'],
    ]) {
      await page.goto(`${server.url}/sign-in`);
      await button(page).click();
      await sayWho(page, provider, name);
      await page.waitForURL(/\/sign-in\?provider=/);
      await expect(page.getByRole('alert')).toContainText(sentence);
      await context.clearCookies();
    }
  });
});

test('somebody who cancels there, or brings a code twice, is not signed in', async ({ page, server, provider, browser }) => {
  await connect(page, server, provider, 'ada');
  const context = await browser.newContext({ locale: 'en-GB' });
  const fresh = await context.newPage();
  await fresh.goto(`${server.url}/sign-in`);
  await button(fresh).click();
  await fresh.getByRole('button', { name: 'Cancel' }).click();
  await expect(fresh.getByRole('alert')).toContainText('cancelled');

  let back;
  fresh.on('request', (request) => {
    if (request.url().startsWith(`${server.url}/sign-in/provider/callback`)) back = request;
  });
  await button(fresh).click();
  await sayWho(fresh, provider, 'ada');
  await fresh.waitForURL(`${server.url}/`);
  const { cookie } = await back.allHeaders();
  const again = await fetch(back.url(), { headers: { cookie }, redirect: 'manual' });
  expect(again.headers.get('location')).toBe('/sign-in?provider=failed');
  await context.close();
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'an account with a password, with JavaScript' : 'an account with a password, without JavaScript', () => {
    // The page that was wanted asks to sign in first.
    test.use({ javaScriptEnabled, expectedComplaints: [[/status of 401/], { option: true }] });

    test('is connected by it, opens the page that was wanted, and is disconnected again', async ({ page, server, provider, browser }) => {
      const program = await programWith(server, []);
      await page.goto(`${server.url}/settings/account`);
      await page.getByLabel('E-mail address').fill('ada@example.com');
      await page.getByLabel(/^New password/).fill('correct horse battery');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await expect(page.getByRole('status')).toContainText('That is how you sign in from now on.');

      const section = page.getByRole('form', { name: 'Acme' });
      await section.getByLabel('Present password').fill('not this one');
      await section.getByRole('button', { name: 'Connect with Acme' }).click();
      await expect(section.getByRole('alert')).toContainText('The present password is not right.');
      await section.getByLabel('Present password').fill('correct horse battery');
      await section.getByRole('button', { name: 'Connect with Acme' }).click();
      await sayWho(page, provider, 'ada');
      await expect(page.getByRole('status')).toContainText('You can sign in through that account from now on.');
      if (javaScriptEnabled) expect(await barriers(page)).toEqual([]);

      const context = await browser.newContext({ locale: 'en-GB', javaScriptEnabled });
      const visitor = await context.newPage();
      const wanted = `${server.url}/programs/${program}/deliveries?state=held`;
      expect((await visitor.goto(wanted)).status()).toBe(401);
      await button(visitor).click();
      await visitor.getByRole('button', { name: 'Cancel' }).click();
      await expect(visitor.getByRole('alert')).toContainText('cancelled');
      await button(visitor).click();
      await sayWho(visitor, provider, 'ada');
      await expect(visitor).toHaveURL(wanted);
      await expect(visitor.getByRole('heading', { level: 1 })).toHaveText('Pied Piper');

      await section.getByRole('button', { name: 'Disconnect from Acme' }).click();
      await expect(page.getByRole('status')).toContainText('That account opens this one no longer.');
      expect((await visitor.goto(wanted)).status()).toBe(401);
      await button(visitor).click();
      await sayWho(visitor, provider, 'ada');
      await visitor.waitForURL(/\/sign-in\?provider=has-account&next=/);
      await expect(visitor.getByRole('alert')).toContainText('has an account here that is not connected');
      await context.close();
    });
  });
}
