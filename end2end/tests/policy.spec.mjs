// Pages keep to their content security policy, and the policy keeps out what is not theirs.
import { answered, expect, open, panel, programWith, test } from '../fixtures.mjs';

/** What to open of each route that answers with a page, for somebody who is signed in; with a browser half. */
const PAGES = {
  '/': ['/', '/no/such/page'],
  '/programs/{id}/options': ['/programs/{id}/options', '/programs/none/options'],
  '/programs/{id}/options/webhooks': ['/programs/{id}/options/webhooks'],
  '/programs/{id}/options/webhooks/history': ['/programs/{id}/options/webhooks/history'],
  '/programs/{id}/deliveries': ['/programs/{id}/deliveries', '/programs/{id}/deliveries?delivery={delivery}'],
  '/programs/{id}/inbox': ['/programs/{id}/inbox'],
};
const WITHOUT_BROWSER_HALF = {
  '/sign-in': ['/sign-in?token=used-up'],
  '/invitation': ['/invitation?token=none', '{invitation}'],
  '/notifications': ['/notifications?token=none'],
  '/settings/account': ['/settings/account'],
  '/settings/api-keys': ['/settings/api-keys'],
  '/settings/audit-log': ['/settings/audit-log'],
  '/settings/members': ['/settings/members'],
  '/settings/notifications': ['/settings/notifications', '/settings/notifications?campaign={id}'],
  '/settings/privacy': ['/settings/privacy', '/settings/privacy?campaign={id}'],
  '/settings/sessions': ['/settings/sessions'],
  '/settings/status': ['/settings/status'],
  '/status': ['/status'],
  '/status/incidents/{id}': ['/status/incidents/{incident}', '/status/incidents/none'],
  '/docs': ['/docs'],
  '/docs/{*page}': ['/docs/security', '/docs/events', '/docs/api', '/docs/none'],
  '/docs/search': ['/docs/search?q=signature'],
  '/llms.txt': ['/llms.txt', '/favicon.svg'],
};
/** Of who came by an editor link. */
const EMBEDDED = {
  '/embed': ['{link}'],
  '/embed/programs/{id}/webhooks': ['/embed/programs/{id}/webhooks'],
  '/embed/programs/{id}/webhooks/history': ['/embed/programs/{id}/webhooks/history'],
};
/** What answers with no page: REST, server functions, streams, files, feeds, redirects. */
const NO_PAGES = /^\/(v2|api\/v2|_fn|embed\/_fn)(\/|$)|\/live$|\/export$|^\/(healthz|readyz|metrics|inbox\/\{token\}|docs\/|sign-in\/provider\/callback|status\/(badge|history)\.\w+)$/;

/** The paths that the server answers, as it names them in its log. */
const served = (server) => [...server.log.matchAll(/a route is served.*route=(?:GET|ANY) (\S+)$/gm)].map(([, path]) => path);

const NOT_THERE = /Failed to load resource: the server responded with a status of 404/;

/** A program that has what pages show: webhooks that work and fail, deliveries, a version of the past, an inbox with a request. */
async function full(server, receiver) {
  receiver.behave('/down', { status: 503 });
  const program = await programWith(server, [receiver.url('/up'), receiver.url('/down')]);
  const { url } = await server.call('GET', `/campaign/${program}/inbox`);
  await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"event":"by hand"}' });
  await server.join(program, 'ada');
  await receiver.waitFor(({ path, status }) => path === '/up' && status === 200);
  await receiver.waitFor(({ path }) => path === '/down');
  const { deliveries } = await server.call('GET', `/campaign/${program}/deliveries`);
  const incident = await server.call('POST', '/incidents', { name: 'Late', message: 'We look into it.' });
  const invitation = await server.call('POST', '/teams/team_first/invitations', { email: 'eve@example.org', role: 'viewer' });
  const link = await server.call('POST', `/campaign/${program}/editor-link`, {});
  const own = { id: program, delivery: deliveries[0].id, incident: incident.id, invitation: invitation.url, link: link.url };
  const filled = (path) => new URL(path.replace(/\{(\w+)\}/g, (_, name) => own[name]), server.url).href.replace(server.url, '');
  return { program, filled };
}

/** Puts something into a page on its way from the server, as somebody would who found a hole in it. */
const inject = (page, path, markup) =>
  page.route(path, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace('</body>', `${markup}</body>`) });
  });

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test.use({ javaScriptEnabled, expectedComplaints: [[NOT_THERE], { option: true }] });

    test('no page violates its policy', async ({ page, server, receiver }) => {
      const { program, filled } = await full(server, receiver);
      for (const path of Object.values(PAGES).flat().map(filled)) {
        await page.open(path);
        await expect(page.locator('h1').first()).toBeVisible();
      }
      for (const path of Object.values(WITHOUT_BROWSER_HALF).flat().map(filled)) await page.goto(server.url + path);
      const [link, ...embedded] = Object.values(EMBEDDED).flat().map(filled);
      await page.goto(server.url + link);
      await answered(page, page.getByRole('button', { name: 'Open webhook settings' }));
      for (const path of embedded) await page.open(path);
      await page.open(`/programs/${program}/options/webhooks`);
      for (const details of await page.locator('main details').all()) await details.evaluate((it) => (it.open = true));
      await expect(panel(page).row(1).test).toBeVisible();
      await panel(page).row(1).test.click();
      await expect(panel(page).row(1).self.getByText(/^200 in /)).toBeVisible();
    });

    test('what is loaded from elsewhere or styled in place is blocked and reported', async ({ page, server, complaints }) => {
      await inject(page, `${server.url}/`, '<img src="https://elsewhere.example/x.png"><p id="planted" style="color: rgb(1, 2, 3)">x</p>');
      await page.goto(server.url);
      await expect(page.locator('#planted')).not.toHaveCSS('color', 'rgb(1, 2, 3)');
      await expect.poll(() => complaints.some((it) => /elsewhere\.example/.test(it) && /img-src/.test(it))).toBe(true);
      await expect.poll(() => complaints.some((it) => /style-src/.test(it))).toBe(true);
      complaints.length = 0;
    });
  });
}

test('a script that is not of the answer is blocked and reported', async ({ page, server, complaints }) => {
  const planted = [
    '<script>document.title = "planted"</script>',
    '<script nonce="">document.title = "planted"</script>',
    '<script src="/planted.js"></script>',
    '<img src="/favicon.svg" onload="document.title = \'planted\'">',
    '<iframe srcdoc="<script>parent.document.title = \'planted\'</script>"></iframe>',
    '<base href="https://elsewhere.example/">',
    '<object data="/favicon.svg"></object>',
  ];
  await inject(page, `${server.url}/sign-in`, planted.join(''));
  await page.goto(`${server.url}/sign-in`);
  const reported = (directive) => complaints.filter((it) => it.includes(`violates its policy: ${directive}`)).length;
  await expect.poll(() => reported('script-src-elem')).toBeGreaterThanOrEqual(planted.filter((it) => it.startsWith('<script')).length);
  await expect.poll(() => reported('script-src-attr')).toBe(1);
  // The planted frame takes its base from the page, and may be told of it as well.
  await expect.poll(() => reported('base-uri')).toBeGreaterThanOrEqual(1);
  await expect.poll(() => reported('object-src')).toBe(1);
  await expect(page).not.toHaveTitle('planted');
  // Of the frame's base it may be told later still.
  await page.close();
  complaints.length = 0;
});

test.describe('what the server answers', () => {
  test.use({ environment: [{ GROUNDSWELL_LOG: 'info,groundswell::routes=debug' }, { option: true }] });

  test('no page is left out', async ({ server }) => {
    const routes = served(server);
    expect(routes).toContain('/programs/{id}/deliveries');
    const opened = Object.keys({ ...PAGES, ...WITHOUT_BROWSER_HALF, ...EMBEDDED });
    expect(routes.filter((path) => !opened.includes(path) && !NO_PAGES.test(path)), 'pages that nobody opens').toEqual([]);
    expect(opened.filter((path) => !routes.includes(path)), 'pages that are no more').toEqual([]);
  });
});

test('a page that breaks its policy fails its test', async ({ page, server, complaints }) => {
  await page.open('/');
  await page.evaluate(() => document.body.append(Object.assign(document.createElement('script'), { text: 'document.title = "planted"' })));
  await expect.poll(() => complaints.length).toBeGreaterThan(0);
  await expect(page).not.toHaveTitle('planted');
  complaints.length = 0;
});

test('so does one of somebody else in a browser of their own', async ({ browser, server, complaints }) => {
  const visitor = await (await browser.newContext()).newPage();
  await visitor.goto(`${server.url}/sign-in`);
  await visitor.evaluate(() => document.body.append(Object.assign(document.createElement('script'), { text: 'document.title = "planted"' })));
  await expect.poll(() => complaints.some((it) => /violates its policy: script-src/.test(it))).toBe(true);
  complaints.length = 0;
});

test('no other site frames a page or reads what is ours', async ({ page, server, receiver, complaints }) => {
  const { program } = await full(server, receiver);
  // Another port is another origin, and the same site: what browsers let it do is more than any stranger may.
  receiver.behave('/elsewhere', { status: 200, headers: { 'content-type': 'text/html' }, body: `<iframe src="${server.url}/"></iframe>` });
  await page.goto(receiver.url('/elsewhere'));
  await expect.poll(() => complaints.some((it) => /frame-ancestors|X-Frame-Options/.test(it))).toBe(true);
  for (const path of [`/programs/${program}/live`, `/programs/${program}/deliveries/export?format=csv`, '/']) {
    const read = (mode) =>
      page.evaluate(([url, mode]) => fetch(url, { mode, credentials: 'include' }).then(() => 'answered', () => 'kept'), [server.url + path, mode]);
    expect(await read('cors'), path).toBe('kept');
    // Without a say in it whether the page may read the answer, the browser would take it for an image or a script.
    expect(await read('no-cors'), path).toBe('kept');
  }
  const post = await page.evaluate(
    (url) => fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include', body: new URLSearchParams({ type: 'REFERRAL' }) }).then(() => 'answered', () => 'kept'),
    `${server.url}/`,
  );
  expect(post).toBe('kept');
  expect((await server.call('GET', '/campaigns')).campaigns).toHaveLength(1);
  complaints.length = 0;
});
