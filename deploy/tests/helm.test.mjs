// The chart, by Helm's own library: it lints, and whatever it renders is something that Kubernetes knows.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { DEPLOY, PYTHON, ran, run, text } from './tools.mjs';

const CHART = join(DEPLOY, 'helm/groundswell');

const attempt = (values) => ran([PYTHON, join(DEPLOY, 'tests/render.py'), CHART, JSON.stringify(values), 'hooks-space']);

async function render(values = {}) {
  const { code, output } = await attempt(values);
  assert.equal(code, 0, output);
  const { manifests, notes } = JSON.parse(output);
  const of = (kind) => manifests.find((manifest) => manifest.kind === kind);
  return { kinds: manifests.map(({ kind }) => kind).sort(), of, manifests, notes };
}

/** The documents of a YAML file. */
async function documents(name) {
  const script = 'import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))';
  return JSON.parse(await run([PYTHON, '-c', script], { input: await text(name) }));
}

/** Holds the documents of a YAML file against what Kubernetes knows. */
async function valid(name) {
  const script = 'import sys, yaml, kubernetes_validate as it; [it.validate(one, "1.37", strict=True) for one in yaml.safe_load_all(sys.stdin)]';
  await run([PYTHON, '-c', script], { input: await text(name) });
}

/** The values of a file of the chart. */
const values = async (name) => (await documents(`helm/groundswell/ci/${name}.yaml`))[0];

test('with nothing said it is one pod without rights, with a disk for its SQLite file', async () => {
  const { kinds, of, notes } = await render();
  assert.deepEqual(kinds, ['PodDisruptionBudget', 'Service', 'ServiceAccount', 'StatefulSet']);
  const { replicas, template, volumeClaimTemplates: claims } = of('StatefulSet').spec;
  assert.equal(replicas, 1);
  assert.equal(claims[0].spec.resources.requests.storage, '10Gi');
  const [server] = template.spec.containers;
  assert.deepEqual(server.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  assert.equal(template.spec.securityContext.runAsNonRoot, true);
  assert.equal(template.spec.automountServiceAccountToken, false);
  assert.ok(template.spec.terminationGracePeriodSeconds > 30);
  assert.equal(server.livenessProbe.httpGet.path, '/healthz');
  assert.equal(server.readinessProbe.httpGet.path, '/readyz');
  const { periodSeconds, failureThreshold } = server.startupProbe;
  assert.ok(periodSeconds * failureThreshold >= 3600, 'the upgrade of a large database has its time');
  assert.equal(of('PodDisruptionBudget').spec.maxUnavailable, 1, 'a node can be drained');
  assert.equal(of('Service').metadata.namespace, 'hooks-space');
  assert.match(notes, /publicUrl is not set/);
  assert.match(notes, /a backup needs both/);
});

test('the user of the pod is that of the image, and what it mounts is what the image has', async () => {
  const dockerfile = await text('Dockerfile');
  const { securityContext, containers } = (await render()).of('StatefulSet').spec.template.spec;
  assert.ok(dockerfile.includes(`USER ${securityContext.runAsUser}:${securityContext.runAsGroup}`));
  assert.ok(dockerfile.includes(`VOLUME ["${containers[0].volumeMounts[0].mountPath}"]`));
  assert.ok(dockerfile.includes(`EXPOSE ${containers[0].ports[0].containerPort}`));
  assert.ok(dockerfile.includes(`.version="${/appVersion: "(.*)"/.exec(await text('helm/groundswell/Chart.yaml'))[1]}"`));
});

test('everything that can be said arrives where it belongs', async () => {
  const { kinds, of, notes } = await render(await values('everything'));
  assert.deepEqual(kinds, [
    'Ingress', 'PodDisruptionBudget', 'Service', 'ServiceAccount', 'ServiceMonitor', 'StatefulSet',
  ]);
  const pod = of('StatefulSet').spec.template;
  const [server] = pod.spec.containers;
  const environment = Object.fromEntries(server.env.map(({ name, value }) => [name, value]));
  assert.equal(environment.GROUNDSWELL_PUBLIC_URL, 'https://webhooks.example.com');
  assert.equal(environment.GROUNDSWELL_TRUSTED_PROXIES, '10.0.0.0/8,fd00::/8');
  assert.equal(environment.GROUNDSWELL_ADMIN_KEY_FILE, '/run/secrets/groundswell/admin-key');
  assert.equal(environment.GROUNDSWELL_SECRETS_KEY_FILE, '/run/secrets/groundswell/secrets-key');
  const keys = pod.spec.volumes.find(({ name }) => name === 'keys').projected;
  assert.equal(keys.defaultMode, 0o440, 'others cannot read them, and the server refuses what others can');
  assert.deepEqual(keys.sources.map(({ secret }) => secret.items[0].path), ['admin-key', 'secrets-key']);
  assert.equal(server.image, 'registry.example.com/groundswell:0.1.0');
  assert.equal(server.volumeMounts.find(({ name }) => name === 'backups').mountPath, '/backups');
  const backups = pod.spec.volumes.find(({ name }) => name === 'backups');
  assert.equal(backups.persistentVolumeClaim.claimName, 'groundswell-backups');
  assert.equal(of('Ingress').spec.tls[0].secretName, 'webhooks-tls');
  assert.equal(of('Ingress').spec.rules[0].http.paths[0].backend.service.name, of('Service').metadata.name);
  const monitor = of('ServiceMonitor').spec;
  assert.equal(monitor.endpoints[0].authorization.credentials.name, 'keys');
  const [, job] = /up\{job="(.*)"\}/.exec(await text('prometheus/alerts.yml'));
  assert.equal(of('Service').metadata.labels[monitor.jobLabel], job, 'the alerts would find nobody');
  assert.doesNotMatch(notes, /is not set/);
});

test('a monitor alone collects from a port of its own, which leads nowhere else', async () => {
  const { kinds, of, manifests } = await render({ serviceMonitor: { enabled: true }, service: { type: 'LoadBalancer' } });
  assert.deepEqual(kinds, ['PodDisruptionBudget', 'Service', 'Service', 'ServiceAccount', 'ServiceMonitor', 'StatefulSet']);
  const [endpoint] = of('ServiceMonitor').spec.endpoints;
  assert.equal(endpoint.authorization, undefined);
  const services = manifests.filter(({ kind }) => kind === 'Service');
  const leading = services.filter(({ spec }) => spec.ports.some(({ name }) => name === endpoint.port));
  assert.deepEqual(leading.map(({ spec }) => spec.type), ['ClusterIP']);
  const [server] = of('StatefulSet').spec.template.spec.containers;
  const { containerPort } = server.ports.find(({ name }) => name === leading[0].spec.ports[0].targetPort);
  assert.equal(server.env.find(({ name }) => name === 'GROUNDSWELL_METRICS_LISTEN').value, `0.0.0.0:${containerPort}`);
  // Whoever gives it the admin key needs no other port.
  const withKey = await render({ serviceMonitor: { enabled: true, bearerTokenSecret: { name: 'keys' } } });
  assert.equal(withKey.manifests.filter(({ kind }) => kind === 'Service').length, 1);
  assert.equal(withKey.of('ServiceMonitor').spec.endpoints[0].port, 'http');
});

test('the pods for backups have the volumes that they need, where the server is, and are the same user', async () => {
  const { metadata, spec } = (await render()).of('StatefulSet');
  // There it is the release `hooks`; the documentation installs `groundswell`.
  const named = (text) => text.replace('hooks-', '').replace(/^hooks$/, 'groundswell');
  const { securityContext: user, containers: [server] } = spec.template.spec;
  const files = ['backups', 'shell', 'key', 'restore'];
  for (const file of files) await valid(`kubernetes/${file}.yaml`);
  const [claim, shell, key, job] = (await Promise.all(files.map((file) => documents(`kubernetes/${file}.yaml`)))).flat();
  const restore = job.spec.template;
  assert.equal(job.spec.backoffLimit, 0, 'what has failed is not tried again');
  const claimAt = ({ spec: { volumes, containers: [{ volumeMounts }] } }, path) => {
    const mount = volumeMounts.find(({ mountPath }) => mountPath === path);
    return mount && volumes.find(({ name }) => name === mount.name).persistentVolumeClaim.claimName;
  };
  const data = `${spec.volumeClaimTemplates[0].metadata.name}-${named(metadata.name)}-0`;
  for (const [pod, claims] of [
    [shell, [undefined, claim.metadata.name]],
    [key, [data, undefined]],
    [restore, [data, claim.metadata.name]],
  ]) {
    assert.deepEqual(pod.spec.securityContext, user);
    assert.deepEqual(pod.spec.containers[0].securityContext, server.securityContext);
    assert.deepEqual([server.volumeMounts[0].mountPath, '/backups'].map((path) => claimAt(pod, path)), claims);
  }
  const labels = Object.entries(spec.template.metadata.labels).map(([name, value]) => [name, named(value)]);
  for (const pod of [shell, key]) {
    const [{ topologyKey, labelSelector }] = pod.spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    assert.equal(topologyKey, 'kubernetes.io/hostname');
    for (const label of Object.entries(labelSelector.matchLabels)) {
      assert.ok(labels.some((one) => one.join() === label.join()), `the server has no ${label}`);
    }
  }
  const [{ image, env }] = restore.spec.containers;
  assert.ok(server.image.endsWith(image), `${image} is not ${server.image}`);
  const url = (list) => list.find((one) => one.name === 'GROUNDSWELL_DATABASE_URL').value;
  assert.equal(url(env), url(server.env));
});

test('on PostgreSQL it has no disk, and both of its secrets come from Secrets', async () => {
  const { kinds, of } = await render(await values('postgres'));
  assert.deepEqual(kinds, ['Service', 'ServiceAccount', 'StatefulSet']);
  const { template, volumeClaimTemplates } = of('StatefulSet').spec;
  assert.equal(volumeClaimTemplates, undefined);
  const url = template.spec.containers[0].env.find(({ name }) => name === 'GROUNDSWELL_DATABASE_URL');
  assert.deepEqual(url.valueFrom.secretKeyRef, { name: 'database', key: 'database-url' });
});

test('what cannot be is refused in a sentence', async () => {
  for (const [values, words] of [
    [{ postgres: { enabled: true } }, 'postgres.existingSecret must name a Secret'],
    [{ postgres: { enabled: true, existingSecret: 'a' } }, 'secretsKey.existingSecret must name a Secret'],
    [{ ingress: { enabled: true } }, 'ingress.host must be the name that clients call'],
    [{ replicaCount: 3 }, 'replicaCount'],
    [{ publicUrl: 'webhooks.example.com' }, 'publicUrl'],
    [{ terminationGracePeriodSeconds: 10 }, 'terminationGracePeriodSeconds'],
  ]) {
    const { code, output } = await attempt(values);
    assert.notEqual(code, 0, JSON.stringify(values));
    assert.ok(output.includes(words), `no "${words}" in ${output}`);
  }
});
