// The Webhooks panel while something else happens: a publication under way, another window's draft.
import { alive, expect, panel, programWith, said, show, test } from '../fixtures.mjs';

// That somebody else was first.
test.use({ expectedComplaints: [[/Failed to load resource: the server responded with a status of 409/], { option: true }] });

const HOOK = 'https://example.com/hook';
const panelOf = (program) => `/programs/${program}/options/webhooks`;

/** What is open, in another window, of which this one hears nothing: the panel there, and its page. */
async function elsewhere(page, context) {
  const other = await context.newPage();
  await other.goto(page.url());
  await alive(other);
  await show(page, 'hidden');
  return [panel(other), other];
}

test('while a draft is published nothing is typed that would be lost, and a second press is none', async ({ page, server }) => {
  const program = await programWith(server, [HOOK]);
  await page.open(panelOf(program));
  const { row, publish, bar } = panel(page);
  let asked = 0;
  let answer;
  const mayAnswer = new Promise((resolve) => { answer = resolve; });
  await page.route('**/_fn/publish', async (route) => {
    asked += 1;
    await mayAnswer;
    await route.continue();
  });
  await row(1).url.fill('https://example.com/published');
  const field = await row(1).url.boundingBox();
  await publish.dblclick();
  await expect(bar).toContainText('One moment');
  await page.mouse.click(field.x + field.width / 2, field.y + field.height / 2);
  await page.keyboard.type('lost');
  answer();
  await expect(said(page, /^Published\./)).toBeVisible();
  await expect(row(1).url).toHaveValue('https://example.com/published');
  await expect(page.getByText('There is nothing to publish any more.')).toHaveCount(0);
  expect(asked).toBe(1);
  await row(1).url.fill('https://example.com/next');
  await expect(bar).toContainText('1 change');
});

test('a webhook and a header that were just added can be used when another window saved first', async ({ page, context, server }) => {
  const program = await programWith(server, [HOOK]);
  await page.open(panelOf(program));
  const { row, rows, add, bar } = panel(page);
  const [theirs] = await elsewhere(page, context);
  await theirs.row(1).url.fill('https://example.com/theirs');
  await expect(theirs.bar).toContainText('1 change');

  await add.click();
  await row(2).url.fill('https://example.com/second');
  await row(1).settings.click();
  await row(1).button('Add header').click();
  // Put together with what is saved by now.
  await expect(row(1).url).toHaveValue('https://example.com/theirs');
  await expect(bar).toContainText(/Draft saved .* changes/);
  await expect(rows).toHaveCount(2);
  await row(2).url.fill('https://example.com/second-and-more');
  await row(1).self.getByRole('textbox', { name: 'Name of header 1' }).fill('x-added');
  await row(1).self.getByRole('textbox', { name: 'Value of header 1' }).fill('a value');
  await row(1).self.getByRole('textbox', { name: 'Value of header 1' }).blur();
  await expect(row(1).self.getByRole('textbox', { name: 'Value of header 1' })).toHaveValue('');
  await page.reload();
  await expect(row(2).url).toHaveValue('https://example.com/second-and-more');
  await row(1).settings.click();
  await expect(row(1).self.getByRole('textbox', { name: 'Name of header 1' })).toHaveValue('x-added');
});

test('a draft that was thrown away elsewhere is not taken for the next one', async ({ page, context, server }) => {
  const program = await programWith(server, [HOOK]);
  await page.open(panelOf(program));
  const { row, bar, publish } = panel(page);
  await row(1).url.fill('https://example.com/mine');
  await expect(bar).toContainText('1 change');
  const [theirs, other] = await elsewhere(page, context);
  await theirs.bar.getByLabel('Discard draft').click();
  await theirs.bar.getByRole('button', { name: 'Discard draft' }).click();
  await expect(said(other, /^The draft was discarded\./)).toBeVisible();
  await theirs.row(1).isOn.uncheck();
  await expect(theirs.bar).toContainText('1 change');

  await show(page, 'visible');
  await expect(row(1).isOn).not.toBeChecked();
  await expect(row(1).url).toHaveValue(HOOK);
  await publish.click();
  await expect(said(page, /^Published\./)).toBeVisible();
  const { webhooks } = await server.call('GET', `/campaign/${program}/webhooks`);
  expect(webhooks.map(({ payloadUrl, isEnabled }) => [payloadUrl, isEnabled])).toEqual([[HOOK, false]]);
});

test('a secret is set in the draft as it is by now, and nobody’s change is lost', async ({ page, context, server }) => {
  const program = await programWith(server, [HOOK]);
  await page.open(panelOf(program));
  const { row, bar } = panel(page);
  await row(1).settings.click();
  const [theirs] = await elsewhere(page, context);
  await theirs.row(1).url.fill('https://example.com/theirs');
  await expect(theirs.bar).toContainText('1 change');

  await row(1).button('Generate').click();
  await expect(row(1).self.getByText('Copy it now.')).toBeVisible();
  await expect(row(1).url).toHaveValue('https://example.com/theirs');
  await row(1).isOn.uncheck();
  await expect(bar).toContainText(/Draft saved .* · 3 changes/);
  await page.reload();
  await expect(row(1).url).toHaveValue('https://example.com/theirs');
});

test('a removed webhook comes back by keyboard alone', async ({ page, server }) => {
  const program = await programWith(server, [HOOK, 'https://example.com/second']);
  await page.open(panelOf(program));
  const { row, rows } = panel(page);
  await row(1).self.getByLabel('More for webhook 1').focus();
  await page.keyboard.press('Enter');
  await row(1).button('Remove').focus();
  await page.keyboard.press('Enter');
  await expect(rows).toHaveCount(1);
  await expect(row(1).url).toBeFocused();
  await page.keyboard.press('Control+z');
  await expect(rows).toHaveCount(2);
  await expect(row(1).url).toHaveValue(HOOK);

  // In a field in which something was typed since, it is the field's.
  await row(2).isOn.uncheck();
  await row(1).url.press('End');
  await row(1).url.pressSequentially('/typed');
  await page.keyboard.press('Control+z');
  await expect(row(2).isOn).not.toBeChecked();
});
