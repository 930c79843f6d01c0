// Teams: one browser invites, another accepts, and what a viewer sees.
import { barriers } from '../barriers.mjs';
import { accept, answered, expect, invite, open, panel, PASSWORD, programWith, test } from '../fixtures.mjs';

const refused = /Failed to load resource: the server responded with a status of 4(22|09|01|03|04)/;
test.use({ expectedComplaints: [[refused], { option: true }] });

/** A page in a browser of its own. */
async function another(browser, info, javaScriptEnabled = true) {
  const { locale, timezoneId, viewport } = info.project.use;
  const context = await browser.newContext({ locale, timezoneId, viewport, javaScriptEnabled });
  return context.newPage();
}

const memberItem = (page, name) =>
  page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) });

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test.use({ javaScriptEnabled });

    test('somebody is invited, sees, is given more, and edits', async ({ page, browser, server, receiver }, info) => {
      const program = await programWith(server, [receiver.url('/up')]);
      const link = await invite(page, server, 'Grace@Example.com', 'Viewer');
      expect(link).toMatch(/\/invitation\?token=[0-9a-f]{64}$/);
      await page.goto(`${server.url}/settings/members`);
      await expect(page.getByRole('heading', { name: 'grace@example.com' })).toBeVisible();
      expect(await page.content()).not.toContain(link.split('=')[1]);

      const guest = await another(browser, info, javaScriptEnabled);
      await guest.goto(link);
      await expect(guest.getByRole('heading', { name: 'Join the team “My team”' })).toBeVisible();
      await guest.getByLabel('Your name').fill('Grace');
      await guest.getByLabel('Choose a password').fill('password1234');
      await guest.getByRole('button', { name: 'Join the team' }).click();
      await expect(guest.getByRole('alert')).toBeVisible();
      await expect(guest.getByLabel('Your name')).toHaveValue('Grace');
      await guest.getByLabel('Choose a password').fill(PASSWORD);
      await guest.getByRole('button', { name: 'Join the team' }).click();
      await expect(guest.getByRole('heading', { name: 'Programs' })).toBeVisible();
      await expect(guest.getByText('New program')).toHaveCount(0);

      const path = `${server.url}/programs/${program}/options/webhooks`;
      await open(guest, path, javaScriptEnabled);
      const seen = panel(guest);
      await expect(guest.getByText('your role is viewer')).toBeVisible();
      await expect(seen.row(1).url).toBeDisabled();
      await expect(seen.row(1).url).toHaveValue(receiver.url('/up'));
      for (const control of [seen.publish, seen.add, seen.row(1).test]) await expect(control).toHaveCount(0);
      await seen.row(1).settings.click();
      await expect(seen.row(1).event('NEW_PARTICIPANT_ADDED')).toBeDisabled();
      await expect(seen.row(1).secret).toHaveCount(0);
      // What the page does not offer is refused all the same.
      const forged = await guest.request.post(path, { form: { intent: 'add', version: '0', live: '0' }, headers: { origin: server.url } });
      expect(forged.status()).toBe(403);
      // The settings have who is there, and nothing to change.
      await guest.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Settings' }).click();
      await expect(memberItem(guest, 'Grace')).toContainText('Viewer');
      await expect(guest.getByRole('link', { name: 'API keys' })).toHaveCount(0);
      await expect(guest.getByText('Invite somebody')).toHaveCount(0);

      await page.goto(`${server.url}/settings/members`);
      const item = memberItem(page, 'Grace');
      await item.getByRole('combobox').selectOption('editor');
      await answered(page, item.getByRole('button', { name: 'Change the role of Grace' }));
      await expect(memberItem(page, 'Grace').getByRole('combobox')).toHaveValue('editor');

      await open(guest, path, javaScriptEnabled);
      await seen.row(1).url.fill(receiver.url('/other'));
      await seen.publish.click();
      const urls = async () => (await server.call('GET', `/campaign/${program}/webhooks`)).webhooks.map(({ payloadUrl }) => payloadUrl);
      await expect.poll(urls).toEqual([receiver.url('/other')]);

      await page.goto(`${server.url}/settings/members`);
      await memberItem(page, 'Grace').getByText('Remove…').click();
      await page.getByRole('button', { name: 'Remove now' }).click();
      await expect(memberItem(page, 'Grace')).toHaveCount(0);
      expect((await guest.goto(path)).status()).toBe(404);
      await guest.goto(server.url);
      await expect(guest.getByText('You are in no team any more.')).toBeVisible();
      await guest.context().close();
    });
  });
}

test('the last owner stays', async ({ page, server }) => {
  await page.goto(`${server.url}/settings/members`);
  const own = memberItem(page, 'Owner');
  await expect(own).toContainText('You');
  await own.getByText('Leave the team…').click();
  await own.getByRole('button', { name: 'Leave now' }).click();
  await expect(page.getByRole('alert')).toContainText('A team has at least one owner.');
});

test('who is in two teams chooses in the head of the page', async ({ page, browser, server }, info) => {
  await programWith(server, [], { name: 'Pied Piper' });
  const { id } = await server.call('POST', '/teams', { name: 'Partners' });
  await server.call('POST', '/campaigns', { type: 'AFFILIATE', name: 'Raviga', teamId: id });
  const guest = await another(browser, info);
  await accept(guest, await invite(page, server, 'grace@example.com', 'Editor'), 'Grace');
  const { url } = await server.call('POST', `/teams/${id}/invitations`, { email: 'grace@example.com', role: 'viewer' });
  await guest.goto(url);
  await expect(guest.getByText('You are signed in as Grace, and join with this account.')).toBeVisible();
  await guest.getByRole('button', { name: 'Join the team' }).click();
  await expect(guest.getByRole('link', { name: 'Raviga' })).toBeVisible();
  await expect(guest.getByText('New program')).toHaveCount(0);
  await guest.locator('html[data-hydrated]').waitFor({ state: 'attached' });
  await guest.locator('summary[aria-label="Team: Partners"]').click();
  await guest.getByRole('button', { name: 'My team' }).click();
  await expect(guest.getByRole('link', { name: 'Pied Piper' })).toBeVisible();
  await expect(guest.getByRole('link', { name: 'Raviga' })).toHaveCount(0);
  await guest.context().close();
});

for (const colorScheme of ['light', 'dark']) {
  for (const width of [1280, 320]) {
    test(`nothing is in anybody's way, ${colorScheme}, ${width} px`, async ({ page, browser, server, receiver }, info) => {
      const look = async (page, name) => {
        await page.screenshot({ path: `test-results/screens/team-${name}-${colorScheme}-${width}.png`, fullPage: true, animations: 'disabled' });
        expect(await barriers(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      };
      const prepare = async (page) => {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
      };
      const program = await programWith(server, [receiver.url('/up')], { secret: 'hunter2' });
      await server.join(program, 'ada');
      await receiver.waitFor(({ path }) => path === '/up');
      await prepare(page);
      await invite(page, server, `${'long-'.repeat(10)}name@a-company-with-a-long-name.example.com`, 'Editor');
      await look(page, 'invited');
      const link = await invite(page, server, 'grace@example.com', 'Viewer');
      const guest = await another(browser, info);
      await prepare(guest);
      await guest.goto(link);
      await look(guest, 'invitation');
      await accept(guest, link, 'Grace Brewster Murray Hopper');
      const { id } = await server.call('POST', '/teams', { name: 'Partners and people of a certain length' });
      const { url } = await server.call('POST', `/teams/${id}/invitations`, { email: 'grace@example.com', role: 'viewer' });
      const stranger = await another(browser, info);
      await prepare(stranger);
      await stranger.goto(url);
      await look(stranger, 'has-account');
      await stranger.context().close();
      await guest.goto(url);
      await look(guest, 'own-account');
      await guest.getByRole('button', { name: 'Join the team' }).click();
      await expect(guest.getByText('No programs yet')).toBeVisible();
      await guest.locator('summary[aria-label^="Team:"]').click();
      await look(guest, 'choose');
      // Whatever lies to the left of a page cannot be scrolled to.
      expect((await guest.getByRole('button', { name: 'My team' }).boundingBox()).x).toBeGreaterThanOrEqual(0);
      await open(guest, `${server.url}/programs/${program}/options/webhooks`);
      await panel(guest).row(1).settings.click();
      await look(guest, 'viewer-panel');
      for (const [name, rest] of [['log', 'deliveries'], ['inbox', 'inbox'], ['history', 'options/webhooks/history']]) {
        await open(guest, `${server.url}/programs/${program}/${rest}`);
        await look(guest, `viewer-${name}`);
      }
      await page.goto(`${server.url}/settings/members`);
      await page.getByText('Remove…').first().click();
      await page.getByText('Rename the team…').click();
      await look(page, 'members');
      await guest.goto(`${server.url}/settings/members`);
      await look(guest, 'viewer-members');
      await guest.context().close();
    });
  }
}
