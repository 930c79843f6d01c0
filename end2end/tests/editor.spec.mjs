// The Webhooks panel: drafts, limits, mistakes, two editors.
import { alive, expect, panel, programWith, said, show, test } from '../fixtures.mjs';

const HOOK = 'https://example.com/hook';
/** The URL of the first row in the draft, as a reload would show it. */
const savedUrl = async (page) => {
  const html = await (await page.request.get(page.url())).text();
  return /id="url-[^>]*\bvalue="([^"]*)"/.exec(html)?.[1];
};
const panelOf = (program) => `/programs/${program}/options/webhooks`;

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
    const other = await context.newPage();
    await page.open(panelOf(program));
    await other.goto(page.url());
    await alive(other);
    const [mine, theirs] = [panel(page), panel(other)];
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

  test('a draft cannot be published over what REST changed meanwhile', async ({ page, server }) => {
    const program = await programWith(server, [HOOK]);
    await page.open(panelOf(program));
    const { row, bar, publish } = panel(page);
    await row(1).url.fill('https://example.com/draft');
    await expect(bar).toContainText('1 change');
    await server.call('PATCH', `/campaign/${program}/webhooks/primary`, { payloadUrl: 'https://example.com/rest' });
    await publish.click();
    await expect(page.getByText('What is live changed after this draft was begun.')).toBeVisible();
    const { webhooks } = await server.call('GET', `/campaign/${program}/webhooks`);
    expect(webhooks[0].payloadUrl).toBe('https://example.com/rest');
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
