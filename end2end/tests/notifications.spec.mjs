// Who gets e-mail about webhooks: the page, and the letter at a real mail server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { barriers } from '../barriers.mjs';
import { answered, expect, programWith, test as base } from '../fixtures.mjs';

const test = base.extend({
  /** A mail server as a process of its own; `next` waits for its next letter. */
  mail: async ({}, use) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('../mail-server.mjs', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH },
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await lines.next()).value);
    const { port } = await next();
    await use({ port, next });
    child.kill();
    await once(child, 'exit');
  },

  environment: async ({ mail }, use) =>
    use({
      GROUNDSWELL_SMTP_URL: `smtp://127.0.0.1:${mail.port}`,
      GROUNDSWELL_MAIL_FROM: 'Groundswell <webhooks@example.com>',
    }),
});

const PAGE = '/settings/notifications';

async function named(page, server, email) {
  await page.getByLabel('E-mail address').fill(email);
  await page.getByRole('button', { name: 'Add' }).click();
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test.use({ javaScriptEnabled });

    test('somebody is named, asked, told, and ends it', async ({ page, server, mail, browser }) => {
      const id = await programWith(server, ['https://example.com/hook'], { secret: 'the first of all secrets' });
      await page.goto(`${server.url}${PAGE}`);
      await expect(page.getByText('Nobody is named, so the owners of the team get it.')).toBeVisible();
      await named(page, server, 'eve@example.org');
      await expect(page.getByText('asked, has not answered yet')).toBeVisible();

      const question = await mail.next();
      expect(question.to).toEqual(['eve@example.org']);
      expect(question.subject).toBe('Do you want e-mail about the webhook example.com?');
      const link = question.text.match(/http\S+token=\S+/)[0];
      const context = await browser.newContext({ javaScriptEnabled, locale: 'en-GB' });
      const eve = await context.newPage();
      await eve.goto(link);
      await expect(eve.getByText('for eve@example.org')).toBeVisible();
      await eve.getByRole('button', { name: 'I want these e-mails' }).click();
      await expect(eve.getByRole('status')).toContainText('You get e-mail when something is wrong with it.');
      await page.reload();
      await expect(page.getByText('gets it', { exact: true })).toBeVisible();

      await server.call('PATCH', `/campaign/${id}/webhooks/primary`, { secret: 'another secret of this webhook' });
      const letter = await mail.next();
      expect(letter.subject).toBe('The secret of example.com was replaced');
      await eve.goto(letter.text.match(/http\S+notifications\?token=\S+/)[0]);
      await eve.getByRole('button', { name: 'No e-mail about this webhook' }).click();
      await expect(eve.getByRole('status')).toContainText('You get no e-mail about it.');
      await context.close();
      await page.reload();
      await expect(page.getByText('does not want it')).toBeVisible();
      await page.getByRole('button', { name: 'Remove eve@example.org' }).click();
      await expect(page.getByText('Nobody is named, so the owners of the team get it.')).toBeVisible();
    });
  });
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'by a script' : 'without a script', () => {
    test.use({ javaScriptEnabled });

    test('operational webhooks are set up, told, and seen in their log', async ({ page, server, receiver }) => {
      const id = await programWith(server, ['https://example.com/hook'], { name: 'Acme', secret: 'the first of all secrets' });
      await page.goto(`${server.url}${PAGE}`);
      await page.getByRole('button', { name: 'Set up operational webhooks' }).click();
      await expect(page.getByRole('heading', { name: 'Operational webhooks' })).toBeVisible();
      await expect(page).toHaveURL(/\/programs\/ops_first\/options\/webhooks$/);
      await server.call('POST', '/campaign/ops_first/webhooks', {
        payloadUrl: receiver.url('/operations'),
        events: ['WEBHOOK_SECRET_REPLACED'],
        isEnabled: true,
      });
      await server.call('PATCH', `/campaign/${id}/webhooks/primary`, { secret: 'another secret of this webhook' });
      await page.goto(`${server.url}${PAGE}`);
      await page.getByRole('link', { name: 'Their deliveries' }).click();
      await expect(async () => {
        await page.reload();
        await expect(page.getByText('Secret replaced').last()).toBeVisible({ timeout: 1_000 });
        await expect(page.getByText('Delivered').last()).toBeVisible({ timeout: 1_000 });
      }).toPass();
      await page.goto(`${server.url}${PAGE}`);
      await page.getByRole('link', { name: 'Edit operational webhooks' }).click();
      await expect(page.getByText(/1 of 6 events/).first()).toBeVisible();
      // It is in nobody's list.
      await page.goto(server.url);
      await expect(page.getByText('Acme')).toBeVisible();
      await expect(page.getByText('Operational webhooks')).toHaveCount(0);
    });
  });
}

test('both pages are accessible at every width, in both schemes', async ({ page, server, mail }) => {
  const id = await programWith(server, ['https://example.com/hook', 'https://example.com/other'], { name: 'Pied Piper' });
  await page.goto(`${server.url}${PAGE}?campaign=${id}`);
  await page.getByLabel('E-mail address').first().fill('somebody-with-a-rather-long-name@example.org');
  await page.getByRole('button', { name: 'Add' }).first().click();
  const link = (await mail.next()).text.match(/http\S+token=\S+/)[0];
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [320, 1280]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      for (const [name, url] of [['page', `${server.url}${PAGE}?campaign=${id}`], ['link', link]]) {
        await page.goto(url);
        expect(await barriers(page), `${name} ${colorScheme} ${width}`).toEqual([]);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(overflow, `${name} ${colorScheme} ${width}`).toBeLessThanOrEqual(0);
        if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}-${colorScheme}-${width}.png` });
      }
    }
  }
});

test('a letter reads well and fetches nothing', async ({ page, server, mail, browser }) => {
  const id = await programWith(server, ['https://example.com/hook'], { secret: 'the first of all secrets' });
  await server.call('POST', `/campaign/${id}/webhooks/primary/recipients`, { email: 'eve@example.org', language: 'en' });
  const question = await mail.next();
  await page.goto(question.text.match(/http\S+token=\S+/)[0]);
  await answered(page, page.getByRole('button', { name: 'I want these e-mails' }));
  await server.call('PATCH', `/campaign/${id}/webhooks/primary`, { secret: 'another secret of this webhook' });
  const letters = { question, secret: await mail.next() };
  for (const colorScheme of ['light', 'dark']) {
    for (const [name, { html }] of Object.entries(letters)) {
      const context = await browser.newContext({ colorScheme, viewport: { width: 400, height: 640 } });
      const reader = await context.newPage();
      const asked = [];
      reader.on('request', (request) => asked.push(request.url()));
      await reader.setContent(html);
      expect(await barriers(reader), `${name} ${colorScheme}`).toEqual([]);
      expect(asked, name).toEqual([]);
      if (process.env.SHOTS) await reader.screenshot({ path: `${process.env.SHOTS}/mail-${name}-${colorScheme}.png` });
      await context.close();
    }
  }
});
