// The pages in the language of whoever reads them: the browser's, or the one that was chosen, with JavaScript and without.
import { alive, expect, programWith, test } from '../fixtures.mjs';

/** The switch and its buttons, which are named in their own languages. */
const choose = (page, name) => page.locator('.languages').getByRole('button', { name, exact: true }).click();

const speaks = async (page, tag, heading) => {
  await expect(page.locator('html')).toHaveAttribute('lang', tag);
  await expect(page.getByRole('heading', { level: 2, name: heading, exact: true })).toBeVisible();
};

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test.use({ javaScriptEnabled });

    test('a language is chosen, remembered, and stays on the page it was chosen on', async ({ page, context, server }) => {
      const program = await programWith(server, ['https://example.com/hook']);
      const path = `/programs/${program}/deliveries?state=held`;
      await page.open(path);
      await speaks(page, 'en', 'No delivery matches');
      await choose(page, 'Deutsch');
      await speaks(page, 'de', 'Keine passende Zustellung');
      expect(page.url()).toBe(`${server.url}${path}`);
      await expect(page.getByRole('button', { name: 'Deutsch' })).toHaveAttribute('aria-current', 'true');
      if (javaScriptEnabled) await alive(page);

      // On every other page, and in a window that is opened later.
      await page.getByRole('link', { name: 'Programme' }).first().click();
      await expect(page.getByRole('heading', { level: 1, name: 'Programme' })).toBeVisible();
      const later = await context.newPage();
      await later.goto(`${server.url}/programs/${program}/options/webhooks`);
      if (javaScriptEnabled) await alive(later);
      await expect(later.getByText('Alles ist veröffentlicht')).toBeVisible();
      await expect(later).toHaveTitle(/^Webhooks · .* · Groundswell$/);
      await choose(later, 'Español');
      await expect(later.getByText('Todo está publicado')).toBeVisible();
    });

    test('what the server says is in the language of the page', async ({ page, context, server }) => {
      await context.addCookies([{ name: 'groundswell_language', value: 'es', url: server.url }]);
      const program = await programWith(server, ['https://example.com/hook']);
      await page.open(`/programs/${program}/options/webhooks`);
      const url = page.getByRole('textbox', { name: 'URL del webhook 1' });
      await url.fill('https://10.0.0.5/hook');
      if (javaScriptEnabled) await url.blur();
      else await page.getByRole('button', { name: 'Guardar borrador' }).last().click();
      await expect(page.getByText(/^10\.0\.0\.5 es una dirección privada\./)).toBeVisible();
      await page.getByText('Revisar', { exact: true }).click();
      await expect(page.getByText('La URL https://example.com/hook cambia a https://10.0.0.5/hook.')).toBeVisible();
    });
  });
}

test.describe('a browser that likes Spanish best', () => {
  test.use({ locale: 'es-MX' });

  test('gets Spanish until something else is chosen', async ({ page }) => {
    await page.open('/');
    await expect(page.locator('html')).toHaveAttribute('lang', 'es');
    await expect(page.getByText('Aún no hay programas')).toBeVisible();
    await choose(page, 'English');
    await expect(page.getByText('No programs yet')).toBeVisible();
  });
});

test('a page says what it depends on, and a choice leads to our own pages only', async ({ page, server }) => {
  const answer = await page.request.get(`${server.url}/`, { headers: { 'accept-language': 'fr, de-AT;q=0.9, en;q=0.1' } });
  expect(answer.headers()).toMatchObject({ 'content-language': 'de', vary: 'cookie, accept-language, accept-encoding', 'cache-control': 'private, no-cache' });
  const choice = await page.request.post(`${server.url}/language`, {
    form: { language: 'de', back: '//evil.example/' }, headers: { origin: server.url }, maxRedirects: 0,
  });
  expect(choice.status()).toBe(303);
  expect(choice.headers()).toMatchObject({ location: '/', 'set-cookie': expect.stringMatching(/^groundswell_language=de; /) });
  const api = await page.request.post(`${server.url}/v2/campaigns`, { headers: { 'accept-language': 'de', authorization: 'Bearer wrong' } });
  expect((await api.json()).message).toMatch(/[Kk]ey/);
});

for (const locale of ['de-DE', 'es-ES']) {
  test.describe(`long words of ${locale}`, () => {
    test.use({ locale });

    test('fit into a narrow window', async ({ page, server, receiver }) => {
      receiver.behave('/down', { status: 503 });
      const program = await programWith(server, [receiver.url('/up'), receiver.url('/down')]);
      for (let number = 0; number < 3; number += 1) await server.join(program, `participant-${number}`);
      await receiver.waitFor(({ path }) => path === '/down');
      await page.setViewportSize({ width: 320, height: 640 });
      for (const path of ['/', '/sign-in', `/programs/${program}/options`, `/programs/${program}/options/webhooks`, `/programs/${program}/deliveries`]) {
        // The page for signing in has no browser half.
        await (path === '/sign-in' ? page.goto(`${server.url}${path}`) : page.open(path));
        for (const details of await page.locator('details:not(.menu) > summary').all()) await details.click();
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        expect.soft(width, `${path} scrolls sideways`).toBeLessThanOrEqual(320);
        await page.screenshot({ path: `test-results/screens/${locale}-${path.replaceAll('/', '_').replace(program, 'id')}-320.png`, fullPage: true });
        await page.setViewportSize({ width: 1280, height: 900 });
        await page.screenshot({ path: `test-results/screens/${locale}-${path.replaceAll('/', '_').replace(program, 'id')}-1280.png`, fullPage: true });
        await page.setViewportSize({ width: 320, height: 640 });
      }
    });
  });
}

test.describe('without its texts', () => {
  test.use({ expectedComplaints: [[/404|uncaught: Error: .*\.txt/], { option: true }] });

  test('a page stays as the server made it, and can be used so', async ({ page, server }) => {
    await page.route('**/pkg/*.txt', (route) => route.fulfill({ status: 404 }));
    const failed = page.waitForEvent('pageerror');
    await page.goto(`${server.url}/`);
    await failed;
    await page.getByLabel('Name').fill('Pied Piper');
    await page.getByRole('radio', { name: /Affiliate/ }).check();
    await page.getByRole('button', { name: 'Create program' }).click();
    await expect(page.getByRole('link', { name: 'Webhooks' })).toBeVisible();
    await expect(page.locator('html[data-hydrated]')).toHaveCount(0);
    expect((await server.call('GET', '/campaigns')).campaigns).toHaveLength(1);
  });
});
