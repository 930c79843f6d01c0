import { defineConfig, devices } from '@playwright/test';

// What the browser does by itself, and nothing of it belongs into a test.
const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

export default defineConfig({
  testDir: './tests',
  outputDir: './test-results/runs',
  // Each test has a server, a database and a receiver of its own.
  fullyParallel: true,
  workers: 2,
  // A test that passes only when it is repeated is a failure.
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  // The debug build of the browser half is 14 MB, which a busy machine takes a while to compile.
  timeout: 180_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  use: {
    ...devices['Desktop Chrome'],
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    actionTimeout: 15_000,
    // A fifth of the time all tests take; whoever looks into one has it with `--trace on`.
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
      args: chromiumArguments,
    },
  },
});
