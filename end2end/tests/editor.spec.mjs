// The Webhooks panel: drafts, limits, mistakes, two editors.
import { alive, expect, panel, programWith, said, show, test } from '../fixtures.mjs';

const HOOK = 'https://example.com/hook';
const panelOf = (program) => `/programs/${program}/options/webhooks`;

/** The URL of the first row in the draft, as a reload would show it. */
const savedUrl = async (page) => {
  const html = await (await page.request.get(page.url())).text();
  return /id="url-[^>]*\bvalue="([^"]*)"/.exec(html)?.[1];
};

/** What is open, in somebody else's window: the panel and its page. */
async function inAnotherWindow(page, context) {
  const other = await context.newPage();
  await other.goto(page.url());
  await alive(other);
  return [panel(other), other];
}

test('what is typed is kept as a draft over a reload and can be thrown away', async ({ page, server }) => {
  const program = await programWith(server, [HOOK]);
  await page.open(panelOf(program));
  const { row, rows, add, bar } = panel(page);
  await row(1).url.fill('https://example.com/other');
  await add.click();
  await row(2).url.fill('https://example.com/second');
  await expect(bar).toContainText(/Draft saved .* · 2 changes/);
  await page.reload();
  await alive(page);
  await expect(row(1).url).toHaveValue('https://example.com/other');
  await expect(row(2).url).toHaveValue('https://example.com/second');
  await page.goto(server.url);
  await expect(page.getByText('Unpublished draft')).toBeVisible();
  await page.goBack();
  await alive(page);
  await bar.getByLabel('Review changes').click();
  await expect(bar.getByText('Publishing will')).toBeVisible();
  await expect(bar.getByRole('listitem')).toHaveCount(2);
  await bar.getByLabel('Discard draft').click();
  await bar.getByRole('button', { name: 'Discard draft' }).click();
  await expect(rows).toHaveCount(1);
  await expect(row(1).url).toHaveValue(HOOK);
  await expect(bar).toContainText('Everything is published');
  expect((await server.call('GET', `/campaign/${program}/webhooks`)).webhooks[0].payloadUrl).toBe(HOOK);
});

test('on a small screen the bar lies over the page only while there is something to publish', async ({ page, server }) => {
  const program = await programWith(server, [HOOK, HOOK, HOOK]);
  await page.setViewportSize({ width: 320, height: 640 });
  await page.open(panelOf(program));
  const { row, add, bar, publish } = panel(page);
  await expect(bar).toContainText('Everything is published');
  await expect(bar).not.toBeInViewport();
  const [above, below] = [await add.boundingBox(), await bar.boundingBox()];
  expect(below.y).toBeGreaterThan(above.y + above.height);
  await row(1).url.fill('https://example.com/other');
  await expect(publish).toBeInViewport();
  await expect(bar).toContainText(/Draft saved .* · 1 change/);
  await publish.click();
  await expect(said(page, /^Published\./)).toBeVisible();
  await expect(bar).not.toBeInViewport();
});

test('a program has five webhooks, and the button says why not six', async ({ page, server }) => {
  const program = await programWith(server, [HOOK, HOOK, HOOK, HOOK]);
  await page.open(panelOf(program));
  const { add, rows } = panel(page);
  await add.click();
  await expect(rows).toHaveCount(5);
  await expect(add).toHaveAttribute('aria-disabled', 'true');
  await expect(add).toHaveAccessibleDescription(/at most 5 webhooks/);
  await add.focus();
  await expect(add).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('status').getByText(/at most 5 webhooks/)).toBeVisible();
  await expect(rows).toHaveCount(5);
});

test('a URL that cannot work is named when its field is left, with the remedy', async ({ page, server }) => {
  const program = await programWith(server, []);
  await page.open(panelOf(program));
  const { add, row, publish } = panel(page);
  await add.click();
  const { url, self } = row(1);
  for (const [typed, said] of [
    ['10.0.0.5', /must start with https:\/\/ or http:\/\//i],
    ['http://10.0.0.5/hook', /10\.0\.0\.5.*private.*egress\.allow/s],
    ['https://me:pw@example.com', /user name or password/],
  ]) {
    await url.fill(typed);
    await url.blur();
    await expect(self.getByText(said)).toBeVisible();
    await expect(url).toHaveAttribute('aria-invalid', 'true');
    await expect(url).toHaveAccessibleDescription(said);
  }
  await url.fill(HOOK);
  await url.blur();
  await expect(url).toHaveAttribute('aria-invalid', 'false');
  await publish.click();
  await expect(said(page, /^Published\./)).toBeVisible();
});

test.describe('with what is wrong', () => {
  // The browser itself reports an answer of 4xx on its console.
  test.use({ expectedComplaints: [[/Failed to load resource: the server responded with a status of (409|422)/], { option: true }] });

  test('nothing is published, and the first mistake is focused', async ({ page, server }) => {
    const program = await programWith(server, [HOOK]);
    await page.open(panelOf(program));
    const { add, row, publish } = panel(page);
    await add.click();
    await row(2).url.fill('nonsense');
    await publish.click();
    await expect(page.getByRole('alert')).toBeVisible();
    await expect(row(2).url).toBeFocused();
    expect((await server.call('GET', `/campaign/${program}/webhooks`)).webhooks).toHaveLength(1);
  });

  test('two people who edit see each other and overwrite nothing', async ({ page, context, server }) => {
    const program = await programWith(server, [HOOK]);
    await page.open(panelOf(program));
    const [theirs, other] = await inAnotherWindow(page, context);
    const mine = panel(page);
    await theirs.row(1).url.fill('https://example.com/first');
    await expect(mine.row(1).url).toHaveValue('https://example.com/first');
    // A page that is hidden is told nothing.
    await show(page, 'hidden');
    await theirs.row(1).url.fill('https://example.com/theirs');
    await expect.poll(() => savedUrl(other)).toBe('https://example.com/theirs');
    await mine.row(1).url.fill('https://example.com/mine');
    await expect(page.getByRole('alert').getByText('This draft was changed elsewhere.')).toBeVisible();
    await expect(mine.row(1).url).toHaveValue('https://example.com/mine');
    await page.getByRole('button', { name: 'Save mine over it' }).click();
    await expect(mine.bar).toContainText(/Draft saved .* · 1 change/);
    await mine.publish.click();
    await expect(said(page, /^Published\./)).toBeVisible();
    const { webhooks } = await server.call('GET', `/campaign/${program}/webhooks`);
    expect(webhooks[0].payloadUrl).toBe('https://example.com/mine');
  });

  test('what could not be saved is not left by accident, neither by a link nor by going back', async ({ page, context, server }) => {
    const program = await programWith(server, [HOOK]);
    await page.open(`/programs/${program}/options`);
    await page.getByRole('link', { name: 'Webhooks' }).click();
    const mine = panel(page);
    await expect(mine.rows).toHaveCount(1);
    const [theirs, other] = await inAnotherWindow(page, context);
    await show(page, 'hidden');
    await theirs.row(1).url.fill('https://example.com/theirs');
    await expect.poll(() => savedUrl(other)).toBe('https://example.com/theirs');
    await mine.row(1).url.fill('https://example.com/mine');
    await expect(page.getByRole('alert').getByText('This draft was changed elsewhere.')).toBeVisible();

    const asked = [];
    let leaves = false;
    page.on('dialog', (dialog) => {
      asked.push(dialog.message());
      return leaves ? dialog.accept() : dialog.dismiss();
    });
    await page.getByRole('link', { name: 'Delivery log' }).click();
    await expect.poll(() => asked.length).toBe(1);
    await page.evaluate(() => history.back());
    await expect.poll(() => asked.length).toBe(2);
    await expect(mine.row(1).url).toHaveValue('https://example.com/mine');
    expect(asked).toEqual(Array(2).fill('What you typed here could not be saved. Leave the page and lose it?'));
    leaves = true;
    await page.evaluate(() => history.back());
    await expect(page.getByRole('heading', { name: 'Set up integrations' })).toBeVisible();
    expect(asked).toHaveLength(3);
  });

  test('two windows that edit different things are put together', async ({ page, context, server }) => {
    const program = await programWith(server, [HOOK]);
    await page.open(panelOf(program));
    const [theirs] = await inAnotherWindow(page, context);
    const mine = panel(page);
    await theirs.row(1).url.fill('https://example.com/theirs');
    await expect(theirs.bar).toContainText('1 change');
    // Saved before this window has heard of it, or after: both is well.
    await mine.row(1).isOn.uncheck();
    await expect(mine.row(1).url).toHaveValue('https://example.com/theirs');
    await expect(mine.row(1).isOn).not.toBeChecked();
    await expect(mine.bar).toContainText(/Draft saved .* · 2 changes/);
  });

  test('what REST changed meanwhile is shown beside the draft, and one of them is chosen', async ({ page, server }) => {
    const program = await programWith(server, [HOOK]);
    await page.open(panelOf(program));
    const { row, bar, publish } = panel(page);
    await row(1).url.fill('https://example.com/draft');
    await expect(bar).toContainText('1 change');
    await server.call('PATCH', `/campaign/${program}/webhooks/primary`, { payloadUrl: 'https://example.com/rest' });
    await publish.click();
    const conflict = page.getByRole('group', { name: /both changed the same/ });
    await expect(conflict).toContainText('https://example.com/draft');
    await expect(conflict).toContainText('https://example.com/rest');
    const { webhooks } = await server.call('GET', `/campaign/${program}/webhooks`);
    expect(webhooks[0].payloadUrl).toBe('https://example.com/rest');
    await page.getByRole('button', { name: 'Keep what is in the draft' }).click();
    await expect(said(page, /^Decided\./)).toBeVisible();
    await publish.click();
    await expect(said(page, /^Published\./)).toBeVisible();
    expect((await server.call('GET', `/campaign/${program}/webhooks`)).webhooks[0].payloadUrl).toBe('https://example.com/draft');
  });
});

test('a removed webhook comes back with Undo', async ({ page, server }) => {
  const program = await programWith(server, [HOOK, 'https://example.com/second'], { secret: 'hunter2' });
  await page.open(panelOf(program));
  const { row, rows, publish } = panel(page);
  await row(2).url.fill('https://example.com/changed');
  await row(1).self.getByLabel('More for webhook 1').click();
  await row(1).button('Remove').click();
  await expect(rows).toHaveCount(1);
  await expect(row(1).url).toBeFocused();
  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  await expect(rows).toHaveCount(2);
  await expect(row(1).url).toHaveValue(HOOK);
  await publish.click();
  await expect(said(page, /^Published\./)).toBeVisible();
  const { webhooks } = await server.call('GET', `/campaign/${program}/webhooks`);
  expect(webhooks.map(({ id, payloadUrl }) => [id, payloadUrl])).toEqual([
    ['primary', HOOK],
    [expect.any(String), 'https://example.com/changed'],
  ]);
});

test('Undo puts a webhook back with what REST made of it meanwhile', async ({ page, server }) => {
  const program = await programWith(server, [HOOK]);
  await page.open(panelOf(program));
  const { row, rows, bar } = panel(page);
  await row(1).self.getByLabel('More for webhook 1').click();
  await row(1).button('Remove').click();
  await expect(bar).toContainText('1 change');
  await server.call('PATCH', `/campaign/${program}/webhooks/primary`, { payloadUrl: 'https://example.com/rest' });
  await expect(page.getByRole('group', { name: /both changed the same/ })).toBeVisible();
  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  await expect(rows).toHaveCount(1);
  await expect(row(1).url).toHaveValue('https://example.com/rest');
  await expect(page.getByRole('group', { name: /both changed the same/ })).toHaveCount(0);
  await expect(bar).toContainText('0 changes');
  await page.reload();
  await expect(row(1).url).toHaveValue('https://example.com/rest');
});

test('what somebody else has undone is not offered any more, nor what was published', async ({ page, server }) => {
  const program = await programWith(server, [HOOK, 'https://example.com/second']);
  await page.clock.install();
  const asked = page.waitForResponse(/_fn\/get_panel/);
  await page.open(panelOf(program));
  const { row, rows, bar, publish } = panel(page);
  // A page rests for as long as answers take, several times, and this one would seem to take as long as the clock jumps.
  await (await asked).finished();
  const undo = page.getByRole('button', { name: 'Undo', exact: true });
  // Only the test lets time pass, so the ten seconds are not over.
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 2_000);
  await row(1).self.getByLabel('More for webhook 1').click();
  await row(1).button('Remove').click();
  await page.clock.runFor(1_000);
  await expect(bar).toContainText('1 change');
  await expect(undo).toBeVisible();
  const discarded = await page.request.post(page.url(), { form: { intent: 'discard' }, headers: { origin: server.url } });
  expect(discarded.ok()).toBe(true);
  // What comes over the network waits for no clock, and what follows it does: in steps, which are less than Undo's ten seconds.
  await expect(async () => {
    await page.clock.runFor(100);
    expect(await rows.count()).toBe(2);
  }).toPass({ intervals: [250], timeout: 15_000 });
  await expect(undo).toHaveCount(0);

  await row(1).isOn.uncheck();
  await expect(undo).toBeVisible();
  await publish.click();
  await expect(said(page, /^Published\./)).toBeVisible();
  await expect(undo).toHaveCount(0);
});

test('each thing done can be undone for its own ten seconds', async ({ page, server }) => {
  const program = await programWith(server, [HOOK]);
  await page.clock.install();
  await page.open(panelOf(program));
  const { row } = panel(page);
  const undo = page.getByRole('button', { name: 'Undo', exact: true });
  // From here on only the test lets time pass.
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 2_000);
  await row(1).isOn.uncheck();
  await expect(undo).toBeVisible();
  await page.clock.runFor(6_000);
  await row(1).isOn.check();
  await row(1).isOn.uncheck();
  await page.clock.runFor(6_000);
  await expect(undo).toBeVisible();
  await page.clock.runFor(6_000);
  await expect(undo).toHaveCount(0);
});

test('a generated secret is shown once and signs what is published', async ({ page, server, receiver }) => {
  const program = await programWith(server, [receiver.url('/hook')]);
  await page.open(panelOf(program));
  const { row, publish } = panel(page);
  await row(1).settings.click();
  await row(1).button('Generate').click();
  const shown = row(1).self.getByRole('textbox', { name: 'New secret', exact: true }).first();
  await expect(row(1).self.getByText('Copy it now.')).toBeVisible();
  const secret = await row(1).self.locator('input[readonly]').inputValue();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]+=*$/);
  await expect(shown).toBeVisible();
  await publish.click();
  await expect(said(page, /^Published\./)).toBeVisible();
  await expect(row(1).self.getByText('Copy it now.')).toHaveCount(0);
  await server.join(program, 'gavin');
  const { problems } = await import('../receiver.mjs');
  expect(problems(await receiver.waitFor(({ path }) => path === '/hook'), secret)).toEqual([]);
});

test('what was parked while a webhook was off is sent when that is asked for', async ({ page, server, receiver }) => {
  const program = await programWith(server, [receiver.url('/hook')]);
  await page.open(panelOf(program));
  const { row, publish } = panel(page);
  await row(1).isOn.uncheck();
  await publish.click();
  await expect(said(page, /^Published\./)).toBeVisible();
  await server.join(program, 'one');
  await server.join(program, 'two');
  await expect(row(1).self.getByText('2 deliveries are parked.')).toBeVisible();
  await row(1).isOn.check();
  await publish.click();
  await row(1).button('Send').click();
  await expect(page.getByText('2 deliveries are on their way now.')).toBeVisible();
  await receiver.waitFor(({ body }) => body.includes('"one"'));
  await receiver.waitFor(({ body }) => body.includes('"two"'));
});

test('what REST changes elsewhere appears while somebody edits, and both are published', async ({ page, server }) => {
  const program = await programWith(server, [HOOK]);
  await page.open(panelOf(program));
  const { row, rows, bar, publish } = panel(page);
  await row(1).settings.click();
  await row(1).self.getByRole('textbox', { name: 'Timeout in seconds' }).fill('20');
  await expect(bar).toContainText('1 change');
  await server.call('PATCH', `/campaign/${program}/webhooks/primary`, { payloadUrl: 'https://example.com/rest' });
  await server.call('POST', `/campaign/${program}/webhooks`, { payloadUrl: 'https://example.com/new', events: [] });
  await expect(row(1).url).toHaveValue('https://example.com/rest');
  await expect(rows).toHaveCount(2);
  await publish.click();
  await expect(said(page, /^Published\./)).toBeVisible();
  const { webhooks } = await server.call('GET', `/campaign/${program}/webhooks`);
  expect(webhooks).toMatchObject([{ payloadUrl: 'https://example.com/rest', timeoutSeconds: 20 }, { payloadUrl: 'https://example.com/new' }]);
});

test('headers are typed, masked once they are saved, and sent', async ({ page, server, receiver }) => {
  const program = await programWith(server, [receiver.url('/hook')]);
  await page.open(panelOf(program));
  const { row, publish, bar } = panel(page);
  await row(1).settings.click();
  await row(1).button('Add header').click();
  const [name, value] = ['Name', 'Value'].map((part) => row(1).self.getByRole('textbox', { name: `${part} of header 1` }));
  await expect(name).toBeFocused();
  await name.fill('Host');
  await value.fill('s3cret');
  await value.blur();
  await expect(value).toHaveValue('');
  await expect(value).toHaveAccessibleDescription(/A value is saved/);
  await expect(name).toHaveAccessibleDescription(/Follows from the URL/);
  await name.fill('x-api-key');
  await name.blur();
  await expect(name).toHaveAttribute('aria-invalid', 'false');
  await expect(bar).toContainText(/Draft saved/);
  expect(await page.content()).not.toContain('s3cret');
  await row(1).test.click();
  await expect(row(1).self.getByText(/^200 in /)).toBeVisible();
  expect(receiver.requests.at(-1).headers['x-api-key']).toBe('s3cret');
  await row(1).self.getByText('cURL', { exact: true }).click();
  await expect(row(1).self.getByText(/x-api-key: <value of x-api-key>/).first()).toBeVisible();
  await publish.click();
  await expect(said(page, /^Published\./)).toBeVisible();
  expect((await server.call('GET', `/campaign/${program}/webhooks`)).webhooks[0].headerNames).toEqual(['x-api-key']);
  await row(1).button('Remove header 1').click();
  await expect(row(1).button('Add header')).toBeFocused();
  await expect(bar).toContainText('1 change');
});

test('a secret is replaced with an overlap, and the old one ended at once', async ({ page, server, receiver }) => {
  const program = await programWith(server, [receiver.url('/hook')], { secret: 'hunter2' });
  await page.open(panelOf(program));
  const { row, publish } = panel(page);
  await row(1).settings.click();
  await row(1).self.getByRole('radio', { name: 'stays valid for 24 hours' }).check();
  await row(1).button('Generate').click();
  const generated = row(1).self.getByRole('textbox', { name: 'New secret', exact: true });
  await expect(generated).toHaveValue(/^whsec_/);
  await publish.click();
  await expect(said(page, /^Published\./)).toBeVisible();
  await expect(row(1).self.getByText(/is valid until/)).toBeVisible();
  await server.join(program, 'gavin');
  const both = await receiver.waitFor(({ headers }) => headers['webhook-signature']);
  expect(both.headers['webhook-signature'].split(' ')).toHaveLength(2);
  await row(1).test.click();
  await expect(row(1).self.getByText(/^200 in /)).toBeVisible();
  await expect(row(1).self.getByText(/does without the old one/)).toBeVisible();
  await row(1).self.getByLabel('End the old one', { exact: true }).click();
  await row(1).button('End the old one now').click();
  await expect(said(page, /^The old secret has ended\./)).toBeVisible();
  await expect(row(1).self.getByText(/is valid until/)).toHaveCount(0);
});

test('switching off can be undone for a while, by keyboard as well', async ({ page, server }) => {
  const program = await programWith(server, [HOOK]);
  await page.open(panelOf(program));
  const { row, bar } = panel(page);
  await row(1).isOn.focus();
  await page.keyboard.press('Space');
  await expect(said(page, 'Webhook switched off in the draft.')).toBeVisible();
  await expect(row(1).isOn).not.toBeChecked();
  await page.keyboard.press('Control+z');
  await expect(row(1).isOn).toBeChecked();
  await expect(row(1).isOn).toBeFocused();
  await expect(bar).toContainText(/0 changes/);
});

test('a version of the history becomes the draft again', async ({ page, server }) => {
  const program = await programWith(server, [HOOK]);
  await server.call('PATCH', `/campaign/${program}/webhooks/primary`, { payloadUrl: 'https://example.com/later' });
  await page.open(panelOf(program));
  await page.getByRole('link', { name: 'History' }).click();
  const versions = page.getByRole('list', { name: 'History' }).getByRole('listitem', { name: /^Version/ });
  await expect(versions).toHaveCount(2);
  await expect(versions.first()).toContainText('Live now');
  await expect(versions.first()).toContainText(`Change the URL ${HOOK} to https://example.com/later.`);
  await versions.last().getByRole('button', { name: /^Restore version \d as draft$/ }).click();
  await expect(said(page, /^The version is your draft now\./)).toBeVisible();
  const { row, publish } = panel(page);
  await expect(row(1).url).toHaveValue(HOOK);
  await alive(page);
  await publish.click();
  await expect(said(page, /^Published\./)).toBeVisible();
  expect((await server.call('GET', `/campaign/${program}/webhooks`)).webhooks[0].payloadUrl).toBe(HOOK);
});
