// How soon the page answers to whoever uses it: from the key or the click to the next drawing, as the browser measures it
// of each event, and to the drawing that has what was asked for, which includes the server's answer where it needs one.

const ROUNDS = 5;

/** The aim, on a processor as fast as this one. */
export const AIM_MS = 100;

/** What is done, where, and by which selector it is known that it is there. */
const INTERACTIONS = [
  ['open a delivery beside the list', 'deliveries', (page) => page.locator('.delivery-event a').first().click(), 'aside h2#delivery'],
  ['type in the search', 'deliveries', (page) => page.keyboard.press('a'), '#filter-text', (page) => page.locator('#filter-text').focus()],
  ['choose a state to filter by', 'deliveries', (page) => page.keyboard.press('ArrowDown'), '[data-active="true"] #filter-state', (page) => page.locator('#filter-state').focus()],
  ['go down the list by key', 'deliveries', (page) => page.keyboard.press('j'), '.delivery-event a:focus'],
  ['switch to the delivery log', 'options', (page) => page.locator('.steps a[href$="/deliveries"]').click(), '.deliveries'],
  ['open the menu of a test', 'options/webhooks', (page) => page.locator('.webhook .menu > summary').first().click(), '.webhook details[open] > .menu-list'],
  ['open the advanced settings', 'options/webhooks', (page) => page.locator('.settings > summary').first().click(), '.settings[open] .settings-body'],
  ['type in a URL', 'options/webhooks', (page) => page.keyboard.press('a'), '.webhook-url:focus', (page) => page.locator('.webhook-url').first().focus()],
  ['switch a webhook off', 'options/webhooks', (page) => page.locator('.switch').first().click(), '.toast'],
];

/** Runs in the page: notes the events, and when what was asked for is drawn. */
function watch(selector) {
  const seen = { paint: 0, shown: undefined };
  globalThis.interaction = seen;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.interactionId > 0) seen.paint = Math.max(seen.paint, entry.duration);
  }).observe({ type: 'event', durationThreshold: 16 });
  let began;
  const begin = (event) => {
    if (began !== undefined) return;
    began = event.timeStamp;
    const look = () => {
      const found = document.querySelector(selector);
      // The next task comes after the drawing.
      if (found?.checkVisibility()) setTimeout(() => (seen.shown = performance.now() - began));
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  };
  for (const type of ['pointerdown', 'keydown']) addEventListener(type, begin, { capture: true });
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Medians of each interaction on a processor so many times slower, in milliseconds: `[what, next drawing, shown]`. */
export async function interactions(context, { url, rate }) {
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  const measured = [];
  for (const [what, path, act, selector, before] of INTERACTIONS) {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await devtools.send('Emulation.setCPUThrottlingRate', { rate: 1 });
      // What the round before has typed.
      await page.request.post(`${url}/options/webhooks`, { form: { intent: 'discard' }, headers: { origin: new URL(url).origin } });
      await page.goto(`${url}/${path}`);
      await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
      await before?.(page);
      await page.evaluate(watch, selector);
      await devtools.send('Emulation.setCPUThrottlingRate', { rate });
      await act(page);
      await page.waitForFunction(() => globalThis.interaction.shown !== undefined);
      // Events are reported a moment after their drawing, and what was typed is saved.
      await page.waitForTimeout(1_000);
      rounds.push(await page.evaluate(() => globalThis.interaction));
    }
    // What took less than 16 ms is not reported.
    measured.push([what, median(rounds.map(({ paint }) => paint)), median(rounds.map(({ shown }) => shown))]);
  }
  await page.close();
  return measured;
}
