// A program as a process: started, listened to, stopped.
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';

const START_MS = 60_000;
const LINE_MS = 20_000;
const STOP_MS = 10_000;

export class Process extends EventEmitter {
  #child;
  #output = '';
  #isClosed = false;
  #name;

  /**
   * Starts `command` in `directory`.
   * @param {string[]} command the program and its arguments
   * @param {{directory: string, environment?: Record<string, string>, remedy?: string}} options `remedy` says what to do
   * if the program is not there
   */
  static async start(command, { directory, environment = {}, remedy = 'run `cargo xtask setup`' }) {
    const process = new Process();
    process.#name = command.join(' ');
    await process.#spawn(command, directory, environment, remedy);
    return process;
  }

  async #spawn([program, ...words], directory, environment, remedy) {
    const { PATH, HOME } = process.env;
    // The encoding of the machine's language would decide what Java reads from the environment.
    const env = { PATH, HOME, LC_ALL: 'C.UTF-8', ...environment };
    this.#child = spawn(program, words, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], env });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.#output += text;
        this.emit('change');
      });
    }
    // After `exit` there may still be output to read.
    this.#child.on('close', () => {
      this.#isClosed = true;
      this.emit('change');
    });
    try {
      await once(this.#child, 'spawn');
    } catch (error) {
      throw new Error(`${program} does not start (${error.code}): ${remedy}`);
    }
  }

  /** Everything it has printed, on both streams. */
  get output() {
    return this.#output;
  }

  /** The lines it has printed so far that are `line`, to the letter. */
  count(line) {
    return this.#output.split('\n').filter((printed) => printed.trimEnd() === line).length;
  }

  /** Waits until it has printed `line`, so many times. */
  async line(line, times = 1) {
    await this.#until(() => this.count(line) >= times, LINE_MS, `${times} × "${line}"`);
  }

  /** Waits until it has printed what matches. */
  async says(pattern) {
    await this.#until(() => pattern.test(this.#output), LINE_MS, `${pattern}`, () => this.#isClosed);
  }

  /** Waits until it says where it listens, and returns that URL. */
  async listening() {
    // PHP's own server says it in its own words.
    const said = /(?:^listening on |Development Server \()(http:\/\/127\.0\.0\.1:\d+)\b/m;
    await this.#until(() => said.test(this.#output), START_MS, 'the line that says where it listens');
    return said.exec(this.#output)[1];
  }

  /** Waits until it has ended by itself and all it printed is here, and returns its exit code. */
  async ended() {
    await this.#until(() => this.#isClosed, START_MS, 'its end', () => false);
    return this.#child.exitCode;
  }

  get #isGone() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #until(isTrue, timeoutMs, what, isOver = () => this.#isGone) {
    const signal = AbortSignal.timeout(timeoutMs);
    while (!isTrue()) {
      const failed = isOver() ? 'ended without' : signal.aborted ? `has not shown in ${timeoutMs} ms` : null;
      if (failed) throw new Error(`\`${this.#name}\` ${failed} ${what}; it printed:\n${this.#output}`);
      await once(this, 'change', { signal }).catch(() => {});
    }
  }

  /** Stops it as an operator would, and waits until it is gone. */
  async stop() {
    if (this.#isGone) return;
    const child = this.#child;
    const gone = once(child, 'close', { signal: AbortSignal.timeout(STOP_MS) });
    child.kill('SIGTERM');
    await gone.catch(() => child.kill('SIGKILL'));
  }
}
