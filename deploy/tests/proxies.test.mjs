// The real nginx and the real Caddy in front of the real server, with the files as they are: ports, certificate and address of
// the server are put in, nothing else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ADMIN_KEY, Server } from '../../end2end/server.mjs';
import { Process } from '../../examples/tests/process.mjs';
import { DEPLOY, PROXIES, freePort, run, scratch, text, until } from './tools.mjs';

const HOST = 'webhooks.example.com';
const MIB = 1024 * 1024;

/** What the proxies need: a directory, a certificate of an authority of our own, and ports. */
async function place(test) {
  const directory = await scratch(test);
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  await run([
    'openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`, '-keyout', key, '-out', certificate,
  ]);
  return { directory, key, certificate, port: await freePort(), plainPort: await freePort() };
}

function replaced(text, pairs) {
  return pairs.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), `the file has no ${from}`);
    return text.replaceAll(from, to);
  }, text);
}

async function startNginx({ directory, key, certificate, port, plainPort }, upstream) {
  const site = replaced(await text('nginx/groundswell.conf'), [
    ['server 127.0.0.1:3000;', `server ${upstream};`],
    ['listen 80;', `listen 127.0.0.1:${plainPort};`],
    ['listen [::]:80;', ''],
    ['listen 443 ssl http2;', `listen 127.0.0.1:${port} ssl http2;`],
    ['listen [::]:443 ssl http2;', ''],
    [`/etc/letsencrypt/live/${HOST}/fullchain.pem`, certificate],
    [`/etc/letsencrypt/live/${HOST}/privkey.pem`, key],
  ]);
  await writeFile(join(directory, 'site.conf'), site);
  const user = process.getuid() === 0 ? 'user root;' : '';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${directory}/${of};`);
  const whole = `${user} daemon off; pid ${directory}/pid; error_log stderr notice; events {}
    http { access_log off; ${temporary.join(' ')} include ${directory}/site.conf; }`;
  await writeFile(join(directory, 'nginx.conf'), whole);
  const command = [join(PROXIES, 'usr/sbin/nginx'), '-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')];
  const said = await run([...command, '-t']);
  assert.match(said, /test is successful/);
  assert.doesNotMatch(said, /\[warn\]/);
  return Process.start(command, { directory });
}

async function startCaddy({ directory, key, certificate, port }, upstream) {
  const site = await text('caddy/Caddyfile');
  // Our certificate, since nobody certifies this name for us; and no server on port 80 or for administration.
  const own = replaced(site, [['\treverse_proxy', `\ttls ${certificate} ${key}\n\tbind 127.0.0.1\n\treverse_proxy`]]);
  await mkdir(join(directory, 'data'));
  await writeFile(join(directory, 'Caddyfile'), `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${own}`);
  const environment = {
    GROUNDSWELL_SITE: `https://${HOST}:${port}`,
    GROUNDSWELL_UPSTREAM: upstream,
    XDG_DATA_HOME: join(directory, 'data'),
    XDG_CONFIG_HOME: join(directory, 'data'),
  };
  const caddy = join(PROXIES, 'usr/bin/caddy');
  const words = ['--config', join(directory, 'Caddyfile'), '--adapter', 'caddyfile'];
  const said = await run([caddy, 'validate', ...words], { environment });
  assert.match(said, /Valid configuration/);
  assert.equal(await run([caddy, 'fmt', join(DEPLOY, 'caddy/Caddyfile')], { environment }), site, 'written as Caddy does');
  return Process.start([caddy, 'run', ...words], { directory, environment });
}

for (const [name, start] of [['nginx', startNginx], ['Caddy', startCaddy]]) {
  describe(name, () => {
    let server, proxy, at, ca, program;
    // A hook that is registered in a hook would run at the end of that one.
    const endings = [];

    /** Opens a request through the proxy; `from` is the address it comes from. */
    const open = (method, path, { headers = {}, from } = {}) => {
      const options = { host: '127.0.0.1', port: at.port, servername: HOST, ca, method, path, localAddress: from, agent: false };
      return https.request({ ...options, headers: { host: HOST, authorization: `Bearer ${ADMIN_KEY}`, ...headers } });
    };
    /** Makes one; answers with what came, as text. */
    const call = async (method, path, { body, ...more } = {}) => {
      const request = open(method, path, more);
      request.end(body);
      const [response] = await once(request, 'response');
      // Whoever refuses a body may close the connection while the rest of it is still being sent.
      request.on('error', () => {});
      let answer = '';
      for await (const piece of response.setEncoding('utf8')) answer += piece;
      return { status: response.statusCode, headers: response.headers, answer };
    };
    const json = async (method, path, body, more = {}) => {
      const headers = { 'content-type': 'application/json', ...more.headers };
      const { status, answer } = await call(method, path, { ...more, headers, body: JSON.stringify(body) });
      assert.ok(status < 300, `${method} ${path}: ${status} ${answer}`);
      return JSON.parse(answer);
    };

    before(async () => {
      server = await Server.start({ GROUNDSWELL_TRUSTED_PROXIES: '127.0.0.1' });
      at = await place({ after: (ending) => endings.push(ending) });
      ca = await readFile(at.certificate);
      proxy = await start(at, new URL(server.url).host);
      await until(() => call('GET', '/readyz').then(({ status }) => status === 200, () => false), `${name}'s first answer`);
      program = (await json('POST', '/v2/campaigns', { type: 'REFERRAL', name: 'Behind a proxy' })).id;
    });

    after(async () => {
      await proxy?.stop();
      await server?.stop();
      for (const ending of endings) await ending();
    });

    test('the address that counts is the one the request comes from, whatever it says of itself', async () => {
      const spoofed = { 'x-forwarded-for': '198.51.100.7', forwarded: 'for=198.51.100.7' };
      await json('POST', '/v2/campaigns', { type: 'REFERRAL', name: 'From elsewhere' }, { from: '127.0.0.5', headers: spoofed });
      const { answer } = await call('GET', '/v2/audit-log');
      assert.ok(answer.includes('127.0.0.5'), answer);
      assert.ok(!answer.includes('198.51.100.7'), answer);
    });

    test('what happens comes over a stream at once, while the stream stays open', async () => {
      const request = open('GET', `/v2/campaign/${program}/events/stream`, { headers: { accept: 'text/event-stream' } });
      request.end();
      const [response] = await once(request, 'response');
      assert.equal(response.statusCode, 200);
      let came = '';
      response.setEncoding('utf8').on('data', (piece) => (came += piece));
      const body = { event: 'NEW_PARTICIPANT_ADDED', data: { id: 'p1', email: 'ada@example.com' } };
      const { id } = await json('POST', `/v2/campaign/${program}/events`, body);
      // Sooner than the next sign of life, which would push out what a proxy holds back.
      await until(() => came.includes(id), 'the event', { timeoutMs: 5_000 });
      assert.equal(response.complete, false);
      request.destroy();
    });

    test('bodies of every size that the server takes get to it, and it is the one who says what is too large', async () => {
      const event = { event: 'NEW_PARTICIPANT_ADDED', data: { id: 'p2' } };
      const line = `${JSON.stringify(event)}\n`;
      const batch = (bytes) => {
        const lines = line.repeat(3);
        return lines + `${' '.repeat(bytes - lines.length - 1)}\n`;
      };
      const post = (path, body, type) => call('POST', `/v2/campaign/${program}/${path}`, { body, headers: { 'content-type': type } });
      const largest = await post('events/batch', batch(8 * MIB), 'application/x-ndjson');
      assert.equal(largest.status, 202, largest.answer.slice(0, 300));
      const too = await post('events/batch', batch(8 * MIB + 1), 'application/x-ndjson');
      assert.equal(too.status, 413);
      assert.match(too.headers['content-type'], /^application\/json/, too.answer);
      const padded = (bytes) => JSON.stringify({ ...event, data: { ...event.data, id: 'p3' } }) + ' '.repeat(bytes - line.length + 1);
      const one = await post('events', padded(4 * MIB), 'application/json');
      assert.equal(one.status, 202, one.answer.slice(0, 300));
      const beyond = await post('events', padded(4 * MIB + 1), 'application/json');
      assert.equal(beyond.status, 413, beyond.answer);
      assert.match(beyond.headers['content-type'], /^application\/json/);
    });

    test('a body that is far too large is refused, and the next request is answered', async () => {
      const { status } = await call('POST', `/v2/campaign/${program}/events/batch`, { body: 'x'.repeat(24 * MIB) });
      assert.equal(status, 413);
      assert.equal((await call('GET', '/readyz')).status, 200);
    });

    if (name === 'nginx') {
      test('plain HTTP leads to HTTPS, with method and body', async () => {
        const options = { host: '127.0.0.1', port: at.plainPort, path: '/v2/campaigns?a=b', headers: { host: HOST } };
        const [response] = await once(http.get(options), 'response');
        response.resume();
        assert.equal(response.statusCode, 308);
        assert.equal(response.headers.location, `https://${HOST}/v2/campaigns?a=b`);
      });
    }
  });
}
