// The receiver decides in the other tests whether a request is genuine, so it must be able to say no.
import { createHmac } from 'node:crypto';
import { expect, test } from '@playwright/test';
import { checkAsPublished, checkProduct, checkStandard, problems, startReceiver } from '../receiver.mjs';

const SECRET = 'hunter2';

function signed(text, { secret = SECRET, at = Date.now() } = {}) {
  const body = Buffer.from(text);
  const hex = createHmac('sha256', secret).update(`${at}.`).update(body).digest('hex');
  const seconds = Math.floor(at / 1000);
  const base64 = createHmac('sha256', secret).update(`evt_1.${seconds}.`).update(body).digest('base64');
  return {
    at: Date.now(),
    body,
    headers: {
      'growsurf-signature': `ts=${at},v=${hex}`,
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(seconds),
      'webhook-signature': `v1,${base64}`,
    },
  };
}

test('a genuine request passes all three checks', () => {
  expect(problems(signed('{"a":1}'), SECRET)).toEqual([]);
});

test('another secret, another body and another time are noticed', () => {
  expect(problems(signed('{"a":1}', { secret: 'other' }), SECRET)).toHaveLength(3);
  const changed = { ...signed('{"a":1}'), body: Buffer.from('{"a":2}') };
  expect(problems(changed, SECRET)).toHaveLength(3);
  expect(problems(signed('{"a":1}', { at: Date.now() - 600_000 }), SECRET)).toHaveLength(2);
  expect(problems({ ...signed('{"a":1}'), headers: {} }, SECRET)).toHaveLength(3);
});

test('the published example refuses what JavaScript would print differently', () => {
  for (const text of ['{"a": 1}', '{"a":1.0}', '{"b":1,"1":2}', '{"a":1,"a":2}', '{"a":"\\u2028"}']) {
    const request = signed(text);
    expect(checkProduct(request, SECRET)).toBeNull();
    expect(checkAsPublished(request, SECRET)).not.toBeNull();
  }
});

test("an old secret's signature may come third", () => {
  const at = Date.now();
  const [now, old] = [signed('{}', { at }), signed('{}', { secret: 'old', at })];
  const digest = old.headers['growsurf-signature'].split(',')[1];
  const headers = { 'growsurf-signature': `${now.headers['growsurf-signature']},${digest}` };
  expect(checkProduct({ ...now, headers }, SECRET)).toBeNull();
  expect(checkProduct({ ...now, headers }, 'old')).toBeNull();
});

test('the vector of the Standard Webhooks specification verifies', () => {
  const request = {
    body: Buffer.from('{"test": 2432232314}'),
    headers: {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    },
  };
  expect(checkStandard(request, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 1_614_265_330_000)).toBeNull();
  expect(checkStandard(request, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')).toMatch(/not of now/);
});

test('it answers as it is told to', async () => {
  const receiver = await startReceiver();
  const post = async (path, id) => {
    const response = await fetch(receiver.url(path), { method: 'POST', body: '{}', redirect: 'manual', headers: { 'webhook-id': id } });
    return [response.status, response.headers.get('location'), response.headers.get('retry-after')];
  };
  const told = async (path, behaviour) =>
    fetch(receiver.url('/_control/behaviour'), { method: 'POST', body: JSON.stringify({ path, ...behaviour }) });
  expect(await post('/', 'a')).toEqual([200, null, null]);
  await told('/', { status: 410 });
  expect(await post('/', 'a')).toEqual([410, null, null]);
  await told('/r', { redirect: 'http://x.example/', retryAfter: 7 });
  expect(await post('/r', 'a')).toEqual([302, 'http://x.example/', '7']);
  await told('/f', { failFirst: 2 });
  expect((await post('/f', 'a'))[0]).toBe(500);
  expect((await post('/f', 'b'))[0]).toBe(500);
  expect((await post('/f', 'a'))[0]).toBe(500);
  expect((await post('/f', 'a'))[0]).toBe(200);
  await told('/x', { reset: true });
  await expect(post('/x', 'a')).rejects.toThrow();
  expect(receiver.at('/f').map(({ status }) => status)).toEqual([500, 500, 500, 200]);
  await receiver.close();
});
