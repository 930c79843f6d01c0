"""Receives webhooks with nothing but Python 3.9 or newer:

    WEBHOOK_SECRET='your webhook secret' PORT=8080 python3 receiver.py
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ.get("WEBHOOK_SECRET") or sys.exit("set WEBHOOK_SECRET to your secret")
MAX_BODY_BYTES = 5 * 1024 * 1024  # An event has 4 MiB at most.
TOLERANCE_S = 5 * 60


class Receiver(BaseHTTPRequestHandler):
    timeout = 30  # Seconds without a byte, after which the connection is closed.

    def do_POST(self):
        self.send_response(self.receive())
        self.end_headers()

    def receive(self):
        """Takes a webhook, and returns the status to answer with."""
        length = int(self.headers.get("content-length", -1))
        if not 0 <= length <= MAX_BODY_BYTES:
            return 413
        body = self.rfile.read(length)  # The bytes as they came, since they are what is signed.
        if not is_genuine(self.headers, body):
            return 401
        key = event_id(self.headers, body)
        if not key:
            return 400
        event = json.loads(body)["event"]
        what = f"event={event}" if store(key, body) else "duplicate"
        print(f"{what} id={key}", flush=True)
        return 204


def is_genuine(headers, body):
    """Each request has two signatures, and one is enough."""
    product, standard = headers.get("growsurf-signature"), headers.get("webhook-signature")
    checks = []
    if product is not None:
        checks.append(is_product_signature(product, body))
    if standard is not None:
        webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        checks.append(is_standard_signature(standard, webhook_id, timestamp, body))
    return len(checks) > 0 and all(checks)


def event_id(headers, body):
    """By what a repeat is known.

    Only the standard signature covers the id: without it, anybody could send a copy again under
    another id, so the body's hash is the key.
    """
    if "webhook-signature" in headers:
        return headers.get("webhook-id")
    return "body-" + hashlib.sha256(body).hexdigest()


def is_product_signature(header, body):
    """`GrowSurf-Signature: ts=<Unix ms>,v=<hex>`, and another `v=` while an old secret is valid."""
    ts, *digests = [part.partition("=")[2] for part in header.split(",")]
    wanted = hmac.new(SECRET.encode(), f"{ts}.".encode() + body, hashlib.sha256).hexdigest()
    return is_fresh(ts, 1000) and any(is_same(digest, wanted) for digest in digests)


def is_standard_signature(header, webhook_id, timestamp, body):
    """`webhook-signature: v1,<base64>`, one for each valid secret; see standardwebhooks.com."""
    key = base64.b64decode(SECRET[6:]) if SECRET.startswith("whsec_") else SECRET.encode()
    digest = hmac.new(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(digest).decode()
    return is_fresh(timestamp, 1) and any(is_same(entry, wanted) for entry in header.split(" "))


def is_fresh(timestamp, per_second):
    """An old request may be a copy that somebody sends again."""
    try:
        return abs(int(time.time() * per_second) - int(timestamp)) <= TOLERANCE_S * per_second
    except ValueError:
        return False


def is_same(given, wanted):
    """In constant time, so that nobody can find a signature out byte by byte."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def database():
    return closing(sqlite3.connect("events.db", timeout=10))


def store(key, body):
    """Keeps the event, and tells whether it is new: the id is the primary key.

    Change your own tables in the same transaction. Slow work, such as sending e-mail, comes
    after the answer.
    """
    with database() as db, db:
        insert = "INSERT INTO events (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING"
        return db.execute(insert, (key, body)).rowcount == 1


with database() as db, db:
    db.execute("CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, body BLOB NOT NULL)")
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 8080))), Receiver)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
