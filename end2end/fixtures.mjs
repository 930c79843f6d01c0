// What the browser tests are written with: a server, a receiver, and a page that forgives no error.
import { test as base, expect } from '@playwright/test';
import { startReceiver } from './receiver.mjs';
import { Server } from './server.mjs';

export { expect };

/** What a page says on its console when it is wrong, and when Leptos could not take over the server's HTML. */
const isComplaint = (message) =>
  message.type() === 'error' || /hydrat|panicked|unreachable executed|reactive tracking context|Policy header/i.test(message.text());

export const test = base.extend({
  /** More environment for the server. */
  environment: [{}, { option: true }],

  server: async ({ environment, watched }, use) => {
    const server = await Server.start(environment);
    watched.server = server;
    await use(server);
    // Pages that are still open rightly miss it.
    watched.isOver = true;
    await server.stop();
  },

  receiver: async ({}, use) => {
    const receiver = await startReceiver();
    await use(receiver);
    await receiver.close();
  },

  /** Console messages that a test brings about on purpose, as regular expressions. */
  expectedComplaints: [[], { option: true }],

  /** What pages have complained of so far. A test that takes something out has expected it. */
  complaints: async ({}, use) => use([]),

  /** Watches every context that a test opens, its own and those of other people, and forgives none of them anything. */
  watched: [
    async ({ browser, expectedComplaints, complaints, javaScriptEnabled }, use) => {
      const watched = { server: undefined, isOver: false };
      const complain = (text) => {
        if (!watched.isOver && !expectedComplaints.some((expected) => expected.test(text))) complaints.push(text);
      };
      const newContext = browser.newContext;
      browser.newContext = async (options) => {
        const context = await newContext.call(browser, options);
        // What a test sets for its own context is so in others, too, unless it says otherwise.
        await watch(context, { complain, watched, javaScriptEnabled: options?.javaScriptEnabled ?? javaScriptEnabled });
        return context;
      };
      await use(watched);
      browser.newContext = newContext;
      expect(complaints, 'a page complained').toEqual([]);
    },
    { auto: true },
  ],

  /** A page of somebody who is signed in. */
  page: async ({ page, server, javaScriptEnabled }, use) => {
    const { token } = Object.fromEntries(new URL(await server.signInLink()).searchParams);
    const answer = await page.request.post(`${server.url}/sign-in`, {
      form: { token },
      headers: { origin: server.url },
      maxRedirects: 0,
    });
    expect(answer.status(), await answer.text()).toBe(303);
    page.open = (path) => open(page, `${server.url}${path}`, javaScriptEnabled);
    await use(page);
  },
});

/** Has everything that is wrong with a context's pages complained of. */
async function watch(context, { complain, watched, javaScriptEnabled }) {
  context.on('console', (message) => {
    if (isComplaint(message)) complain(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => complain(`uncaught: ${error.error().stack ?? error.error().message}`));
  // Chromium reports most violations of a page's policy on the console as well, which is all there is without JavaScript.
  await context.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sample }) =>
      console.error(`violates its policy: ${effectiveDirective} ${blockedURI} ${sample}`),
    ),
  );
  context.on('requestfailed', (request) => {
    const why = request.failure()?.errorText;
    // The browser gives up requests of a page that is being left, and without JavaScript refuses to load it.
    const isUsual = why === 'net::ERR_ABORTED' || (javaScriptEnabled === false && why === 'csp');
    const isOurs = watched.server && request.url().startsWith(watched.server.url);
    if (!isUsual && isOurs) complain(`failed: ${request.url()} ${why}`);
  });
}

/** Opens a page and waits until it is alive. */
export async function open(page, url, javaScriptEnabled = true) {
  await page.goto(url);
  if (javaScriptEnabled !== false) await alive(page);
}

/** Waits until the browser half has taken over. */
export const alive = (page) => page.locator('html[data-hydrated]').waitFor({ state: 'attached' });

/** Clicks, and waits for the page that answers: for the next step the old one must be gone. */
export async function answered(page, button) {
  const navigated = page.waitForEvent('framenavigated', (frame) => frame === page.mainFrame());
  await button.click();
  await navigated;
  await page.waitForLoadState();
}

/** What was copied. Our pages may write to the clipboard but not read it, so a tab reads it that has none of them. */
export async function copied(page) {
  const tab = await page.context().newPage();
  await tab.goto(new URL('/healthz', page.url()).href);
  const text = await tab.evaluate(() => navigator.clipboard.readText());
  await tab.close();
  return text;
}

/** What the browser does when a tab is put behind another (`hidden`) or comes back (`visible`). */
export const show = (page, state) =>
  page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }, state);

/** A program with webhooks made over REST. */
export async function programWith(server, urls, { type = 'REFERRAL', name = 'Pied Piper', ...more } = {}) {
  const { id } = await server.call('POST', '/campaigns', { type, name });
  for (const payloadUrl of urls) {
    await server.call('POST', `/campaign/${id}/webhooks`, {
      payloadUrl,
      events: ['NEW_PARTICIPANT_ADDED'],
      isEnabled: true,
      ...more,
    });
  }
  return id;
}

/** What people choose who are invited. */
export const PASSWORD = 'apple river stone lamp';

/** Invites somebody on the page of members; returns the link. */
export async function invite(page, server, email, role) {
  await page.goto(`${server.url}/settings/members`);
  await page.getByText('Invite somebody').click();
  await page.getByLabel('E-mail address').fill(email);
  await page.getByRole('radio', { name: new RegExp(`^${role}`) }).check();
  await page.getByRole('button', { name: 'Make invitation' }).click();
  return page.getByLabel(/^Copy this link now/).inputValue();
}

/** Joins by that link. */
export async function accept(page, link, name) {
  await page.goto(link);
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Choose a password').fill(PASSWORD);
  await answered(page, page.getByRole('button', { name: 'Join the team' }));
}

/** What the page says to everybody, screen readers included. */
export const said = (page, text) => page.getByRole('status').getByText(text);

/** What the Webhooks panel consists of, by the words people see. */
export const panel = (page) => ({
  add: page.getByRole('button', { name: 'Add webhook' }),
  rows: page.getByRole('list', { name: 'Webhooks' }).getByRole('listitem', { name: /^Webhook \d$/ }),
  publish: page.getByRole('button', { name: 'Publish changes' }),
  bar: page.getByRole('group', { name: 'Draft', exact: true }),
  row: (number) => {
    const row = page.getByRole('listitem', { name: `Webhook ${number}`, exact: true });
    return {
      self: row,
      url: row.getByRole('textbox', { name: `URL of webhook ${number}` }),
      test: row.getByRole('button', { name: `Test webhook ${number}`, exact: true }),
      isOn: row.getByRole('switch', { name: `Send events to webhook ${number}` }),
      settings: row.getByText('Advanced webhook settings'),
      event: (name) => row.getByRole('checkbox', { name: new RegExp(`\\b${name}\\b`) }),
      secret: row.getByRole('textbox', { name: /^(New secret|Replace with)$/ }),
      button: (name) => row.getByRole('button', { name, exact: true }),
    };
  },
});

/** What the delivery log consists of. */
export const log = (page) => ({
  rows: page.getByRole('table', { name: 'Deliveries, newest first' }).getByRole('row', { name: /dlv_|New participant/ }),
  side: page.getByRole('complementary'),
  search: page.getByRole('searchbox', { name: 'Search' }),
  filter: (name) => page.getByRole('search').getByLabel(name),
  job: page.getByRole('group', { name: 'Resend' }),
});
