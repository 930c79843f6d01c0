// The unit, by a real systemd: in a Debian of its own, which boots in a container with a network of its own, the server is
// installed as the documentation says, and works under all that the unit forbids.
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { Process } from '../../examples/tests/process.mjs';
import { BINARY, DEBIAN, DEPLOY, SITE, asRoot, ran, run, scratch, text, until } from './tools.mjs';

/** Of 10, where less is better: what a service with the network cannot do without. */
const MOST_EXPOSURE = 15;

test('systemd finds nothing wrong with the unit, and little that it exposes', async (test) => {
  const directory = await scratch(test);
  // It wants to see the program that is started.
  const unit = (await text('systemd/groundswell.service')).replaceAll('/opt/groundswell/groundswell', BINARY);
  const file = join(directory, 'groundswell.service');
  await writeFile(file, unit);
  const said = await run(['systemd-analyze', 'verify', '--man=no', file]);
  assert.equal(said.trim(), '');
  await run(['systemd-analyze', 'security', '--offline=true', '--no-pager', `--threshold=${MOST_EXPOSURE}`, file]);
  // The threshold can fail.
  const bare = unit.split('\n').filter((line) => !line.startsWith('SystemCallFilter') && !line.startsWith('Capability'));
  await writeFile(file, bare.join('\n'));
  const weaker = await ran(['systemd-analyze', 'security', '--offline=true', '--no-pager', `--threshold=${MOST_EXPOSURE}`, file]);
  assert.notEqual(weaker.code, 0);
});

/** A busy machine takes a while. */
const BOOT_MS = 120_000;

/** The lines of all commands of a section of the documentation. */
async function commands(name, section) {
  const page = await readFile(fileURLToPath(new URL(`../../crates/docs/text/${name}.md`, import.meta.url)), 'utf8');
  const text = page.split(/^## /m).find((part) => part.split('\n')[0].endsWith(`{#${section}}`));
  return [...text.matchAll(/^```sh.*\n([\s\S]*?)^```/gm)].flatMap(([, lines]) => lines.trim().split('\n'));
}

/** The commands of the documentation that install it, from the directory with what was built. */
async function installing() {
  const lines = await commands('installing', 'systemd');
  assert.equal(lines.shift(), 'cargo xtask build');
  assert.match(lines.pop(), /^journalctl /);
  return lines;
}

/** A Debian that runs, with the source's directory `deploy` and what a build makes in /source. */
class Machine {
  static async start(test) {
    const machine = new Machine();
    const directory = await scratch(test, () => machine.stop());
    const root = join(directory, 'root');
    const source = join(directory, 'source');
    await mkdir(root);
    await mkdir(join(source, 'target/release'), { recursive: true });
    await cp(BINARY, join(source, 'target/release/groundswell'));
    await cp(SITE, join(source, 'target/release/site'), { recursive: true });
    await cp(DEPLOY, join(source, 'deploy'), { recursive: true });
    await run(asRoot('tar', '--extract', '--numeric-owner', '--file', DEBIAN, '--directory', root));
    // Nothing in it outlives the test, so nothing in it waits for the disk.
    const words = ['--quiet', '--register=no', '--keep-unit', '--boot', '--private-network', '--console=pipe', '--suppress-sync=yes'];
    const command = asRoot('systemd-nspawn', ...words, `--directory=${root}`, `--bind-ro=${source}:/source`, '--link-journal=no');
    machine.process = await Process.start(command, { directory });
    machine.leader = await until(() => Machine.#leaderOf(root), 'the first process of the container', {
      state: async () => machine.process.output,
    });
    let said = '';
    await until(async () => {
      said = (await machine.ran('systemctl', 'is-system-running')).output.trim();
      return ['running', 'degraded'].includes(said);
    }, 'the end of its boot', {
      timeoutMs: BOOT_MS,
      state: async () => `(${said})\n${(await machine.ran('systemctl', 'list-jobs')).output}\n${machine.process.output}`,
    });
    return machine;
  }

  /**
   * The first process of a container, whose manager the directory tells from those of others. The manager has another
   * child before it, which prepares the mounts in the namespace of this machine's processes, and is not to be entered.
   */
  static async #leaderOf(root) {
    const of = (number, name) => readFile(`/proc/${number}/${name}`, 'utf8').catch(() => '');
    for (const number of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const words = (await of(number, 'cmdline')).split('\0');
      if (!words[0].endsWith('systemd-nspawn') || !words.includes(`--directory=${root}`)) continue;
      for (const child of (await of(number, `task/${number}/children`)).trim().split(' ').filter(Boolean)) {
        if (/^NSpid:\t\d+\t(?:\d+\t)*1$/m.test(await of(child, 'status'))) return Number(child);
      }
    }
    return null;
  }

  ran(...words) {
    return ran(asRoot('nsenter', `--target=${this.leader}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--', ...words));
  }

  async run(...words) {
    const { code, output } = await this.ran(...words);
    assert.equal(code, 0, `${words.join(' ')}: ${output}\n${await this.log()}`);
    return output.trim();
  }

  async log() {
    return (await this.ran('journalctl', '--unit=groundswell', '--no-pager', '--output=cat')).output;
  }

  /** Runs a script of ours in its network. */
  async script(name, ...words) {
    const script = fileURLToPath(new URL(name, import.meta.url));
    const { code, output } = await ran(asRoot('nsenter', `--target=${this.leader}`, '--net', '--', process.execPath, script, ...words));
    assert.equal(code, 0, `${output}\n${await this.log()}`);
    return output;
  }

  /** Off at once, as nothing in it is to be kept. */
  async stop() {
    if (this.leader) await this.ran('systemctl', '--force', '--force', 'poweroff');
    await this.process?.stop();
  }
}

test('installed as the documentation says, it works under all that the unit forbids', async (test) => {
  const machine = await Machine.start(test);
  const lines = await installing();
  const follow = async (lines) => {
    for (const line of lines) await machine.run('/bin/bash', '-euc', `cd /source; ${line}`);
  };
  const start = lines.findIndex((line) => line.startsWith('systemctl enable'));
  await follow(lines.slice(0, start));
  // The receiver is on the same machine, which nobody may deliver to who was not allowed.
  const allow = 'echo GROUNDSWELL_EGRESS_ALLOW=127.0.0.0/8 >> /etc/groundswell/groundswell.env';
  await machine.run('/bin/bash', '-c', allow);
  await follow(lines.slice(start));
  const health = async () => (await machine.ran('/opt/groundswell/groundswell', 'health')).code === 0;
  await until(health, 'its readiness');
  const property = async (name) => machine.run('systemctl', 'show', '--value', `--property=${name}`, 'groundswell');

  // What the kernel says of the process.
  const status = await machine.run('cat', `/proc/${await property('MainPID')}/status`);
  const of = (name) => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)[1];
  assert.deepEqual([of('CapEff'), of('CapBnd')], ['0000000000000000', '0000000000000000']);
  assert.deepEqual([of('NoNewPrivs'), of('Seccomp')], ['1', '2']);
  assert.ok(Number(of('Uid')) >= 61184, 'a user that exists only meanwhile');
  const limits = await machine.run('cat', `/proc/${await property('MainPID')}/limits`);
  // A container has no more than the machine it is on.
  const files = (text) => Number(/Max open files\s+\d+\s+(\d+)/.exec(text)[1]);
  const most = files(await readFile('/proc/self/limits', 'utf8'));
  assert.equal(files(limits), Math.min(65_536, most));
  assert.match(limits, /Max core file size\s+0\s+0/);

  // Through settings, database, network and signatures: an event arrives.
  const key = await machine.run('cat', '/etc/groundswell/admin-key');
  await machine.script('one-delivery.mjs', key);
  const log = await machine.log();
  assert.doesNotMatch(log, /WARN|ERROR|panicked/, log);
  assert.match(await machine.run('ls', '/var/lib/private/groundswell'), /^groundswell\.db$/m);
  assert.equal((await machine.ran('test', '-e', '/var/lib/private/groundswell/groundswell.db.key')).code, 1, 'the key is the one of the credential');

  // Killed, it comes back by itself; told to stop, it does so in order.
  const before = await property('MainPID');
  await machine.run('/bin/bash', '-c', `kill -KILL ${before}`);
  await until(async () => (await property('MainPID')) !== before && health(), 'its return');
  await machine.script('one-delivery.mjs', key);
  await machine.run('systemctl', 'stop', 'groundswell');
  assert.deepEqual([await property('Result'), await property('ExecMainStatus')], ['success', '0']);
  assert.match(await machine.log(), /stopped/);

  // What root restores, as the documentation says, the service can open.
  const settings = (await commands('operating', 'settings')).slice(0, -1).join('\n');
  const asOperator = (words) => machine.run('/bin/bash', '-euc', `${settings}\n/opt/groundswell/groundswell ${words}`);
  await asOperator('backup /root/g.backup');
  await asOperator('restore /root/g.backup --replace');
  await machine.run('systemctl', 'start', 'groundswell');
  await until(health, 'its readiness on what was restored');
  await machine.script('one-delivery.mjs', key);

  // Installed again, it has its keys and settings still.
  const kept = () => machine.run('/bin/bash', '-c', 'sha256sum /etc/groundswell/*');
  const installed = await kept();
  await follow(lines);
  assert.equal(await kept(), installed);
  await until(health, 'its readiness after the update');
  await machine.script('one-delivery.mjs', key);
});
