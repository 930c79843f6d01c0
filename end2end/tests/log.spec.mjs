// The delivery log: finding, following, sending again, taking away.
import { readFile } from 'node:fs/promises';
import { alive, copied, expect, log, programWith, said, test } from '../fixtures.mjs';

/** What fails is undeliverable at once. */
const HASTY = { GROUNDSWELL_RETRY_DEADLINE_MS: '1', GROUNDSWELL_BREAKER_FAILURES: '1000000' };
test.use({ environment: [HASTY, { option: true }] });

/** A program with a webhook that fails, and so many undeliverable deliveries. */
async function undeliverable({ server, receiver }, count) {
  receiver.behave('/hook', { status: 503, body: 'down for maintenance' });
  const program = await programWith(server, [receiver.url('/hook')]);
  for (let number = 0; number < count; number += 1) await server.join(program, `participant-${number}`);
  await ended(server, program, count);
  return program;
}

/** Waits until so many deliveries are undeliverable. */
const ended = (server, program, count) =>
  expect(async () => {
    const { total } = await server.call('POST', `/campaign/${program}/resends`, { state: 'undeliverable', dryRun: true });
    expect(total).toBe(count);
  }).toPass();

test('deliveries are found by what they say, and the URL keeps how', async ({ page, server, receiver }) => {
  const program = await undeliverable({ server, receiver }, 3);
  receiver.behave('/hook', {});
  await server.join(program, 'gavin');
  await page.open(`/programs/${program}/deliveries`);
  const { rows, search, filter } = log(page);
  await expect(rows).toHaveCount(4);

  await test.step('by a participant’s e-mail address', async () => {
    await search.fill('GAVIN@example.com');
    await search.press('Enter');
    await expect(page).toHaveURL(/\?text=GAVIN@example\.com$/);
    await expect(rows).toHaveCount(1);
    await expect(search).toBeFocused();
    await page.reload();
    await alive(page);
    await expect(rows).toHaveCount(1);
    await expect(search).toHaveValue('GAVIN@example.com');
    await page.getByRole('link', { name: 'Clear' }).click();
    await expect(rows).toHaveCount(4);
    await expect(page).toHaveURL(/\/deliveries$/);
  });

  await test.step('by status codes, and what is none is refused in its field', async () => {
    const status = filter('Status code');
    await status.fill('5xx');
    await status.press('Enter');
    await expect(page).toHaveURL(/\?status=5xx$/);
    await expect(rows).toHaveCount(3);
    await filter('Status code').fill('5000');
    await filter('Status code').press('Enter');
    await expect(page).toHaveURL(/\?status=5xx$/);
    expect(await filter('Status code').evaluate((field) => field.validity.patternMismatch)).toBe(true);
    await test.step('what stays in the list can still be selected', async () => {
      await rows.nth(1).getByRole('checkbox').check();
      await expect(page.getByRole('button', { name: 'Resend 1 selected' })).toBeVisible();
    });
    await page.goBack();
    await expect(rows).toHaveCount(4);
    await expect(filter('Status code')).toHaveValue('');
  });

  await test.step('by time, in the zone of the viewer', async () => {
    // Berlin is ahead of UTC.
    const soon = new Date(Date.now() + 3_600_000);
    const inBerlin = soon.toLocaleString('sv-SE', { timeZone: 'Europe/Berlin' }).replace(' ', 'T').slice(0, 16);
    await filter('From').fill(inBerlin);
    await filter('From').press('Tab');
    await expect(page).toHaveURL(new RegExp(`\\?since=${soon.toISOString().slice(0, 16)}`));
    await expect(page.getByText('No delivery matches')).toBeVisible();
    await expect(filter('From')).toHaveValue(inBerlin);
    await page.getByRole('link', { name: 'show all deliveries' }).click();
    await expect(rows).toHaveCount(4);
  });
});

test('times are the viewer’s, with UTC beside them', async ({ page, server, receiver }) => {
  const program = await undeliverable({ server, receiver }, 1);
  await page.open(`/programs/${program}/deliveries`);
  const time = log(page).rows.first().getByRole('time').or(log(page).rows.first().locator('time'));
  const at = new Date(await time.getAttribute('datetime'));
  const inBerlin = at.toLocaleTimeString('en-GB', { timeZone: 'Europe/Berlin' });
  await expect(time).toContainText(inBerlin);
  await expect(time).toHaveAttribute('title', new RegExp(`${at.toISOString().slice(11, 19)} UTC$`));
});

test('a list of what is undeliverable follows what becomes so late', async ({ page, server, receiver }) => {
  receiver.behave('/down', { status: 503 });
  receiver.behave('/slow', { status: 503, delayMs: 6_000 });
  const program = await programWith(server, [receiver.url('/slow'), receiver.url('/down')]);
  await server.join(program, 'gavin');
  await ended(server, program, 1);
  await page.open(`/programs/${program}/deliveries?state=undeliverable`);
  const { rows } = log(page);
  await expect(rows).toHaveCount(1);
  // It was accepted before the one that is shown, and fails after it.
  await page.getByRole('button', { name: '1 new delivery' }).click();
  await expect(rows).toHaveCount(2);
});

test('what is pressed twice is sent again once', async ({ page, server, receiver }) => {
  const program = await undeliverable({ server, receiver }, 2);
  let asked = 0;
  await page.route('**/_fn/begin_resends', async (route) => {
    asked += 1;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await route.continue();
  });
  await page.open(`/programs/${program}/deliveries?state=undeliverable&resend=all`);
  await page.getByRole('button', { name: 'Resend 2 deliveries' }).dblclick();
  await expect(page.getByRole('button', { name: 'One moment' })).toBeVisible();
  await expect(log(page).job).toContainText(/queued to be sent again/);
  expect(asked).toBe(1);
  expect((await server.call('GET', `/campaign/${program}/resends`)).resends).toHaveLength(1);
});

test.describe('behind a proxy whose server is down', () => {
  test.use({ expectedComplaints: [[/Failed to load resource: the server responded with a status of 502/], { option: true }] });

  test('the list says that there is no connection', async ({ page, server, receiver }) => {
    const program = await undeliverable({ server, receiver }, 1);
    await page.route('**/_fn/*', (route) =>
      route.fulfill({ status: 502, contentType: 'text/html', body: '<html><h1>502 Bad Gateway</h1></html>' }));
    await page.open(`/programs/${program}/deliveries`);
    await server.join(program, 'another');
    await expect(page.getByText('No connection')).toBeVisible();
    await page.unroute('**/_fn/*');
    await expect(page.getByText('Live', { exact: true })).toBeVisible();
  });
});

test('what is new is announced and moves nothing', async ({ page, server, receiver }) => {
  const program = await undeliverable({ server, receiver }, 2);
  await page.open(`/programs/${program}/deliveries`);
  const { rows } = log(page);
  await expect(rows).toHaveCount(2);
  await server.join(program, 'jared');
  const pill = page.getByRole('button', { name: '1 new delivery' });
  await expect(pill).toBeVisible();
  await expect(rows).toHaveCount(2);
  await pill.click();
  await expect(rows).toHaveCount(3);
  await expect(pill).toHaveCount(0);
  await expect(rows.first().getByRole('link')).toBeFocused();

  await test.step('nor does anything while it is paused', async () => {
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect(said(page, 'Paused')).toBeVisible();
    await server.join(program, 'richard');
    await server.join(program, 'dinesh');
    await page.waitForTimeout(5_000);
    await expect(page.getByRole('button', { name: /new deliver/ })).toHaveCount(0);
    await page.getByRole('button', { name: 'Go on' }).click();
    await expect(page.getByRole('button', { name: '2 new deliveries' })).toBeVisible();
  });
});

test('one is sent again, and both are linked', async ({ page, server, receiver }) => {
  const program = await undeliverable({ server, receiver }, 1);
  receiver.behave('/hook', {});
  await page.open(`/programs/${program}/deliveries`);
  const { rows, side } = log(page);
  await rows.first().getByRole('link').click();
  const original = new URL(page.url()).searchParams.get('delivery');
  const sentAs = receiver.requests[0].headers['webhook-id'];
  await side.getByRole('button', { name: 'Resend' }).click();
  await expect(side.getByText('Resend of')).toBeVisible();
  await expect(side.getByRole('link', { name: original })).toBeVisible();
  await expect(side.getByRole('status').getByText('Delivered')).toBeVisible();
  await expect(rows).toHaveCount(2);
  await expect(rows.first()).toContainText('Resend');
  expect(receiver.requests.at(-1).headers['webhook-id']).toBe(sentAs);
  const resend = new URL(page.url()).searchParams.get('delivery');
  expect(resend).not.toBe(original);
  await side.getByRole('link', { name: original }).click();
  await expect(side.getByRole('link', { name: resend })).toBeVisible();
  await expect(side.getByRole('status').getByText('Undeliverable')).toBeVisible();
});

test('a selection is sent again', async ({ page, server, receiver }) => {
  const program = await undeliverable({ server, receiver }, 3);
  receiver.behave('/hook', {});
  receiver.forget();
  await page.open(`/programs/${program}/deliveries`);
  const { rows, job } = log(page);
  await rows.nth(1).getByRole('checkbox').check();
  await expect(page.getByRole('button', { name: 'Resend 1 selected' })).toBeVisible();
  await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
  await expect(rows.nth(2).getByRole('checkbox')).toBeChecked();
  await rows.nth(0).getByRole('checkbox').uncheck();
  await expect(page.getByRole('checkbox', { name: 'Select all on this page' })).not.toBeChecked();
  await page.getByRole('button', { name: 'Resend 2 selected' }).click();
  await expect(job.getByText('2 deliveries were queued to be sent again.')).toBeVisible();
  await expect.poll(() => receiver.at('/hook').length).toBe(2);
  await expect(rows.nth(2).getByRole('checkbox')).not.toBeChecked();
});

test('all that match are counted, then sent in the background', async ({ page, server, receiver }) => {
  const program = await undeliverable({ server, receiver }, 60);
  receiver.behave('/hook', {});
  receiver.forget();
  await page.open(`/programs/${program}/deliveries?state=undeliverable`);
  const { job } = log(page);
  await page.getByRole('link', { name: 'Resend all that match…' }).click();
  const question = page.getByRole('region', { name: 'Resend all that match' });
  await expect(question.getByText('60 deliveries that have ended match.')).toBeVisible();
  expect(receiver.requests).toHaveLength(0);
  await question.getByRole('link', { name: 'Cancel' }).click();
  await expect(question).toHaveCount(0);
  await page.getByRole('link', { name: 'Resend all that match…' }).click();
  await question.getByRole('button', { name: 'Resend 60 deliveries' }).click();
  await expect(question).toHaveCount(0);
  await expect(job.getByText('60 deliveries were queued to be sent again.')).toBeVisible();
  await expect.poll(() => receiver.at('/hook').length).toBe(60);
  await page.reload();
  await expect(job.getByText('60 deliveries were queued to be sent again.')).toBeVisible();
  await job.getByRole('link', { name: 'Dismiss' }).click();
  await expect(job).toHaveCount(0);
});

test('the log goes by keyboard', async ({ page, context, server, receiver }) => {
  const program = await undeliverable({ server, receiver }, 3);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.open(`/programs/${program}/deliveries`);
  const { rows, side, search } = log(page);
  const link = (number) => rows.nth(number).getByRole('link');
  await page.keyboard.press('/');
  await expect(search).toBeFocused();
  await page.keyboard.type('jk');
  await expect(search).toHaveValue('jk');
  await search.fill('');
  await search.blur();
  await page.keyboard.press('j');
  await expect(link(0)).toBeFocused();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await expect(link(2)).toBeFocused();
  await page.keyboard.press('k');
  await expect(link(1)).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(side.getByRole('heading', { level: 2 })).toBeFocused();
  const opened = () => new URL(page.url()).searchParams.get('delivery');
  const second = opened();
  await page.keyboard.press('k');
  await expect.poll(opened).not.toBe(second);
  await page.keyboard.press('j');
  await expect.poll(opened).toBe(second);

  await expect(side.getByText(second)).toBeVisible();
  await page.keyboard.press('c');
  await expect.poll(() => copied(page)).toMatch(/^curl -i -X POST 'http.*\/hook'/);

  receiver.behave('/hook', {});
  await page.keyboard.press('r');
  await expect(side.getByText('Resend of')).toBeVisible();

  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await expect(help).toBeVisible();
  await help.getByRole('checkbox', { name: 'Use these keys' }).uncheck();
  await page.keyboard.press('Escape');
  await expect(help).toBeHidden();
  await page.keyboard.press('?');
  await expect(help).toBeHidden();
});

test('a delivery shows its request without what is secret, and its neighbours', async ({ page, server, receiver }) => {
  receiver.behave('/hook', { status: 503, body: 'x'.repeat(40_000) });
  const program = await programWith(server, [receiver.url('/hook')], { secret: 'hunter2-hunter2' });
  for (const participant of ['a', 'b']) await server.join(program, participant);
  await ended(server, program, 2);
  await page.open(`/programs/${program}/deliveries`);
  const { rows, side } = log(page);
  await rows.first().getByRole('link').click();
  await side.getByText('Request headers').click();
  await expect(side.getByText('<value of webhook-signature>', { exact: true })).toBeVisible();
  await side.getByText('Answer', { exact: true }).click();
  await expect(side.getByText('Only the first 16 KiB are kept.')).toBeVisible();
  await side.getByText('As a cURL command').click();
  const command = side.getByRole('region', { name: 'cURL command' });
  await expect(command).toContainText(`-H 'webhook-signature: <value of webhook-signature>'`);
  await expect(command).toContainText('--data-raw');
  expect(await page.content()).not.toContain('hunter2');
  await expect(side.getByRole('link', { name: 'Previous' })).toHaveCount(0);
  const begun = () => side.getByRole('listitem').filter({ hasText: '#1' }).locator('time').first().getAttribute('datetime');
  const ofFirst = await begun();
  await side.getByRole('link', { name: 'Next' }).click();
  await expect.poll(begun).not.toBe(ofFirst);
  await expect(side.getByRole('link', { name: 'Previous' })).toBeVisible();
  await expect(side.getByRole('link', { name: 'Next' })).toHaveCount(0);
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'a long body' : 'a long body without JavaScript', () => {
    test.use({ javaScriptEnabled });

    test('shows its beginning, and all of it when that is wanted', async ({ page, server, receiver }) => {
      const program = await undeliverable({ server, receiver }, 1);
      receiver.behave('/hook', {});
      const metadata = Object.fromEntries(Array.from({ length: 60 }, (_, number) => [`member${number}`, number]));
      await server.join(program, 'gavin', { metadata });
      await page.open(`/programs/${program}/deliveries`);
      const { rows, side } = log(page);
      await rows.first().getByRole('link').click();
      const body = side.getByRole('region', { name: 'Body of the event', exact: true });
      await expect(body).toContainText('"member59": 59');
      const height = () => body.evaluate(({ clientHeight, scrollHeight }) => [clientHeight, scrollHeight]);
      const [folded, whole] = await height();
      expect(folded).toBeLessThan(whole / 3);
      const all = side.locator('section').filter({ has: page.getByRole('region', { name: 'Body of the event' }) }).getByText('Show all', { exact: true });
      await all.click();
      expect(await height()).toEqual([whole, whole]);
      await all.click();
      expect((await height())[0]).toBe(folded);
    });
  });
}

for (const locale of ['en-GB', 'de-DE', 'es-ES']) {
  test.describe(locale, () => {
    test.use({ locale });

    test('what the search is for can be read in its field', async ({ page, server, receiver }) => {
      const program = await undeliverable({ server, receiver }, 1);
      const [{ id }] = (await server.call('GET', `/campaign/${program}/deliveries`)).deliveries;
      await page.open(`/programs/${program}/deliveries?delivery=${id}`);
      await expect(page.locator('html')).toHaveAttribute('lang', locale.slice(0, 2));
      for (const width of [1280, 1024]) {
        await page.setViewportSize({ width, height: 900 });
        const left = await page.locator('#filter-text').evaluate((field) => {
          const style = getComputedStyle(field);
          const context = document.createElement('canvas').getContext('2d');
          context.font = style.font;
          // The button that empties the field keeps its place.
          const room = field.clientWidth - parseFloat(style.paddingInlineStart) - parseFloat(style.paddingInlineEnd) - 18;
          return room - context.measureText(field.placeholder).width;
        });
        expect(left, `${width} px`).toBeGreaterThan(0);
      }
    });
  });
}

test('what the filter lets through is exported', async ({ page, server, receiver }) => {
  const program = await undeliverable({ server, receiver }, 3);
  receiver.behave('/hook', {});
  await server.join(program, 'gavin');
  await page.open(`/programs/${program}/deliveries?state=undeliverable`);
  const take = async (name) => {
    await page.getByText('Export', { exact: true }).click();
    const downloading = page.waitForEvent('download');
    await page.getByRole('link', { name }).click();
    const download = await downloading;
    return [download.suggestedFilename(), await readFile(await download.path(), 'utf8')];
  };
  const [csvName, csv] = await take(/CSV/);
  expect(csvName).toBe(`deliveries-${program}.csv`);
  expect(csv.trim().split('\r\n')).toHaveLength(4);
  const [jsonName, lines] = await take(/NDJSON/);
  expect(jsonName).toBe(`deliveries-${program}.ndjson`);
  const states = lines.trim().split('\n').map((line) => JSON.parse(line).state);
  expect(states).toEqual(['undeliverable', 'undeliverable', 'undeliverable']);
  const stranger = await fetch(`${server.url}/programs/${program}/deliveries/export?format=csv`, { redirect: 'manual' });
  expect([stranger.status, stranger.headers.get('location')]).toEqual([303, '/sign-in']);
});

test.describe('without an answer', () => {
  test.use({ expectedComplaints: [[/ERR_/], { option: true }] });

  test('a server that does not answer is said, and what is shown stays', async ({ page, server, receiver }) => {
    const program = await undeliverable({ server, receiver }, 1);
    await page.open(`/programs/${program}/deliveries`);
    await expect(said(page, 'Live')).toBeVisible();
    await server.restart(async () => {
      await expect(said(page, 'No connection')).toBeVisible();
      await expect(log(page).rows).toHaveCount(1);
    });
    await expect(said(page, 'Live')).toBeVisible();
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('deliveries are found and sent again', async ({ page, server, receiver }) => {
    const program = await undeliverable({ server, receiver }, 60);
    receiver.behave('/hook', {});
    receiver.forget();
    await page.open(`/programs/${program}/deliveries`);
    const { rows, side, search, filter, job } = log(page);

    await test.step('one', async () => {
      await search.fill('participant-7@');
      await filter('Status code').fill('503');
      await page.getByRole('button', { name: 'Filter' }).click();
      await expect(rows).toHaveCount(1);
      await rows.first().getByRole('link').click();
      await side.getByRole('button', { name: 'Resend' }).click();
      await expect(side.getByText('Resend of')).toBeVisible();
      await expect.poll(() => receiver.at('/hook').length).toBe(1);
      await expect(search).toHaveValue('participant-7@');
    });

    await test.step('a selection', async () => {
      await page.goto(`${server.url}/programs/${program}/deliveries?state=undeliverable`);
      await rows.nth(0).getByRole('checkbox').check();
      await rows.nth(5).getByRole('checkbox').check();
      await page.getByRole('button', { name: 'Resend selected' }).click();
      await page.waitForURL(/[?&]job=/);
      await expect(async () => {
        await page.reload();
        await expect(job.getByText('2 deliveries were queued to be sent again.')).toBeVisible({ timeout: 1000 });
      }).toPass();
      await expect.poll(() => receiver.at('/hook').length).toBe(3);
    });

    await test.step('all that match', async () => {
      await page.goto(`${server.url}/programs/${program}/deliveries?state=undeliverable`);
      await page.getByRole('link', { name: 'Resend all that match…' }).click();
      // The three have arrived.
      await page.getByRole('button', { name: 'Resend 57 deliveries' }).click();
      // The answer to the form has to be there before it can be loaded again.
      await page.waitForURL(/[?&]job=/);
      await expect.poll(() => receiver.at('/hook').length).toBe(60);
      await page.reload();
      await expect(job.getByText('57 deliveries were queued to be sent again.')).toBeVisible();
    });

    await test.step('older ones are a page away', async () => {
      await page.getByRole('link', { name: 'Older' }).click();
      await expect(rows).toHaveCount(10);
    });
  });
});
