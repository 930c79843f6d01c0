// Every view in every state: a table of what each shows, and why there is no such state where there is none. Pages of the settings
// have a table of their own (`states-of-settings.spec.mjs`).
import { accept, alive, expect, invite, log, open, panel, programWith, said, test } from '../fixtures.mjs';
import { damage, look, never, SORRY } from '../states.mjs';

// Each test goes through all views.
test.describe.configure({ timeout: 420_000 });

const HOOK = 'https://example.com/hook';
const READ_ONLY = 'You can see this and change nothing: your role is viewer.';

const NO_FILTER = never('it has no filter');

/**
 * Of each view: from where a click leads there, by which it is known that it is there, and what it shows in its states.
 * `loading` and `offline` are reached by that click; `failed` as well, with a column of the database damaged that this
 * view reads and the one before it does not. A view beside another one is a panel that has its own failure, while the rest of the page stays.
 */
const VIEWS = {
  programs: {
    path: '/', from: '/programs/{id}/options',
    enter: (page) => page.getByRole('navigation', { name: 'Breadcrumb' }).getByRole('link', { name: 'Programs' }),
    there: (page) => page.getByRole('heading', { name: 'Programs', level: 1 }),
    empty: 'No programs yet', filtered: NO_FILTER, failed: 'draft.version', readOnly: READ_ONLY,
  },
  options: {
    path: '/programs/{id}/options', from: '/',
    enter: (page) => page.getByRole('link', { name: 'Pied Piper' }),
    there: (page) => page.getByRole('heading', { name: 'Set up integrations' }),
    empty: 'No webhooks yet', filtered: NO_FILTER, failed: 'draft.version', readOnly: READ_ONLY,
  },
  webhooks: {
    path: '/programs/{id}/options/webhooks', from: '/programs/{id}/options',
    enter: (page) => page.getByRole('link', { name: 'Webhooks' }),
    there: (page) => page.getByRole('list', { name: 'Webhooks' }),
    empty: 'No webhooks yet', filtered: NO_FILTER, failed: 'draft.version', readOnly: READ_ONLY,
  },
  history: {
    path: '/programs/{id}/options/webhooks/history', from: '/programs/{id}/options/webhooks',
    enter: (page) => page.getByRole('link', { name: 'History' }),
    there: (page) => page.getByRole('heading', { name: 'History' }),
    empty: 'No history yet', filtered: NO_FILTER, failed: 'publication.rows_json', readOnly: READ_ONLY,
  },
  deliveries: {
    path: '/programs/{id}/deliveries', from: '/programs/{id}/options',
    enter: (page) => page.getByRole('link', { name: 'Delivery log' }),
    there: (page) => log(page).rows.first(),
    empty: 'No deliveries yet', filtered: ['?state=cancelled', 'No delivery matches'], failed: 'attempt.started_at_ms', readOnly: READ_ONLY,
  },
  delivery: {
    from: '/programs/{id}/deliveries',
    enter: (page) => log(page).rows.first().getByRole('link'),
    there: (page) => log(page).side.getByRole('heading', { name: 'New participant added' }),
    empty: never('a delivery has a body, and a timeline that begins with its acceptance'),
    filtered: never('it is open whatever the list beside it shows'),
    failed: 'attempt.started_at_ms', readOnly: READ_ONLY, isBeside: true,
  },
  inbox: {
    path: '/programs/{id}/inbox', from: '/programs/{id}/options',
    enter: (page) => page.getByRole('link', { name: 'Inbox', exact: true }),
    there: (page) => page.getByRole('list', { name: 'Requests' }),
    empty: 'Nothing has come yet', filtered: NO_FILTER, failed: 'inbox_request.body_bytes', readOnly: READ_ONLY,
  },
  request: {
    from: '/programs/{id}/inbox',
    enter: (page) => page.getByRole('list', { name: 'Requests' }).getByRole('link').first(),
    there: (page) => log(page).side.getByRole('heading', { name: 'POST without an event' }),
    // Of what came first; a delivery always has a body.
    empty: 'The body is empty.', filtered: NO_FILTER, failed: 'inbox_request.body_bytes', readOnly: READ_ONLY, isBeside: true,
  },
};

/** The views that have that state, with what they show in it. */
const having = (state) =>
  Object.entries(VIEWS).filter(([, view]) => view[state].reason === undefined).map(([name, view]) => [name, view, view[state]]);

const at = (server, path, program) => server.url + path.replace('{id}', program);

/** A program with something in each view. */
async function full({ server, receiver }) {
  const program = await programWith(server, [receiver.url('/hook')]);
  await server.join(program, 'gavin');
  await receiver.waitFor(({ path }) => path === '/hook');
  const { url } = await server.call('GET', `/campaign/${program}/inbox`);
  await fetch(url, { method: 'POST' });
  return program;
}

test('what is on its way says so when it takes a while', async ({ page, server, receiver }) => {
  const program = await full({ server, receiver });
  for (const [name, { from, enter, there }] of Object.entries(VIEWS)) {
    await test.step(name, async () => {
      await open(page, at(server, from, program));
      let go;
      const held = new Promise((resolve) => (go = resolve));
      await page.route('**/_fn/**', async (route) => {
        await held;
        await route.continue();
      });
      await enter(page).click();
      const says = page.getByRole('main').getByRole('status').getByText('Loading…');
      await expect(says).toBeVisible();
      await look(page, `loading-${name}`);
      if (VIEWS[name].isBeside) {
        // On a narrow page it stands in the place of the list.
        await page.setViewportSize({ width: 320, height: 640 });
        await expect(says).toBeInViewport();
        await page.setViewportSize({ width: 1280, height: 900 });
      }
      go();
      await expect(there(page)).toBeVisible();
      await expect(says).toHaveCount(0);
      await page.unrouteAll({ behavior: 'wait' });
    });
  }
});

test('what is empty says why, and what to do', async ({ page, server }) => {
  await open(page, server.url);
  await expect(page.getByRole('heading', { name: VIEWS.programs.empty })).toBeVisible();
  const program = await programWith(server, []);
  const { url } = await server.call('GET', `/campaign/${program}/inbox`);
  for (const [name, view, text] of having('empty').slice(1)) {
    await test.step(name, async () => {
      await open(page, at(server, view.path ?? view.from, program));
      if (view.isBeside) {
        await fetch(url, { method: 'POST' });
        await view.enter(page).click();
      }
      await expect(page.getByRole('main').getByText(text)).toBeVisible();
      await look(page, `empty-${name}`);
    });
  }
});

test('what a filter leaves nothing of says so', async ({ page, server, receiver }) => {
  const program = await full({ server, receiver });
  for (const [name, { path }, [query, text]] of having('filtered')) {
    await open(page, at(server, path, program) + query);
    await expect(page.getByRole('heading', { name: text })).toBeVisible();
    await look(page, `filtered-${name}`);
  }
});

test.describe('when the server fails', () => {
  test.use({ expectedComplaints: [[/status of 500/], { option: true }] });

  test('each view has the number under which the log has why', async ({ page, server, receiver }) => {
    const program = await full({ server, receiver });
    for (const [name, { from, enter, there, isBeside }, place] of having('failed')) {
      await test.step(name, async () => {
        await open(page, at(server, from, program));
        await expect(enter(page)).toBeVisible();
        damage(server, place, true);
        await enter(page).click();
        const where = isBeside ? log(page).side : page.getByRole('main');
        await expect(where.getByText(SORRY)).toBeVisible();
        const number = await where.getByText(/^Request req_/).locator('code').innerText();
        expect(server.log).toContain(number);
        await look(page, `failed-${name}`);
        await page.reload();
        await expect(page.getByRole('main').getByText(SORRY).last()).toBeVisible();
        await expect(page.getByRole('main').getByText(/^Request req_/).last()).toBeVisible();
        damage(server, place, false);
        await page.reload();
        await expect(there(page)).toBeVisible();
      });
    }
  });
});

test('who may only look is told so', async ({ page, browser, server, receiver }, info) => {
  const program = await full({ server, receiver });
  const { locale, timezoneId, viewport } = info.project.use;
  const guest = await (await browser.newContext({ locale, timezoneId, viewport })).newPage();
  await accept(guest, await invite(page, server, 'grace@example.com', 'Viewer'), 'Grace');
  for (const [name, view, text] of having('readOnly')) {
    await test.step(name, async () => {
      await open(guest, at(server, view.path ?? view.from, program));
      if (view.isBeside) await view.enter(guest).click();
      await expect(view.there(guest)).toBeVisible();
      await expect(guest.getByText(text)).toBeVisible();
      const changes = guest.getByRole('main').locator('form[method=post] button:visible, [name=intent]:visible');
      await expect(changes).toHaveCount(0);
      await look(guest, `read-only-${name}`);
    });
  }
  await guest.context().close();
});

test.describe('without a connection', () => {
  test.use({ expectedComplaints: [[/ERR_/, /failed: .*ERR_/], { option: true }] });

  test('a view that cannot be had says why', async ({ page, context, server, receiver }) => {
    const program = await full({ server, receiver });
    for (const [name, { from, enter, isBeside }] of Object.entries(VIEWS)) {
      await test.step(name, async () => {
        await open(page, at(server, from, program));
        await expect(enter(page)).toBeVisible();
        await context.setOffline(true);
        await enter(page).click();
        if (isBeside) await expect(log(page).side.getByText(/The server cannot be reached|No connection/).first()).toBeVisible();
        else await expect(page.getByRole('heading', { name: 'No connection' })).toBeVisible();
        await look(page, `offline-${name}`);
        await context.setOffline(false);
      });
    }
  });

  test('what is typed is kept and saved later, and what is shown stays', async ({ page, context, server }) => {
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
    });
    await expect(bar).toContainText(/Draft saved .* · 1 change/, { timeout: 60_000 });
    await other.reload();
    await expect(said(other, 'Live')).toBeVisible();
  });
});
