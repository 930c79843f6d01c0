// The whole way, as a person goes it: from a sign-in link to an event that arrived, verified, and stands in the log.
import { alive, expect, panel, said, test } from '../fixtures.mjs';
import { problems } from '../receiver.mjs';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

// A link that was used up is tried again.
test.use({ expectedComplaints: [[/status of 409 \(Conflict\) \(\S+\/sign-in\)/], { option: true }] });

test('from a sign-in link to a delivered, verified and logged event', async ({ browser, context, server, receiver }) => {
  const page = await context.newPage();

  await test.step('sign in', async () => {
    // This page has no browser half.
    await page.goto(await server.signInLink());
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { name: 'Programs', level: 1 })).toBeVisible();
    await alive(page);
  });

  const program = await test.step('create a program', async () => {
    await expect(page.getByText('No programs yet')).toBeVisible();
    await page.getByLabel('Name').fill('Pied Piper');
    await page.getByRole('radio', { name: /Referral/ }).check();
    await page.getByRole('button', { name: 'Create program' }).click();
    await expect(page.getByRole('heading', { name: 'Pied Piper', level: 1 })).toBeVisible();
    await expect(page.getByRole('heading', { name: 'Set up integrations' })).toBeVisible();
    await alive(page);
    await expect(page.getByText('No webhooks yet')).toBeVisible();
    return /\/programs\/([^/]+)\/options$/.exec(page.url())[1];
  });

  const { add, row, publish, bar } = panel(page);
  const first = row(1);

  await test.step('add a webhook', async () => {
    await page.getByRole('link', { name: 'Webhooks' }).click();
    await expect(page.getByRole('heading', { name: 'Webhooks', level: 2 })).toBeVisible();
    await add.click();
    await expect(first.url).toBeFocused();
    await first.url.fill(receiver.url('/hook'));
    await expect(bar).toContainText(/Draft saved .* · 1 change/);
  });

  await test.step('test it; the result shows in place', async () => {
    await first.test.click();
    await expect(first.self.getByText(/^200 in /)).toBeVisible();
    await expect(first.self.getByText(`Sent to ${receiver.url('/hook')}, not signed`)).toBeVisible();
    const [request] = receiver.requests;
    expect(JSON.parse(request.body).event).toBe('PARTICIPANT_REACHED_A_GOAL');
    expect(request.headers['webhook-id']).toMatch(/^test_/);
    await first.self.getByText('Request', { exact: true }).click();
    await expect(first.self.getByRole('region', { name: 'Request body', exact: true })).toContainText('PARTICIPANT_REACHED_A_GOAL');
    await first.self.getByText('cURL', { exact: true }).click();
    await expect(first.self.getByRole('region', { name: 'cURL command' })).toContainText(receiver.url('/hook'));
  });

  await test.step('a test that fails says why and what to do', async () => {
    receiver.behave('/hook', { status: 404, body: 'no such route' });
    await first.test.click();
    await expect(first.self.getByText(/^404 in /)).toBeVisible();
    await expect(first.self.getByText('Nothing is at this path.')).toBeVisible();
    await expect(first.self.getByText('no such route')).toBeVisible();
    receiver.behave('/hook', {});
  });

  await test.step('choose events', async () => {
    await first.settings.click();
    await first.button('None').click();
    await expect(first.event('NEW_PARTICIPANT_ADDED')).not.toBeChecked();
    await first.event('NEW_PARTICIPANT_ADDED').check();
    await expect(first.self.getByText(/^1 of 4 events/)).toBeVisible();
    // A program of this type has no commissions.
    await expect(first.event('NEW_COMMISSION_ADDED')).toHaveCount(0);
  });

  await test.step('set a secret; it is not shown again', async () => {
    await first.secret.fill(SECRET);
    await first.secret.press('Tab');
    await expect(first.self.getByText('A new secret is saved in this draft.')).toBeVisible();
    await expect(first.secret).toHaveValue('');
    receiver.forget();
    await first.test.click();
    await expect(first.self.getByText('signed with the secret of this row')).toBeVisible();
    expect(problems(receiver.requests[0], SECRET)).toEqual([]);
    expect(JSON.parse(receiver.requests[0].body).event).toBe('NEW_PARTICIPANT_ADDED');
  });

  await test.step('nothing is live before it is published', async () => {
    expect((await server.call('GET', `/campaign/${program}/webhooks`)).webhooks).toEqual([]);
  });

  await test.step('publish', async () => {
    await publish.click();
    await expect(said(page, /^Published\./)).toBeVisible();
    await expect(bar).toContainText('Everything is published');
    const { webhooks } = await server.call('GET', `/campaign/${program}/webhooks`);
    expect(webhooks).toMatchObject([
      { id: 'primary', payloadUrl: receiver.url('/hook'), events: ['NEW_PARTICIPANT_ADDED'], isEnabled: true },
    ]);
  });

  const event = await test.step('an event arrives, and verifies in all three ways', async () => {
    receiver.forget();
    const id = await server.join(program, 'gavin', { firstName: 'Gåvin\u2028😀', score: 1.5, 10: 'ten', metadata: {} });
    const arrived = await receiver.waitFor(({ headers }) => headers['webhook-id'] === id);
    expect(problems(arrived, SECRET)).toEqual([]);
    expect(JSON.parse(arrived.body).data).toMatchObject({ id: 'gavin', firstName: 'Gåvin\u2028😀', score: 1.5, 10: 'ten' });
    return id;
  });

  await test.step('the log shows it', async () => {
    await page.getByRole('link', { name: 'Delivery log' }).click();
    const line = page.getByRole('row', { name: /New participant added/ });
    await expect(line).toHaveCount(1);
    await expect(line).toContainText('Delivered');
    await expect(line).toContainText('primary');
    await expect(line).toContainText('200');
    await alive(page);
    await line.getByRole('link').click();
    const side = page.getByRole('complementary', { name: 'New participant added' });
    await expect(side).toContainText(event);
    await expect(side.getByRole('region', { name: 'Body of the event', exact: true })).toContainText('gavin@example.com');
    await expect(side.getByText('#1')).toBeVisible();
    await expect(page).toHaveURL(/[?&]delivery=dlv_/);
  });

  await test.step('the secret is nowhere to be read', async () => {
    for (const path of ['/options/webhooks', '/deliveries']) {
      await page.goto(`${server.url}/programs/${program}${path}`);
      expect(await page.content()).not.toContain(SECRET.slice(6));
    }
    expect(server.log).not.toContain(SECRET.slice(6));
  });

  await test.step('sign out', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
    const answer = await page.request.get(`${server.url}/programs/${program}/options/webhooks`);
    expect(await answer.text()).not.toContain(receiver.url('/hook'));
  });

  await test.step('a link works once', async () => {
    const link = await server.signInLink();
    const use = async () => {
      const fresh = await browser.newContext({ javaScriptEnabled: false });
      const visitor = await fresh.newPage();
      await visitor.goto(link);
      await visitor.getByRole('button', { name: 'Sign in' }).click();
      const heading = await visitor.getByRole('heading', { level: 1 }).textContent();
      await fresh.close();
      return heading;
    };
    expect([await use(), await use()]).toEqual(['Programs', 'Sign in']);
  });
});

test('a receiver that is down: the log shows retrying, then delivered, by itself', async ({ page, server, receiver }) => {
  const { id: program } = await server.call('POST', '/campaigns', { type: 'REFERRAL', name: 'Hooli' });
  await server.call('POST', `/campaign/${program}/webhooks`, {
    payloadUrl: receiver.url('/hook'), events: ['NEW_PARTICIPANT_ADDED'], secret: SECRET,
  });
  receiver.behave('/hook', { status: 503, body: 'down for maintenance' });
  await page.open(`/programs/${program}/deliveries`);
  await expect(page.getByText('No deliveries yet')).toBeVisible();
  const event = await server.join(program, 'richard');

  const line = page.getByRole('row', { name: /New participant added/ });
  await expect(line).toContainText('Retrying');
  await expect(line).toContainText('503');
  await line.getByRole('link').click();
  const side = page.getByRole('complementary', { name: 'New participant added' });
  await expect(side.getByText('#1', { exact: true })).toBeVisible();
  await expect(side.getByText('Next attempt')).toBeVisible();
  await expect(side.getByText('#3', { exact: true })).toBeVisible();
  // That of the first attempt: those of new ones come behind it.
  await side.getByText('Answer', { exact: true }).first().click();
  await expect(side.getByText('down for maintenance').first()).toBeVisible();

  receiver.behave('/hook', {});
  await expect(line).toContainText('Delivered');
  await expect(side.getByRole('status').getByText('Delivered')).toBeVisible();
  const arrived = receiver.at('/hook').filter(({ headers }) => headers['webhook-id'] === event);
  expect(arrived.length).toBeGreaterThan(3);
  expect(arrived.map(({ status }) => status === 200)).toEqual([...arrived.slice(1).map(() => false), true]);
  for (const request of arrived) {
    expect(problems(request, SECRET)).toEqual([]);
    expect(request.body.equals(arrived[0].body)).toBe(true);
  }
});
