// Compose reads its files with the words of today's specification, and they say what they are to say.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { DEPLOY, ran, tool } from './tools.mjs';

const compose = (files, environment) => {
  const named = files.flatMap((file) => ['--file', join(DEPLOY, file)]);
  return ran([tool('docker-compose'), ...named, 'config', '--format', 'json'], { environment });
};

async function config(files, environment) {
  const { code, output } = await compose(files, environment);
  assert.equal(code, 0, output);
  return JSON.parse(output);
}

test('the server runs without rights, and gets the time to stop that it needs', async () => {
  const { services, volumes } = await config(['compose.yaml']);
  const server = services.groundswell;
  assert.deepEqual(Object.keys(services), ['groundswell']);
  assert.equal(server.read_only, true);
  assert.deepEqual(server.cap_drop, ['ALL']);
  assert.deepEqual(server.security_opt, ['no-new-privileges:true']);
  assert.equal(server.stop_grace_period, '45s');
  assert.equal(server.ports[0].host_ip, '127.0.0.1', 'without TLS it is for this machine alone');
  assert.deepEqual(server.volumes.map(({ source, target }) => [source, target]), [['data', '/var/lib/groundswell']]);
  assert.ok('data' in volumes);
});

test('with PostgreSQL it waits for the database, whose password it is not given in a URL', async () => {
  const files = ['compose.yaml', 'compose.postgres.yaml'];
  const without = await compose(files);
  assert.notEqual(without.code, 0);
  assert.match(without.output, /choose a password for the database/);
  const { services } = await config(files, { POSTGRES_PASSWORD: 'p/ss@word' });
  const { environment, depends_on: needs } = services.groundswell;
  assert.equal(environment.GROUNDSWELL_DATABASE_URL, 'postgres://groundswell@database:5432/groundswell');
  assert.equal(environment.PGPASSWORD, 'p/ss@word');
  assert.equal(needs.database.condition, 'service_healthy');
  assert.equal(services.database.environment.POSTGRES_PASSWORD, 'p/ss@word');
});

test('every variable that the files set is one of the server or of PostgreSQL', async () => {
  const { output: example } = await ran([process.env.GROUNDSWELL_BIN, 'check-config', '--example']);
  const { services } = await config(['compose.yaml', 'compose.postgres.yaml'], { POSTGRES_PASSWORD: 'x' });
  for (const name of Object.keys(services.groundswell.environment)) {
    assert.ok(name === 'PGPASSWORD' || example.includes(`(${name})`), name);
  }
});
