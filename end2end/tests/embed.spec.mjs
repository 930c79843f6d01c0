// The webhook settings in a frame of another product, whose pages are of another site, in a browser that blocks third-party
// cookies. The product is the example of the documentation.
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Process } from '../../examples/tests/process.mjs';
import { barriers } from '../barriers.mjs';
import { alive, expect, open, panel, programWith, said, test as base } from '../fixtures.mjs';
import { ADMIN_KEY } from '../server.mjs';

const EXAMPLE = fileURLToPath(new URL('../../examples/embed-host', import.meta.url));

const test = base.extend({
  /** What stands before the product: its address is known before anything is started. `localhost` and 127.0.0.1 are two sites. */
  front: async ({ watched }, use) => {
    const front = { behind: undefined, pages: new Map() };
    const server = createServer((request, response) => {
      const page = front.pages.get(request.url);
      if (page) return response.writeHead(200, { 'content-type': 'text/html' }).end(page);
      if (!front.behind || request.url === '/favicon.ico') return response.writeHead(204).end();
      get(front.behind + request.url, (answer) => answer.pipe(response.writeHead(answer.statusCode, answer.headers)));
    });
    await once(server.listen(0, 'localhost'), 'listening');
    front.origin = `http://localhost:${server.address().port}`;
    await use(front);
    // Pages that are still open rightly miss it.
    watched.isOver = true;
    server.closeAllConnections();
    server.close();
  },

  environment: async ({ front }, use) => use({ GROUNDSWELL_EMBED_ORIGINS: front.origin }),

  /** The product, for a program: its page with the frame. */
  host: async ({ front, server, receiver }, use) => {
    const program = await programWith(server, [receiver.url('/first')]);
    const environment = {
      GROUNDSWELL_URL: server.url, GROUNDSWELL_API_KEY: ADMIN_KEY, GROUNDSWELL_PROGRAM: program, PORT: '0',
    };
    const product = await Process.start(['node', 'host.mjs'], { directory: EXAMPLE, environment });
    front.behind = await product.listening();
    await use({ program, url: `${front.origin}/webhooks` });
    await product.stop();
  },
});

test.use({ launchOptions: async ({ launchOptions }, use) => use({ ...launchOptions, args: [...launchOptions.args, '--test-third-party-cookie-phaseout'] }) });

/** The frame, once its panel is alive. */
async function inside(page, { javaScriptEnabled = true } = {}) {
  const frame = page.frameLocator('iframe');
  const isOpening = (request) => request.method() === 'POST' && new URL(request.url()).pathname === '/embed';
  // Between the browser's processes a click may be lost while a frame of another site is new: nothing is sent then.
  await expect(async () => {
    const click = frame.getByRole('button', { name: 'Open webhook settings' }).click();
    await Promise.all([page.waitForRequest(isOpening, { timeout: 2_000 }), click]);
  }).toPass();
  await expect(frame.getByRole('heading', { name: 'Webhooks' })).toBeVisible();
  if (javaScriptEnabled) await alive(frame);
  return frame;
}

test('these browsers send no cookies to other sites in a frame', async ({ context, front, receiver }) => {
  receiver.behave('/frame', { headers: { 'content-type': 'text/html', 'set-cookie': 'plain=1; SameSite=None; Secure; Path=/' } });
  front.pages.set('/page', `<!doctype html><iframe src="${receiver.url('/frame')}"></iframe>`);
  const page = await context.newPage();
  for (const times of [1, 2]) {
    await page.goto(`${front.origin}/page`);
    await expect.poll(() => receiver.requests.filter(({ path }) => path === '/frame').length).toBe(times);
  }
  for (const { headers } of receiver.requests) expect(headers.cookie ?? '').not.toContain('plain');
});

test('somebody edits, tests and publishes inside of another product', async ({ context, server, host, receiver }) => {
  const page = await context.newPage();
  await page.goto(`${host.url}?theme=dark`);
  const frame = await inside(page);
  const { add, row, rows, publish } = panel(frame);

  await test.step('only the panel is there, in the theme that the product asked for', async () => {
    await expect(frame.getByRole('banner')).toHaveCount(0);
    await expect(frame.getByRole('contentinfo')).toHaveCount(0);
    await expect(frame.locator('html')).toHaveAttribute('data-theme', 'dark');
    expect(await frame.locator('html').evaluate((it) => getComputedStyle(it).backgroundColor)).toBe('rgb(14, 17, 22)');
    const links = await frame.getByRole('link').evaluateAll((all) => all.map((it) => [it.getAttribute('href'), it.target]));
    for (const [href, target] of links) {
      if (!/^#|^\/embed\//.test(href)) expect([href, target]).toEqual([expect.stringMatching(/^\/docs/), '_blank']);
    }
  });

  await test.step('its cookie is for frames of this product', async () => {
    const cookies = (await context.cookies()).filter(({ name }) => name.includes('groundswell'));
    expect(cookies).toHaveLength(1);
    expect(cookies[0]).toMatchObject({ name: '__Host-groundswell_editor', httpOnly: true, secure: true, sameSite: 'None' });
    expect(cookies[0].partitionKey).toContain('localhost');
  });

  await test.step('edit and test', async () => {
    await add.click();
    await row(2).url.fill(receiver.url('/second'));
    await row(2).test.click();
    await expect(row(2).self.getByText(/^200 in /)).toBeVisible();
    await row(2).settings.click();
    await row(2).secret.fill('hunter2');
    await row(2).secret.blur();
    await expect(row(2).self.getByText('A new secret is saved in this draft.')).toBeAttached();
  });

  await test.step('publish', async () => {
    await publish.click();
    await expect(said(frame, 'Published')).toBeVisible();
    const { webhooks } = await server.call('GET', `/campaign/${host.program}/webhooks`);
    expect(webhooks.map(({ payloadUrl }) => payloadUrl)).toEqual([receiver.url('/first'), receiver.url('/second')]);
  });

  await test.step('what others change appears', async () => {
    await server.call('POST', `/campaign/${host.program}/webhooks`, { payloadUrl: receiver.url('/third'), isEnabled: true });
    await expect(rows).toHaveCount(3);
  });

  await test.step('look back and restore', async () => {
    await frame.getByRole('link', { name: 'History' }).click();
    await expect(frame.getByRole('heading', { name: 'History' })).toBeVisible();
    await frame.getByRole('button', { name: /Restore/ }).last().click();
    await expect(frame.getByRole('button', { name: 'Publish changes' })).toBeVisible();
  });

  await test.step('the product’s page again needs a link again', async () => {
    await page.reload();
    const again = await inside(page);
    await expect(panel(again).bar).toContainText('Draft saved');
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('somebody edits, tests and publishes inside of another product', async ({ context, server, host, receiver }) => {
    const page = await context.newPage();
    await page.goto(host.url);
    const frame = await inside(page, { javaScriptEnabled: false });
    const { row, publish } = panel(frame);
    await row(1).url.fill(receiver.url('/other'));
    await row(1).test.click();
    await expect(row(1).self.getByText(/^200 in /)).toBeVisible();
    await publish.click();
    await expect(said(frame, 'Published')).toBeVisible();
    const { webhooks } = await server.call('GET', `/campaign/${host.program}/webhooks`);
    expect(webhooks[0].payloadUrl).toBe(receiver.url('/other'));
  });
});

test.describe('of two sessions in one browser', () => {
  test.use({ expectedComplaints: [[/status of 401/], { option: true }] });

  test('each has its own pages, and one ends without the other', async ({ page, server, host }) => {
    const { id } = await server.call('POST', '/campaigns', { type: 'REFERRAL', name: 'Hooli' });
    await page.goto(host.url);
    const frame = await inside(page);
    await page.open(`/programs/${id}/options/webhooks`);
    await expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible();
    // What is signed in here is no way into a frame's page.
    await page.goto(`${server.url}/embed/programs/${id}/webhooks`);
    await expect(page.getByText('Go back to the product that you came from')).toBeVisible();
    await page.goto(host.url);
    await inside(page);
    await expect(frame.getByText('Hooli')).toHaveCount(0);
  });

  for (const javaScriptEnabled of [true, false]) {
    test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
      test.use({ javaScriptEnabled });

      test('who is shut out is told what to do', async ({ page, server, host, front }) => {
        const { id, url } = await server.call('POST', `/campaign/${host.program}/editor-link`, { label: 'Ada' });
        front.pages.set('/page', `<!doctype html><title>Acme</title><iframe title="Webhooks" src="${url}" width="900" height="900"></iframe>`);
        await page.goto(`${front.origin}/page`);
        const frame = await inside(page, { javaScriptEnabled });
        await server.call('DELETE', `/campaign/${host.program}/editor-link/${id}`);
        // A page that lives is told by its stream, or asks for one a little later.
        if (!javaScriptEnabled) await frame.getByRole('link', { name: 'History' }).click();
        await expect(frame.getByText('Go back to the product that you came from')).toBeVisible({ timeout: 75_000 });
        await expect(frame.getByText('sign in')).toHaveCount(0);
      });
    });
  }
});

test('a link works once', async ({ context, server, host, complaints }) => {
  const { url } = await server.call('POST', `/campaign/${host.program}/editor-link`, {});
  const page = await context.newPage();
  for (const times of [1, 2, 3]) await page.goto(url);
  await page.getByRole('button', { name: 'Open webhook settings' }).click();
  await expect(panel(page).add).toBeVisible();
  expect(page.url()).toBe(`${server.url}/embed/programs/${host.program}/webhooks`);
  await page.goto(url);
  await page.getByRole('button', { name: 'Open webhook settings' }).click();
  await expect(page.getByRole('alert')).toContainText('This link has been used or has expired.');
  await expect.poll(() => complaints.length).toBe(1);
  expect(complaints.pop()).toContain('status of 409');
});

test('a product that is not named frames nothing', async ({ context, server, host, receiver, complaints }) => {
  const { url } = await server.call('POST', `/campaign/${host.program}/editor-link`, {});
  const elsewhere = receiver.url('/elsewhere').replace('127.0.0.1', 'localhost');
  receiver.behave('/elsewhere', { headers: { 'content-type': 'text/html' }, body: `<!doctype html><iframe src="${url}"></iframe>` });
  const page = await context.newPage();
  await page.goto(elsewhere);
  await expect.poll(() => complaints.some((it) => /frame-ancestors/.test(it))).toBe(true);
  await expect(page.frameLocator('iframe').getByRole('button', { name: 'Open webhook settings' })).toHaveCount(0);
  complaints.length = 0;
});

test('both pages can be read and used in both themes, wide and narrow', async ({ context, server, host, receiver }) => {
  receiver.behave('/down', { status: 503 });
  await server.call('POST', `/campaign/${host.program}/webhooks`, { payloadUrl: receiver.url('/down'), events: ['NEW_PARTICIPANT_ADDED'], isEnabled: true });
  await server.join(host.program, 'ada');
  await receiver.waitFor(({ path }) => path === '/down');
  const page = await context.newPage();
  for (const theme of ['light', 'dark']) {
    // The system has the other one.
    await page.emulateMedia({ colorScheme: theme === 'light' ? 'dark' : 'light', reducedMotion: 'reduce' });
    const { url } = await server.call('POST', `/campaign/${host.program}/editor-link`, { theme });
    await page.goto(url);
    await look(page, `embed-link-${theme}`, theme);
    await page.getByRole('button', { name: 'Open webhook settings' }).click();
    await alive(page);
    for (const summary of await page.locator('main .settings > summary').all()) await summary.click();
    await look(page, `embed-webhooks-${theme}`, theme);
    await open(page, `${server.url}/embed/programs/${host.program}/webhooks/history`);
    await look(page, `embed-history-${theme}`, theme);
  }
});

async function look(page, name, theme) {
  const background = { light: 'rgb(247, 248, 250)', dark: 'rgb(14, 17, 22)' }[theme];
  expect(await page.locator('html').evaluate((it) => getComputedStyle(it).backgroundColor)).toBe(background);
  for (const [width, height] of [[1280, 900], [320, 640]]) {
    await page.setViewportSize({ width, height });
    await page.screenshot({ path: `test-results/screens/${name}-${width}.png`, fullPage: true, animations: 'disabled' });
    const isTooWide = await page.evaluate(() => document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth);
    expect.soft(isTooWide, `${name} at ${width} px scrolls sideways`).toBe(false);
    expect.soft(await barriers(page), `${name} at ${width} px`).toEqual([]);
  }
}
