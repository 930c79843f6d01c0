// Checks a captured request, `{"secret", "headers", "body"}` on standard input, with the package standardwebhooks.
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';

const { secret, headers, body } = JSON.parse(readFileSync(0, 'utf8'));
new Webhook(secret).verify(body, headers);
