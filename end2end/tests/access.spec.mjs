// Keyboard, names, contrast, narrow screens: each page in both schemes, empty and full, narrow and wide.
import { barriers } from '../barriers.mjs';
import { alive, expect, open, panel, programWith, said, test } from '../fixtures.mjs';

/** What there is to see: who is signed in, how it is filled, and what is opened before it is looked at. */
const PAGES = [
  { name: 'not-found', path: '/no/such/page', complaint: /status of 404/ },
  { name: 'programs-empty', path: '/' },
  { name: 'programs', path: '/', fill: full },
  { name: 'options-empty', path: '/programs/{id}/options', fill: empty },
  { name: 'options', path: '/programs/{id}/options', fill: full },
  { name: 'webhooks-empty', path: '/programs/{id}/options/webhooks', fill: empty },
  { name: 'webhooks', path: '/programs/{id}/options/webhooks', fill: full, before: openEverything },
  { name: 'webhooks-troubled', path: '/programs/{id}/options/webhooks', fill: troubled, environment: { GROUNDSWELL_RETRY_DEADLINE_MS: '1' } },
  { name: 'history', path: '/programs/{id}/options/webhooks/history', fill: full },
  { name: 'deliveries-empty', path: '/programs/{id}/deliveries', fill: empty },
  { name: 'deliveries', path: '/programs/{id}/deliveries', fill: full },
  { name: 'deliveries-filtered', path: '/programs/{id}/deliveries?state=cancelled', fill: full },
  { name: 'deliveries-found', path: '/programs/{id}/deliveries?text=participant-3@&status=503', fill: full, before: select },
  { name: 'deliveries-resend', path: '/programs/{id}/deliveries?state=delivered&resend=all', fill: full },
  { name: 'deliveries-refused', path: '/programs/{id}/deliveries?since=2026-07-27T00:00&until=2026-07-26T00:00', fill: full, complaint: /status of 422/ },
  { name: 'deliveries-keys', path: '/programs/{id}/deliveries', fill: full, before: (page) => page.keyboard.press('?') },
  { name: 'deliveries-resent', path: '/programs/{id}/deliveries?state=delivered', fill: full, before: resend },
  { name: 'delivery', path: '/programs/{id}/deliveries', fill: full, before: openDelivery },
  { name: 'inbox-empty', path: '/programs/{id}/inbox', fill: empty },
  { name: 'inbox', path: '/programs/{id}/inbox', fill: received, before: openReplacing },
  { name: 'inbox-request', path: '/programs/{id}/inbox', fill: received, before: openRequest },
];

async function empty({ server }) {
  return programWith(server, []);
}

/** A program with a working, a failing and a switched-off webhook, and deliveries of each kind. */
async function full({ server, receiver }) {
  receiver.behave('/down', { status: 503, body: '{"reason":"maintenance"}', headers: { 'content-type': 'application/json' } });
  const program = await programWith(server, [receiver.url('/up'), receiver.url('/down')], {
    name: 'A program with a name of some length, as they often have',
  });
  await server.call('POST', `/campaign/${program}/webhooks`, {
    payloadUrl: `https://example.com/${'a-long-path/'.repeat(12)}`, events: ['NEW_PARTICIPANT_ADDED'], isEnabled: false, secret: 'hunter2',
  });
  for (let number = 0; number < 6; number += 1) await server.join(program, `participant-${number}`);
  await receiver.waitFor(({ path, status }) => path === '/up' && status === 200);
  await receiver.waitFor(({ path }) => path === '/down');
  return program;
}

/** A webhook with deliveries that were given up, and one that was disabled because its receiver said that it is gone. */
async function troubled({ server, receiver }) {
  receiver.behave('/down', { status: 503 });
  receiver.behave('/gone', { status: 410 });
  const program = await programWith(server, [receiver.url('/down'), receiver.url('/gone')]);
  for (const name of ['ada', 'grace']) await server.join(program, name);
  const givenUp = async () => (await server.call('GET', `/campaign/${program}/deliveries?state=undeliverable`)).deliveries.length;
  await expect.poll(givenUp).toBeGreaterThan(1);
  const disabled = async () => (await server.call('GET', `/campaign/${program}/webhooks`)).webhooks.map((one) => one.autoDisabledDueToFailures);
  await expect.poll(disabled).toEqual([false, true]);
  return program;
}

/** An inbox with a genuine delivery, one that is not, and one without a signature. */
async function received({ server }) {
  const program = await programWith(server, []);
  const { url } = await server.call('GET', `/campaign/${program}/inbox`);
  const post = (body, headers) => fetch(url, { method: 'POST', body, headers });
  await post('{"event":"CAMPAIGN_ENDED","data":{"id":"p1"}}', { 'x-a-header-with-a-long-name': 'and-a-long-value-'.repeat(20) });
  await server.call('POST', `/campaign/${program}/webhooks`, { payloadUrl: url, events: ['NEW_PARTICIPANT_ADDED'], secret: 'hunter2' });
  await post('hello '.repeat(400), { 'growsurf-signature': `ts=${Date.now()},v=${'0'.repeat(64)}` });
  await server.join(program, 'gavin');
  const came = async () => (await server.call('GET', `/campaign/${program}/inbox`)).requests.length;
  await expect.poll(came).toBe(3);
  return program;
}

async function openReplacing(page) {
  await page.getByText('Replace the URL').click();
}

async function openRequest(page) {
  await page.getByRole('listitem').filter({ hasText: 'Not verified' }).getByRole('link').click();
  await expect(page.getByRole('complementary').getByText('Compare the secrets')).toBeVisible();
}

async function openEverything(page) {
  const { add, row } = panel(page);
  await add.click();
  await row(4).url.fill('http://10.0.0.5/');
  await row(4).url.blur();
  await expect(row(4).self.getByText(/private/)).toBeVisible();
  await row(2).test.click();
  await expect(row(2).self.getByText(/^503 in /)).toBeVisible();
  await row(2).settings.click();
  await row(3).settings.click();
  await row(3).button('Add header').click();
  await row(3).self.getByRole('textbox', { name: 'Name of header 1' }).fill('Content-Length');
  await row(3).self.getByRole('textbox', { name: 'Value of header 1' }).fill('12');
  await row(3).self.getByRole('textbox', { name: 'Value of header 1' }).blur();
  await row(3).button('Generate').click();
  await row(3).self.getByText(/^Example:/).first().click();
  for (const part of ['Request', 'cURL']) await row(2).self.getByText(part, { exact: true }).click();
}

async function openDelivery(page) {
  await page.getByRole('row', { name: /Retrying/ }).first().getByRole('link').click();
  const side = page.getByRole('complementary');
  await expect(side.getByText('#1', { exact: true })).toBeVisible();
  await side.getByText('to come if all fail').click();
  await side.getByText('Answer', { exact: true }).click();
  for (const raw of await side.getByText('As sent', { exact: true }).all()) await raw.click();
}

async function select(page) {
  await page.getByText('Export', { exact: true }).click();
}

async function resend(page) {
  await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
  await page.getByRole('button', { name: /^Resend \d+ selected$/ }).click();
  await expect(page.getByRole('group', { name: 'Resend' }).getByText(/queued to be sent again/)).toBeVisible();
  await page.getByRole('row', { name: /Delivered/ }).first().getByRole('link').click();
  await page.getByRole('complementary').getByRole('button', { name: 'Resend' }).click();
  await expect(page.getByRole('complementary').getByText('Resend of')).toBeVisible();
  await expect(page.getByRole('complementary').getByRole('status').getByText('Delivered')).toBeVisible();
}

/** What makes the page scroll sideways; empty when it does not. */
const tooWide = (page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.scrollingElement;
    if (scrollWidth <= clientWidth) return [];
    const isWide = (element) => element.getBoundingClientRect().right > clientWidth + 0.5;
    return [...document.querySelectorAll('body *')].filter(isWide).slice(0, 8).map((element) => element.outerHTML.slice(0, 120));
  });

/** The texts that a button to copy them lies on. */
const underCopy = (page) =>
  page.evaluate(() => {
    const isOn = (one, other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
    const box = (element) => element.getBoundingClientRect();
    const hides = (copy) => isOn(box(copy), box(copy.parentElement.querySelector('.code-text')));
    return [...document.querySelectorAll('.code > .copy')].filter(hides).map((copy) => copy.parentElement.textContent.slice(0, 120));
  });

test('a barrier is found, in a page and in a frame in it', async ({ page }) => {
  const small = '<button style="width: 9px">a</button><button style="width: 9px">b</button>';
  const bad = `<html lang="en"><title>Bad</title><main><h1 style="color: #ccc">Bad</h1><img src="data:,">${small}</main>`;
  await page.setContent(bad);
  const found = ['color-contrast', 'image-alt', 'target-size'];
  expect((await barriers(page)).map(({ id }) => id).sort()).toEqual(found);
  await page.setContent(`<html lang="en"><title>Good</title><main><h1>Good</h1><iframe title="Bad" srcdoc="${bad.replaceAll('"', '&quot;')}"></iframe></main>`);
  await expect(page.frameLocator('iframe').getByRole('heading', { name: 'Bad' })).toBeVisible();
  expect((await barriers(page)).map(({ id }) => id).sort()).toEqual(expect.arrayContaining(found));
});

for (const { name, path, fill, before, complaint, environment } of PAGES) {
  test.describe(name, () => {
    test.use({ expectedComplaints: [complaint ? [complaint] : [], { option: true }] });
    // Nothing moves while it is looked at.
    test.use({ environment: { GROUNDSWELL_RETRY_BASE_MS: '3600000', GROUNDSWELL_RETRY_CAP_MS: '3600000', ...environment } });

    test('has no barrier, narrow and wide, light and dark', async ({ page, server, receiver }) => {
      const program = (await fill?.({ server, receiver })) ?? '';
      await open(page, server.url + path.replace('{id}', program));
      await before?.(page);
      for (const colorScheme of ['light', 'dark']) {
        for (const [width, height] of [[1280, 900], [320, 640]]) {
          await test.step(`${width} px, ${colorScheme}`, async () => {
            await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
            await page.setViewportSize({ width, height });
            const picture = `test-results/screens/${name}-${colorScheme}-${width}.png`;
            await page.screenshot({ path: picture, fullPage: true, animations: 'disabled' });
            expect.soft(await tooWide(page), 'the page scrolls sideways').toEqual([]);
            expect.soft(await underCopy(page), 'lies under its copy button').toEqual([]);
            expect.soft(await barriers(page)).toEqual([]);
          });
        }
      }
      await test.step('enlarged to 200 % on a wide screen', async () => {
        await page.setViewportSize({ width: 640, height: 450 });
        expect.soft(await tooWide(page), 'the page scrolls sideways').toEqual([]);
      });
      await test.step('in forced colours', async () => {
        await page.emulateMedia({ colorScheme: 'light', forcedColors: 'active' });
        await page.setViewportSize({ width: 1280, height: 900 });
        const picture = `test-results/screens/${name}-forced-1280.png`;
        await page.screenshot({ path: picture, fullPage: true, animations: 'disabled' });
      });
    });
  });
}

test('the whole way, from a new program to a delivery sent again, can be gone by keyboard alone', async ({ page, server, receiver }) => {
  const { keyboard } = page;
  const to = async (target, key = 'Enter') => {
    await tabTo(page, target);
    await keyboard.press(key);
  };
  await page.open('/');
  await keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await keyboard.press('Enter');

  await test.step('a program', async () => {
    const name = page.getByLabel('Name');
    await tabTo(page, name);
    await keyboard.type('Pied Piper');
    await to(page.getByRole('button', { name: 'Create program' }));
    await page.waitForURL(/\/options$/);
    await alive(page);
    await to(page.getByRole('link', { name: 'Webhooks' }));
  });

  const { add, row, publish } = panel(page);
  await test.step('a webhook, tested and published', async () => {
    await expect(add).toBeVisible();
    await to(add);
    await expect(row(1).url).toBeFocused();
    await keyboard.type(receiver.url('/hook'));
    await keyboard.press('Tab');
    await expect(row(1).test).toBeFocused();
    await keyboard.press('Enter');
    await expect(row(1).self.getByText(/^200 in /)).toBeVisible();
    await expect(row(1).test).toBeFocused();
    await to(row(1).isOn, 'Space');
    await expect(row(1).isOn).not.toBeChecked();
    await keyboard.press('Space');
    await expect(row(1).isOn).toBeChecked();
    await to(row(1).self.locator('summary').filter({ hasText: 'Advanced webhook settings' }));
    await to(row(1).self.getByRole('checkbox', { name: /Program ended/ }), 'Space');
    await to(row(1).button('Generate'));
    await expect(row(1).self.getByText('Copy it now.')).toBeVisible();
    await to(publish);
    await expect(said(page, /^Published\./)).toBeVisible();
  });
  const program = /programs\/([^/]+)/.exec(page.url())[1];
  const { webhooks } = await server.call('GET', `/campaign/${program}/webhooks`);
  expect(webhooks).toHaveLength(1);
  expect(webhooks[0].events).not.toContain('CAMPAIGN_ENDED');

  await test.step('a delivery, looked at and sent again', async () => {
    receiver.behave('/hook', {});
    await server.join(program, 'gavin');
    await tabTo(page, page.getByRole('link', { name: 'Delivery log' }), 'Shift+Tab');
    await keyboard.press('Enter');
    await expect(page.getByRole('row', { name: /Delivered/ })).toHaveCount(1);
    await keyboard.press('j');
    await keyboard.press('Enter');
    const side = page.getByRole('complementary', { name: 'New participant added' });
    await expect(side.getByRole('heading', { level: 2 })).toBeFocused();
    await to(side.getByRole('button', { name: 'Resend' }));
    await expect(side.getByText('Resend of')).toBeVisible();
    // The test, the delivery, and the delivery again.
    await expect.poll(() => receiver.at('/hook').length).toBe(3);
    expect(receiver.at('/hook')[2].headers['growsurf-signature']).toMatch(/^ts=/);
  });
});

test('what came along with a page is not loaded again when it comes alive', async ({ page, server, receiver }) => {
  const program = await full({ server, receiver });
  // What is shown live is asked for once, as it may have changed while the page was on its way; no page loads these alone.
  const live = ['/_fn/get_programs', '/_fn/get_program', '/_fn/get_panel', '/_fn/get_log_news', '/_fn/get_inbox'];
  const asked = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith('/_fn/')) asked.push(pathname);
  });
  for (const path of new Set(PAGES.map(({ path }) => path.replace('{id}', program)))) {
    if (path === '/no/such/page' || path.includes('since=')) continue;
    await test.step(path, async () => {
      asked.length = 0;
      await page.open(path);
      await page.waitForTimeout(500);
      expect.soft(asked.filter((one) => !live.includes(one)), path).toEqual([]);
    });
  }
});

test('nothing moves by itself while a page comes alive', async ({ page, server, receiver }) => {
  const program = await full({ server, receiver });
  await page.addInitScript(() => {
    globalThis.shifts = [];
    new PerformanceObserver((list) => {
      for (const { value, sources } of list.getEntries()) {
        globalThis.shifts.push([value, sources.map(({ node }) => node?.outerHTML?.slice(0, 100))]);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  for (const path of new Set(PAGES.map(({ path }) => path.replace('{id}', program)))) {
    if (path === '/no/such/page' || path.includes('since=')) continue;
    await test.step(path, async () => {
      await page.open(path);
      await page.waitForTimeout(500);
      const shifts = await page.evaluate(() => globalThis.shifts);
      // A time in a sentence becomes the viewer's own, which is shorter.
      const sum = shifts.reduce((sum, [value]) => sum + value, 0);
      expect.soft(sum, `${path}: ${JSON.stringify(shifts)}`).toBeLessThan(0.005);
    });
  }
});

test('a menu opens by keyboard, closes on Escape and gives the focus back', async ({ page, server }) => {
  const program = await programWith(server, ['https://example.com/hook']);
  await page.open(`/programs/${program}/options/webhooks`);
  const more = panel(page).row(1).self.getByLabel('More for webhook 1');
  await more.focus();
  await page.keyboard.press('Enter');
  const remove = panel(page).row(1).button('Remove');
  await expect(remove).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(remove).toBeHidden();
  await expect(more).toBeFocused();
});

test('a delivery opens and closes by keyboard, and Back works', async ({ page, server, receiver }) => {
  const program = await programWith(server, [receiver.url('/up')]);
  await server.join(program, 'gavin');
  await receiver.waitFor(({ status }) => status === 200);
  await page.open(`/programs/${program}/deliveries`);
  const link = page.getByRole('row', { name: /New participant added/ }).getByRole('link');
  await link.focus();
  await page.keyboard.press('Enter');
  const side = page.getByRole('complementary', { name: 'New participant added' });
  await expect(side.getByRole('heading', { level: 2 })).toBeFocused();
  await page.goBack();
  await expect(side).toHaveCount(0);
  await page.goForward();
  await expect(side).toBeVisible();
  await tabTo(page, side.getByRole('link', { name: 'Back to the list' }), 'Shift+Tab');
  await page.keyboard.press('Enter');
  await expect(side).toHaveCount(0);
  await expect(link).toBeFocused();
});

test('every control has a name and the page its landmarks', async ({ page, server, receiver }) => {
  const program = await full({ server, receiver });
  await page.open(`/programs/${program}/options/webhooks`);
  await expect(page.getByRole('banner')).toHaveCount(1);
  await expect(page.getByRole('main')).toHaveCount(1);
  await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
  await expect(page.getByRole('navigation', { name: 'Main' })).toHaveCount(1);
  await expect(page).toHaveTitle(/Webhooks · .* · Groundswell/);
  for (const control of await page.locator('button:visible, a:visible, input:visible, select:visible, summary:visible').all()) {
    await expect(control).toHaveAccessibleName(/\S/);
  }
});

/** Presses Tab until `target` has the focus. */
async function tabTo(page, target, key = 'Tab') {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
  }
  await expect(target, 'reachable by Tab').toBeFocused();
}
