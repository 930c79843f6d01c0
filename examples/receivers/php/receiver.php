<?php
// Receives webhooks with PHP 8 and SQLite:
//
//   WEBHOOK_SECRET='your webhook secret' php -S 127.0.0.1:8080 receiver.php

declare(strict_types=1);

const MAX_BODY_BYTES = 5 * 1024 * 1024; // An event has 4 MiB at most.
const TOLERANCE_MS = 5 * 60 * 1000;

ini_set('display_errors', '0'); // They go to the log, and not to whoever sent the request.
http_response_code(500); // It stays that if something goes wrong: not taken, so it is sent again.
http_response_code(receive());

/** Takes a webhook, and returns the status to answer with. */
function receive(): int
{
    $secret = getenv('WEBHOOK_SECRET');
    if (!$secret) {
        throw new Exception('set WEBHOOK_SECRET to the secret of your webhook');
    }
    // The bytes as they came, since they are what is signed.
    $body = file_get_contents('php://input', length: MAX_BODY_BYTES + 1);
    if (strlen($body) > MAX_BODY_BYTES) {
        return 413;
    }
    if (!isGenuine($secret, $body)) {
        return 401;
    }
    $id = eventId($body);
    if ($id === '') {
        return 400;
    }
    $event = json_decode($body, associative: true, flags: JSON_THROW_ON_ERROR)['event'];
    $line = store($id, $body) ? "event=$event id=$id" : "duplicate id=$id";
    file_put_contents('php://stdout', "$line\n");
    return 204;
}

function headerValue(string $name): ?string
{
    return $_SERVER['HTTP_' . strtoupper(strtr($name, '-', '_'))] ?? null;
}

/** Each request has two signatures, and one is enough. */
function isGenuine(string $secret, string $body): bool
{
    [$product, $standard] = [headerValue('growsurf-signature'), headerValue('webhook-signature')];
    return ($product !== null || $standard !== null)
        && ($product === null || isProductSignature($product, $secret, $body))
        && ($standard === null || isStandardSignature($standard, $secret, $body));
}

/**
 * By what a repeat is known. Only the standard signature covers the id: without it, anybody could
 * send a copy again under another id, so the body's hash is the key.
 */
function eventId(string $body): string
{
    $isIdSigned = headerValue('webhook-signature') !== null;
    return $isIdSigned ? headerValue('webhook-id') ?? '' : 'body-' . hash('sha256', $body);
}

/** `GrowSurf-Signature: ts=<Unix ms>,v=<hex>`, with another `v=` while an old secret is valid. */
function isProductSignature(string $header, string $secret, string $body): bool
{
    $values = array_map(fn ($part) => explode('=', $part, 2)[1] ?? '', explode(',', $header));
    $ts = array_shift($values);
    $wanted = hash_hmac('sha256', "$ts.$body", $secret);
    return isFresh((float) $ts) && hasAny($values, $wanted);
}

/** `webhook-signature: v1,<base64>`, one for each valid secret; see standardwebhooks.com. */
function isStandardSignature(string $header, string $secret, string $body): bool
{
    [$id, $timestamp] = [headerValue('webhook-id'), headerValue('webhook-timestamp')];
    $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6)) : $secret;
    $wanted = base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, binary: true));
    return isFresh((float) $timestamp * 1000) && hasAny(explode(' ', $header), "v1,$wanted");
}

/** An old request may be a copy that somebody sends again. */
function isFresh(float $ms): bool
{
    return abs(microtime(true) * 1000 - $ms) <= TOLERANCE_MS;
}

/** In constant time, so that nobody can find a signature out byte by byte. */
function hasAny(array $given, string $wanted): bool
{
    return array_filter($given, fn ($signature) => hash_equals($wanted, $signature)) !== [];
}

/**
 * Keeps the event, and tells whether it is new: the id is the primary key. Change your own tables
 * in the same transaction. Slow work, such as sending e-mail, comes after the answer.
 */
function store(string $id, string $body): bool
{
    // A file must lie where the web server gives it to nobody.
    $db = new PDO('sqlite:events.db', options: [PDO::ATTR_TIMEOUT => 10]);
    $db->exec('CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, body TEXT NOT NULL)');
    $insert = $db->prepare('INSERT INTO events (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING');
    $insert->execute([$id, $body]);
    return $insert->rowCount() === 1;
}
