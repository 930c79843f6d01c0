// A real mail server (SMTP) as a process of its own. Prints where it listens, then a line of JSON for each letter it takes.
//
// PORT, or a free one. USER and PASSWORD, if it is to ask for them. KEY and CERT, files, if it is to speak TLS: from the first
// byte with TLS=1, else by STARTTLS. A letter to an address that begins with `refused`, `policy` or `later` is not taken.
import { readFile } from 'node:fs/promises';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';

const { PORT = '0', USER, PASSWORD, KEY, CERT, TLS } = process.env;

const error = (responseCode, message) => Object.assign(new Error(message), { responseCode });

const say = (said) => process.stdout.write(`${JSON.stringify(said)}\n`);

async function read(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

const server = new SMTPServer({
  ...(KEY && { key: await readFile(KEY), cert: await readFile(CERT) }),
  secure: TLS === '1',
  authOptional: !USER,
  disabledCommands: [...(KEY ? [] : ['STARTTLS']), ...(USER ? [] : ['AUTH'])],
  allowInsecureAuth: true,
  onAuth: ({ username, password }, session, done) =>
    username === USER && password === PASSWORD ? done(null, { user: USER }) : done(error(535, 'who is that?')),
  onRcptTo: ({ address }, session, done) => {
    if (address.startsWith('refused')) return done(error(550, `5.1.1 nobody is called ${address}`));
    if (address.startsWith('policy')) return done(error(550, `5.7.1 nothing for ${address}`));
    if (address.startsWith('later')) return done(error(451, `not now, ${address}`));
    done();
  },
  onData: async (stream, session, done) => {
    const raw = await read(stream).catch(({ message }) => say({ trouble: message }));
    // Whoever sent it was killed in the middle of it.
    if (!Buffer.isBuffer(raw)) return;
    const { headers, subject, text, html } = await PostalMime.parse(raw);
    const { mailFrom, rcptTo } = session.envelope;
    say({
      from: mailFrom.address,
      to: rcptTo.map(({ address }) => address),
      headers: Object.fromEntries(headers.map(({ key, value }) => [key, value])),
      names: headers.map(({ key }) => key),
      subject,
      text,
      html,
      secure: session.secure,
      user: session.user ?? null,
    });
    done();
  },
});

server.on('error', ({ message }) => say({ trouble: message }));
server.listen(Number(PORT), '127.0.0.1', () => say({ port: server.server.address().port }));
