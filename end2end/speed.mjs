// How soon pages are there: what the browser itself measures of them on a slow processor, a first visit with an empty
// cache and a second one. `cargo xtask speed` runs it on the release build.
//
// LCP: when the largest element was drawn. TBT: by how much tasks between the first drawing and the page's coming alive
// were longer than 50 ms, added up. CLS: how much things moved without anybody's doing. Alive: everything can be pressed
// by script; forms and links work before. What follows is how soon an alive page answers to whoever uses it.
import { chromium } from '@playwright/test';
import { AIM_MS, interactions } from './interactions.mjs';
import { startReceiver } from './receiver.mjs';
import { Server } from './server.mjs';

/** Processors so many times slower than this one; 20 is the slowest that Chromium's own tools offer, 4 what Lighthouse takes. */
const RATES = [1, 4, 20];
const LOADS = 3;

const PAGES = [
  ['sign-in', () => '/sign-in'],
  ['programs', () => '/'],
  ['options', (id) => `/programs/${id}/options`],
  ['webhooks', (id) => `/programs/${id}/options/webhooks`],
  ['deliveries', (id) => `/programs/${id}/deliveries`],
  ['inbox', (id) => `/programs/${id}/inbox`],
];

/** A program with two webhooks and a page full of deliveries. */
async function fill(server, receiver) {
  receiver.behave('/down', { status: 503 });
  const { id } = await server.call('POST', '/campaigns', { type: 'REFERRAL', name: 'Pied Piper' });
  for (const path of ['/up', '/down']) {
    await server.call('POST', `/campaign/${id}/webhooks`, {
      payloadUrl: receiver.url(path), events: ['NEW_PARTICIPANT_ADDED'], isEnabled: true, secret: 'hunter2',
    });
  }
  for (let number = 0; number < 60; number += 1) await server.join(id, `participant-${number}`);
  return id;
}

/** Runs in the page, before everything else. */
function watch() {
  const seen = { lcp: 0, cls: 0, tasks: [] };
  globalThis.seen = seen;
  const observe = (type, note) =>
    new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true });
  observe('largest-contentful-paint', (entry) => (seen.lcp = entry.startTime));
  observe('layout-shift', (entry) => (seen.cls += entry.hadRecentInput ? 0 : entry.value));
  observe('longtask', (entry) => seen.tasks.push([entry.startTime, entry.duration]));
  new MutationObserver(() => {
    if (document.documentElement.dataset.hydrated !== undefined) seen.alive ??= performance.now();
  }).observe(document, { attributes: true, subtree: true, attributeFilter: ['data-hydrated'] });
  // A page without a browser half needs none.
  addEventListener('DOMContentLoaded', () => {
    if (document.querySelector('link[href$=".wasm"], script[type="module"]') === null) seen.alive = performance.now();
  });
}

/** What the page saw of itself. */
function figures() {
  const { lcp, cls, tasks, alive } = globalThis.seen;
  const [navigation] = performance.getEntriesByType('navigation');
  const painted = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0;
  const blocked = tasks.map(([start, duration]) => {
    const from = Math.max(start, painted);
    return Math.max(0, start + duration - from - 50);
  });
  const resources = performance.getEntriesByType('resource').filter(({ name }) => !name.endsWith('live'));
  const bytes = navigation.transferSize + resources.reduce((sum, { transferSize }) => sum + transferSize, 0);
  const tbt = blocked.reduce((sum, one) => sum + one, 0);
  return { html: navigation.responseStart, fcp: painted, lcp, tbt, cls, alive: alive ?? NaN, kb: bytes / 1000 };
}

async function load(page, url) {
  await page.goto(url, { waitUntil: 'load' });
  await page.waitForFunction(() => globalThis.seen.alive !== undefined, null, { timeout: 120_000 });
  // Long enough for what comes after, for example rows that are drawn again.
  await page.waitForTimeout(1_000);
  return page.evaluate(figures);
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** A browser of somebody who is signed in. */
async function signedIn(browser, server) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const { token } = Object.fromEntries(new URL(await server.signInLink()).searchParams);
  await context.request.post(`${server.url}/sign-in`, { form: { token }, headers: { origin: server.url } });
  return context;
}

async function measure(browser, server, url, rate) {
  const visits = { first: [], second: [] };
  for (let round = 0; round < LOADS; round += 1) {
    const context = await signedIn(browser, server);
    const page = await context.newPage();
    await page.addInitScript(watch);
    const devtools = await context.newCDPSession(page);
    await devtools.send('Emulation.setCPUThrottlingRate', { rate });
    visits.first.push(await load(page, url));
    visits.second.push(await load(page, url));
    await context.close();
  }
  const medians = (all) => Object.fromEntries(Object.keys(all[0]).map((key) => [key, median(all.map((one) => one[key]))]));
  return Object.entries(visits).map(([name, all]) => [name, medians(all)]);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const receiver = await startReceiver();
const server = await Server.start();
try {
  const program = await fill(server, receiver);
  const row = (cells) => console.log(`| ${cells.join(' | ')} |`);
  row(['processor', 'page', 'visit', 'HTML', 'FCP', 'LCP', 'TBT', 'alive', 'CLS', 'kB']);
  row(Array(10).fill('---'));
  const ms = (number) => `${number.toFixed(0)} ms`;
  for (const rate of RATES) {
    for (const [name, path] of PAGES) {
      for (const [visit, one] of await measure(browser, server, server.url + path(program), rate)) {
        const times = [one.html, one.fcp, one.lcp, one.tbt, one.alive].map(ms);
        row([`${rate} × slower`, name, visit, ...times, one.cls.toFixed(3), one.kb.toFixed(0)]);
      }
    }
  }
  console.log();
  row(['processor', 'interaction', 'next drawing', 'what was asked for']);
  row(Array(4).fill('---'));
  for (const rate of [1, 4]) {
    const context = await signedIn(browser, server);
    for (const [what, paint, shown] of await interactions(context, { url: `${server.url}/programs/${program}`, rate })) {
      row([`${rate} × slower`, what, paint === 0 ? 'under 16 ms' : ms(paint), ms(shown)]);
      if (rate === 1 && paint > AIM_MS) console.error(`${what}: more than ${AIM_MS} ms until the next drawing`);
    }
    await context.close();
  }
} finally {
  await browser.close();
  await server.stop();
  await receiver.close();
}
