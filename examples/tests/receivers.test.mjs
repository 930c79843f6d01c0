// Every receiver of `examples/receivers` against the real server: what it takes, what it refuses, what it remembers.
import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { Server } from '../../end2end/server.mjs';
import { RECEIVERS, start } from './receivers.mjs';
import { headersFor, productHeader, standardHeader } from './signing.mjs';

const WHSEC = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const PLAIN = 'geheim & ünïcode ☂';
const OTHER = 'somebody else’s secret';
const BODY = '{"event":"NEW_PARTICIPANT_ADDED","createdAt":1700000000000,"data":{"id":"p1","email":"ada@example.com"}}';
/** What a receiver gets wrong that does not sign the bytes as they came. */
const AWKWARD = { firstName: 'Zoë \u2028 <b>"☂"</b>', metadata: { b: 1e21, 7: '\u007f', a: [1.5, -0, null, ''] } };
const MINUTE_MS = 60_000;
const SETTLE_MS = 20_000;
const LOOK_EVERY_MS = 20;

let server;
before(async () => {
  server = await Server.start();
});
after(() => server.stop());

/** Waits for what becomes true soon. */
async function eventually(isTrue, what) {
  const deadline = AbortSignal.timeout(SETTLE_MS);
  while (!(await isTrue())) {
    assert.ok(!deadline.aborted, `${what}: not within ${SETTLE_MS} ms`);
    await setTimeout(LOOK_EVERY_MS);
  }
}

/** A program whose events go to `payloadUrl`. */
async function programFor(payloadUrl, secret) {
  const { id: program } = await server.call('POST', '/campaigns', { type: 'REFERRAL', name: 'Example' });
  const settings = { payloadUrl, secret, events: ['NEW_PARTICIPANT_ADDED', 'CAMPAIGN_ENDED'] };
  const { id: webhook } = await server.call('POST', `/campaign/${program}/webhooks`, settings);
  return { program, webhook };
}

/** Waits until everything of `program` is delivered, and returns the deliveries. */
async function delivered(program) {
  let deliveries;
  await eventually(async () => {
    ({ deliveries } = await server.call('GET', `/campaign/${program}/deliveries`));
    return deliveries.length > 0 && deliveries.every(({ state }) => state === 'delivered');
  }, 'everything is delivered');
  return deliveries;
}

/**
 * Posts as somebody else would, each time on a connection of its own, and returns the status; null if it is cut. A body
 * that is `unannounced` comes in chunks.
 */
function post(url, headers, body = BODY, { unannounced = false } = {}) {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  const length = unannounced ? [] : [['content-length', Buffer.byteLength(body)]];
  return new Promise((resolve) => {
    const sent = request(url, { method: 'POST', agent: false, headers: Object.fromEntries([...given, ...length]) });
    sent.on('response', (response) => resolve(response.resume().statusCode));
    sent.on('error', () => resolve(null));
    if (unannounced) sent.flushHeaders();
    sent.end(body);
  });
}

for (const receiver of RECEIVERS) {
  describe(receiver.name, { concurrency: 1, timeout: 300_000 }, () => {
    let directory;
    const running = new Set();
    let started;

    /** Starts it with a directory of its own, or with one that it had before. */
    const begin = async (secret, within, options) => {
      const process = await start(receiver, within ?? (await mkdtemp(join(directory, 'receiver-'))), secret, options);
      running.add(process);
      return process;
    };

    /** One for all requests by hand: to start it may take seconds. */
    const shared = async () => {
      started ??= begin(WHSEC);
      const process = await started;
      return { process, url: await process.listening() };
    };

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), `groundswell-${receiver.name}-`));
      await receiver.build?.();
    });
    after(async () => {
      for (const process of running) await process.stop();
      await rm(directory, { recursive: true, force: true });
    });

    for (const [kind, secret] of [['a whsec_ secret', WHSEC], ['a plain secret', PLAIN]]) {
      test(`takes real events signed with ${kind}, each once, across a restart`, async () => {
        const within = await mkdtemp(join(directory, 'restart-'));
        const first = await begin(secret, within);
        const { program, webhook } = await programFor(`${await first.listening()}/`, secret);
        const id = await server.join(program, 'p1', AWKWARD);
        await first.line(`event=NEW_PARTICIPANT_ADDED id=${id}`);
        const [{ id: delivery }] = await delivered(program);

        const resend = () => server.call('POST', `/campaign/${program}/deliveries/${delivery}/resend`);
        await resend();
        await first.line(`duplicate id=${id}`);

        await first.stop();
        const second = await begin(secret, within);
        const payloadUrl = `${await second.listening()}/`;
        await server.call('PATCH', `/campaign/${program}/webhooks/${webhook}`, { payloadUrl });
        await resend();
        await second.line(`duplicate id=${id}`);
        await delivered(program);
        assert.equal(second.count(`event=NEW_PARTICIPANT_ADDED id=${id}`), 0, 'it had this event before');
      });
    }

    test('takes the tests of the Program Editor', async () => {
      const { process, url } = await shared();
      const { program, webhook } = await programFor(`${url}/`, WHSEC);
      for (const event of ['NEW_PARTICIPANT_ADDED', 'PARTICIPANT_REACHED_A_GOAL', 'CAMPAIGN_ENDED']) {
        const result = await server.call('POST', `/campaign/${program}/webhooks/${webhook}/test`, { event });
        assert.deepEqual([result.success, result.response.statusCode], [true, 204], process.output);
        const line = new RegExp(`^event=${event} id=test_\\w+$`, 'm');
        await eventually(() => line.test(process.output), `a line for the test of ${event}`);
      }
    });

    test('takes real events while its secret is the old one of two', async () => {
      const process = await begin(PLAIN);
      const { program, webhook } = await programFor(`${await process.listening()}/`, PLAIN);
      const change = { secret: OTHER, secretOverlapSeconds: 3600 };
      await server.call('PATCH', `/campaign/${program}/webhooks/${webhook}`, change);
      const id = await server.join(program, 'p1');
      await process.line(`event=NEW_PARTICIPANT_ADDED id=${id}`);
      await delivered(program);
    });

    test('takes either signature alone, and any of several', async () => {
      const { process, url } = await shared();
      const now = Date.now();
      const seconds = Math.floor(now / 1000);
      const accepted = {
        both: {},
        'the standard one alone': { 'growsurf-signature': undefined },
        'a second v=': { 'growsurf-signature': productHeader(now, BODY, OTHER, WHSEC) },
        'a second v1': { 'webhook-signature': (id) => standardHeader(id, seconds, BODY, OTHER, WHSEC) },
        'an entry of another version': {
          'webhook-signature': (id) => `v1a,AAAA ${standardHeader(id, seconds, BODY, WHSEC)} v2,AAAA`,
        },
        'four minutes ago': (id) => headersFor(id, BODY, WHSEC, now - 4 * MINUTE_MS),
      };
      for (const [number, [name, change]] of Object.entries(accepted).entries()) {
        const id = `evt_accepted${number}`;
        const changed = typeof change === 'function' ? change(id) : change;
        const headers = { ...headersFor(id, BODY, WHSEC, now), ...changed };
        for (const [header, value] of Object.entries(headers)) {
          if (typeof value === 'function') headers[header] = value(id);
        }
        const status = await post(url, headers);
        assert.ok(status >= 200 && status < 300, `${name}: ${status}\n${process.output}`);
        await process.line(`event=NEW_PARTICIPANT_ADDED id=${id}`);
      }
    });

    test('knows a repeat by its body if only the product’s signature, which covers no id, is there', async () => {
      const { process, url } = await shared();
      const body = BODY.replace('ada', 'grace');
      const { 'growsurf-signature': signature } = headersFor('', body, WHSEC);
      for (const id of ['evt_captured1', 'evt_captured2', 'evt_captured3', undefined]) {
        const status = await post(url, { 'growsurf-signature': signature, 'webhook-id': id }, body);
        assert.equal(status, 204, `under the id ${id}\n${process.output}`);
      }
      const line = /^event=NEW_PARTICIPANT_ADDED id=(body-[0-9a-f]{64})\s*$/m;
      await eventually(() => line.test(process.output), 'a line with the body’s hash');
      const [, key] = line.exec(process.output);
      await process.line(`duplicate id=${key}`, 3);
      assert.equal(process.count(`event=NEW_PARTICIPANT_ADDED id=${key}`), 1);
      assert.doesNotMatch(process.output, /evt_captured/);
    });

    test('refuses what is forged, changed, stale or malformed, and stays up', async () => {
      const { process, url } = await shared();
      const id = 'evt_refused';
      const now = Date.now();
      const good = headersFor(id, BODY, WHSEC, now);
      const of = (secret, ms) => headersFor(id, BODY, secret, ms);
      const product = (header) => ({ 'growsurf-signature': header, 'webhook-signature': undefined });
      const standard = (change) => ({ 'growsurf-signature': undefined, ...change });
      const [, digest] = good['growsurf-signature'].split(',');
      const refused = {
        'no signature': { 'growsurf-signature': undefined, 'webhook-signature': undefined },
        'another secret': of(OTHER, now),
        'six minutes ago': of(WHSEC, now - 6 * MINUTE_MS),
        'in six minutes': of(WHSEC, now + 6 * MINUTE_MS),
        'only the standard one is right': { 'growsurf-signature': of(OTHER, now)['growsurf-signature'] },
        'only the product’s is right': { 'webhook-signature': of(OTHER, now)['webhook-signature'] },
        'the product’s is stale': { 'growsurf-signature': of(WHSEC, now - 6 * MINUTE_MS)['growsurf-signature'] },
        'another ts': product(`ts=${now - 1},${digest}`),
        'another id': standard({ 'webhook-id': `${id}2` }),
        'another timestamp': standard({ 'webhook-timestamp': String(Math.floor(now / 1000) + 1) }),
        'no timestamp': standard({ 'webhook-timestamp': undefined }),
      };
      for (const ts of ['', 'x', 'NaN', 'Infinity', '-1', '1e400', '9'.repeat(30), '٣']) {
        const bytes = Buffer.from(ts).toString('latin1');
        refused[`ts is "${ts}"`] = product(productHeader(ts, BODY, WHSEC).replace(ts, bytes));
        const signature = standardHeader(id, ts, BODY, WHSEC);
        refused[`webhook-timestamp is "${ts}"`] =
          standard({ 'webhook-timestamp': bytes, 'webhook-signature': signature });
      }
      for (const header of ['', ',', '=', 'ts', `ts=${now}`, `ts=${now},v`, `ts=${now},v=`, `ts=${now},v=zz`,
        `ts=${now},v=${'é'.repeat(32)}`, `ts=${now},v=${'é'.repeat(64)}`, digest, `ts=${now},${digest}0`]) {
        refused[`GrowSurf-Signature is "${header}"`] = product(header);
      }
      for (const header of ['', ' ', ',', 'v1', 'v1,', 'v1,%', 'v1,AAAA', `v1,${'é'.repeat(44)}`,
        good['webhook-signature'].replace('v1', 'v2'), `${good['webhook-signature']}=`]) {
        refused[`webhook-signature is "${header}"`] = standard({ 'webhook-signature': header });
      }
      for (const [name, change] of Object.entries(refused)) {
        assert.equal(await post(url, { ...good, ...change }), 401, `${name}\n${process.output}`);
      }
      assert.equal(await post(url, good, BODY.replace('ada', 'eve')), 401, 'another body');
      assert.equal(await post(url, good, ''), 401, 'no body');
      assert.equal(await post(url, good), 204, `what is right is still taken\n${process.output}`);
    });

    test('one of many requests at once is new', async () => {
      const { process, url } = await shared();
      const headers = headersFor('evt_once', BODY, WHSEC);
      const statuses = await Promise.all(Array.from({ length: 20 }, () => post(url, headers)));
      assert.deepEqual(new Set(statuses), new Set([204]), process.output);
      await process.line('duplicate id=evt_once', 19);
      await process.line('event=NEW_PARTICIPANT_ADDED id=evt_once');
      assert.equal(process.count('event=NEW_PARTICIPANT_ADDED id=evt_once'), 1);
    });

    test('takes the largest event, refuses larger bodies, and ids that are none', async () => {
      const { process, url } = await shared();
      const sized = (bytes) => BODY.replace('"p1"', `"${'p'.repeat(bytes)}"`);
      const largest = sized(4 * 1024 * 1024);
      assert.equal(await post(url, headersFor('evt_largest', largest, WHSEC), largest), 204, process.output);
      const tooLarge = sized(6 * 1024 * 1024);
      for (const unannounced of [false, true]) {
        const status = await post(url, headersFor('evt_larger', tooLarge, WHSEC), tooLarge, { unannounced });
        // Whoever is still sending may see the connection end before the answer, and a body that was cut is not genuine.
        assert.ok([413, 411, 401, null].includes(status), `a body that is too large: ${status}\n${process.output}`);
      }

      const identified = (id) => {
        const signed = headersFor(id ?? '', BODY, WHSEC);
        return post(url, { ...signed, 'growsurf-signature': undefined, 'webhook-id': id });
      };
      for (const id of [undefined, '']) {
        assert.ok([400, 401].includes(await identified(id)), `the id ${id}\n${process.output}`);
      }
      for (const id of ['../../outside', '..', 'a/b', 'x'.repeat(300)]) {
        // In a database any text may be an id.
        assert.ok([400, 204].includes(await identified(id)), `the id ${id}\n${process.output}`);
      }
      const notJson = 'not JSON';
      assert.notEqual(await post(url, headersFor('evt_text', notJson, WHSEC), notJson), 204);
      assert.equal(await post(url, headersFor('evt_after', BODY, WHSEC)), 204, 'it is still there');
      await process.line('event=NEW_PARTICIPANT_ADDED id=evt_after');
      assert.equal(process.count('event=NEW_PARTICIPANT_ADDED id=evt_larger'), 0);
      assert.deepEqual((await readdir(directory)).filter((name) => name.includes('outside')), []);
    });

    test('what cannot be stored is answered with an error, and is new when it comes again', async () => {
      const within = await mkdtemp(join(directory, 'store-'));
      const process = await begin(WHSEC, within);
      const url = await process.listening();
      assert.equal(await post(url, headersFor('evt_before', BODY, WHSEC)), 204, process.output);

      const store = join(within, receiver.keeps);
      await rename(store, `${store}.away`);
      await (receiver.keeps === 'events' ? writeFile(store, '') : mkdir(store));
      const headers = headersFor('evt_later', BODY, WHSEC);
      // A connection that is cut is an error as well.
      const answer = await fetch(url, { method: 'POST', headers, body: BODY }).catch(() => null);
      assert.ok([500, undefined].includes(answer?.status), `${answer?.status}\n${process.output}`);
      assert.doesNotMatch((await answer?.text()) ?? '', /trace|receiver\.|Receiver\./i);

      await rm(store, { recursive: true });
      await rename(`${store}.away`, store);
      assert.equal(await post(url, headers), 204, process.output);
      await process.line('event=NEW_PARTICIPANT_ADDED id=evt_later');
    });

    // A database sees to it by itself.
    if (receiver.keeps === 'events') {
      test('says 2xx only when the directory is on disk, too', async () => {
        const within = await mkdtemp(join(directory, 'durable-'));
        const store = join(within, 'events');
        await mkdir(store, { mode: 0o300 }); // It can be written to, but not opened, and so not be flushed.
        const process = await begin(WHSEC, within, { obeysModes: true });
        const url = await process.listening();
        const headers = headersFor('evt_durable', BODY, WHSEC);
        for (const what of ['new', 'known']) {
          const status = await post(url, headers);
          assert.ok([500, null].includes(status), `what is ${what}: ${status}\n${process.output}`);
        }
        assert.equal(process.count('event=NEW_PARTICIPANT_ADDED id=evt_durable'), 0);
        await chmod(store, 0o700);
        assert.equal(await post(url, headers), 204, process.output);
        await process.line('duplicate id=evt_durable');
      });
    }

    test('takes nothing without a secret, since anybody could sign with none', async () => {
      const process = await begin(undefined);
      if (receiver.startsWithoutSecret) {
        assert.equal(await post(await process.listening(), headersFor('evt_unsigned', BODY, '')), 500);
      } else {
        assert.notEqual(await process.ended(), 0);
      }
      // PHP's server answers before it has printed why.
      await process.says(/WEBHOOK_SECRET/);
    });
  });
}
