// A real OpenID provider as a process of its own: oidc-provider, which is certified, on a free port. It asks for a name and
// believes it; `ada` has a verified address. Says its issuer as soon as it listens.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { CLIENT_ID, CLIENT_SECRET, SIGNED_WITH = 'RS256' } = process.env;

const signing = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
}[SIGNED_WITH]();
const key = { ...signing.privateKey.export({ format: 'jwk' }), kid: 'first', use: 'sig', alg: SIGNED_WITH };

const accounts = { ada: { email: 'ada@example.com', email_verified: true, name: 'Ada Lovelace' } };

const page = (uid) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Provider</title>
  <form method="post" action="/interaction/${uid}">
    <label>Name <input name="login" required></label>
    <button>Continue</button> <button formaction="/interaction/${uid}/cancel" formnovalidate>Cancel</button>
  </form></html>`;

async function formOf(request) {
  let text = '';
  for await (const part of request) text += part;
  return new URLSearchParams(text);
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      // Of a native application, so any port will do: our server needs this issuer before it has one (RFC 8252, section 7.3).
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1/sign-in/provider/callback'],
      id_token_signed_response_alg: SIGNED_WITH,
      response_types: ['code'],
      grant_types: ['authorization_code'],
    }],
    jwks: { keys: [key] },
    cookies: { keys: ['of-this-test'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...accounts[accountId] }) }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    // Whoever signs in has agreed.
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on('request', async (request, response) => {
    const [, uid, cancel] = /^\/interaction\/([\w-]+)(\/cancel)?$/.exec(request.url) ?? [];
    if (request.url === '/favicon.ico') return response.writeHead(204).end();
    if (!uid) return answer(request, response);
    if (request.method === 'GET') return response.setHeader('content-type', 'text/html').end(page(uid));
    const login = (await formOf(request)).get('login');
    const result = cancel ? { error: 'access_denied' } : { login: { accountId: login }, consent: {} };
    // It reads the interaction's cookie, whose path is that of the interaction.
    await provider.interactionFinished(request, response, result);
  });
  console.log(`issuer ${issuer}`);
});
