// A product with the webhook settings of Groundswell in one of its pages. Node alone, nothing to install.
import { createServer } from 'node:http';

const GROUNDSWELL = process.env.GROUNDSWELL_URL ?? 'http://127.0.0.1:3000';
const KEY = process.env.GROUNDSWELL_API_KEY;
const PORT = Number(process.env.PORT ?? 8082);

/** Your own: who is signed in here, and which program is theirs. Never take the program from what the browser sends. */
async function visitor(request) {
  return { name: 'Ada of Acme', program: process.env.GROUNDSWELL_PROGRAM };
}

/** A link for one visit: it works once, and for five minutes. */
async function editorLink({ name, program }, theme) {
  const answer = await fetch(`${GROUNDSWELL}/v2/campaign/${program}/editor-link`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ label: name, theme }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${answer.status} ${body.message}`);
  return body;
}

const attribute = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');

const page = (url) => `<!doctype html>
<html lang="en">
<title>Acme: webhooks</title>
<h1>Acme</h1>
<iframe src="${attribute(url)}" title="Webhook settings" allow="clipboard-write" width="100%" height="900"></iframe>
</html>`;

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://host.invalid');
  if (pathname !== '/webhooks') return response.writeHead(404).end();
  try {
    // Your own design decides; what is no theme Groundswell refuses.
    const { url } = await editorLink(await visitor(request), searchParams.get('theme') ?? 'auto');
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(page(url));
  } catch (error) {
    console.error(error);
    response.writeHead(502, { 'content-type': 'text/plain' }).end('The webhook settings cannot be reached.\n');
  }
});

server.listen(PORT, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}/webhooks`));
