// Both signatures of a request, made from their description and not with the product's code.
import { createHmac } from 'node:crypto';

/** The digest of the product's own scheme. */
export const productDigest = (secret, ts, body) =>
  createHmac('sha256', secret).update(`${ts}.`).update(body).digest('hex');

/** The digest of Standard Webhooks. */
export function standardDigest(secret, id, timestamp, body) {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret;
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
}

/** What `GrowSurf-Signature` is at `ts`, with a digest of each secret. */
export const productHeader = (ts, body, ...secrets) =>
  [`ts=${ts}`, ...secrets.map((secret) => `v=${productDigest(secret, ts, body)}`)].join(',');

/** What `webhook-signature` is at `timestamp`, with a digest of each secret. */
export const standardHeader = (id, timestamp, body, ...secrets) =>
  secrets.map((secret) => `v1,${standardDigest(secret, id, timestamp, body)}`).join(' ');

/** The headers that Groundswell sends at `ms`, both signatures included. */
export function headersFor(id, body, secret, ms = Date.now()) {
  const timestamp = Math.floor(ms / 1000);
  return {
    'content-type': 'application/json',
    'growsurf-signature': productHeader(ms, body, secret),
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': standardHeader(id, timestamp, body, secret),
  };
}
