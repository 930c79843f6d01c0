// The pages of the settings in every state, as `states.spec.mjs` has the others. They are documents without a browser half, so
// none of them is ever loading: a page is there, or the browser itself says that it is not, and forms work as forms do.
import { accept, expect, invite, programWith, test } from '../fixtures.mjs';
import { damage, look, never, SORRY } from '../states.mjs';

test.describe.configure({ timeout: 420_000 });

const HOOK = 'https://example.com/hook';
const OWNERS_ONLY = 'Only owners of the team can do that.';
const OWN = never('it is about the one who looks');

/** Of each page: what it shows in its states, and the column of the database that is damaged to have it fail. */
const PAGES = {
  'api-keys': {
    empty: 'No API keys yet', filtered: never('it has no filter'), viewer: OWNERS_ONLY,
    failed: never('keys are read when the server starts, which refuses what is damaged'),
  },
  'audit-log': {
    empty: never('whoever looks has signed in, which is its first entry'), filtered: ['?actor=nobody', 'No entry matches'],
    viewer: OWNERS_ONLY, failed: 'audit_log.actor_kind',
  },
  privacy: {
    empty: 'No program yet', filtered: never('it has no filter'), viewer: OWNERS_ONLY,
    failed: 'erasure.subject_kind',
  },
  members: {
    empty: never('whoever looks is in it'), filtered: never('it has no filter'), viewer: 'Owners decide who is in it',
    failed: 'invitation.role',
  },
  account: { empty: OWN, filtered: OWN, viewer: OWN, failed: never('who somebody is, is known before any page') },
  sessions: { empty: OWN, filtered: OWN, viewer: OWN, failed: never('as the account') },
  status: {
    empty: 'Nothing is open', filtered: never('it has no filter'), viewer: 'Only those who run this server can do that',
    failed: never('incidents are in memory, so that everybody is told while the database is away'),
  },
  notifications: {
    empty: 'No program yet', filtered: never('it has no filter'), viewer: 'Only editors and owners of the team can do that',
    failed: 'mail_recipient.state',
  },
};

/** The pages that have that state, with what they show in it. */
const having = (state) =>
  Object.entries(PAGES).filter(([, page]) => page[state].reason === undefined).map(([name, page]) => [name, page[state]]);

test('every page of the settings is in the table', async ({ page, server }) => {
  await page.goto(`${server.url}/settings/members`);
  const links = page.getByRole('main').locator('a[href^="/settings/"]');
  const names = await links.evaluateAll((all) => all.map((link) => link.getAttribute('href').split(/[/?#]/)[2]));
  expect([...new Set(names)].sort()).toEqual(Object.keys(PAGES).sort());
});

test('what is empty says why, and what to do', async ({ page, server }) => {
  for (const [name, text] of having('empty')) {
    await page.goto(`${server.url}/settings/${name}`);
    await expect(page.getByRole('main').getByText(text)).toBeVisible();
    await look(page, `empty-${name}`);
  }
});

test('what a filter leaves nothing of says so', async ({ page, server }) => {
  for (const [name, [query, text]] of having('filtered')) {
    await page.goto(`${server.url}/settings/${name}${query}`);
    await expect(page.getByRole('main').getByText(text)).toBeVisible();
    await look(page, `filtered-${name}`);
  }
});

test.describe('when the server fails', () => {
  test.use({ expectedComplaints: [[/status of 500/], { option: true }] });

  test('each page has the number under which the log has why', async ({ page, server }) => {
    const program = await programWith(server, [HOOK]);
    await server.call('POST', `/campaign/${program}/erasures`, { participantId: 'gavin' });
    await invite(page, server, 'grace@example.com', 'Viewer');
    for (const [name, place] of having('failed')) {
      await test.step(name, async () => {
        damage(server, place, true);
        await page.goto(`${server.url}/settings/${name}`);
        await expect(page.getByRole('main').getByText(SORRY)).toBeVisible();
        const number = await page.getByRole('main').getByText(/^Request req_/).locator('code').innerText();
        expect(server.log).toContain(number);
        await look(page, `failed-${name}`);
        damage(server, place, false);
        await page.reload();
        await expect(page.getByRole('main').getByText(SORRY)).toHaveCount(0);
      });
    }
  });
});

test.describe('who may only look', () => {
  test.use({ expectedComplaints: [[/status of 403/], { option: true }] });

  test('is told so, or who could', async ({ page, browser, server }, info) => {
    await programWith(server, [HOOK]);
    const { locale, timezoneId, viewport } = info.project.use;
    const guest = await (await browser.newContext({ locale, timezoneId, viewport })).newPage();
    await accept(guest, await invite(page, server, 'grace@example.com', 'Viewer'), 'Grace');
    for (const [name, text] of having('viewer')) {
      await test.step(name, async () => {
        await guest.goto(`${server.url}/settings/${name}`);
        await expect(guest.getByRole('main').getByText(text)).toBeVisible();
        await look(guest, `read-only-${name}`);
      });
    }
    await guest.context().close();
  });
});
