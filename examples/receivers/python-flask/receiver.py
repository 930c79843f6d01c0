"""Receives webhooks with Flask:

    pip install -r requirements.txt
    WEBHOOK_SECRET='your webhook secret' PORT=8080 python3 receiver.py

In production, run it with a server such as gunicorn: `gunicorn receiver:app`.
"""

import base64
import hashlib
import hmac
import os
import sqlite3
import sys
import time
from contextlib import closing

from flask import Flask, abort, request
from werkzeug.serving import make_server

SECRET = os.environ.get("WEBHOOK_SECRET") or sys.exit("set WEBHOOK_SECRET to your secret")
TOLERANCE_S = 5 * 60

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 5 * 1024 * 1024  # An event has 4 MiB at most.


@app.post("/")
def receive():
    """Takes a webhook."""
    body = request.get_data()  # The bytes as they came, since they are what is signed.
    if not is_genuine(request.headers, body):
        abort(401)
    key = event_id(request.headers, body) or abort(400)
    event = request.get_json(force=True)["event"]
    what = f"event={event}" if store(key, body) else "duplicate"
    print(f"{what} id={key}", flush=True)
    return "", 204


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

if __name__ == "__main__":
    server = make_server("127.0.0.1", int(os.environ.get("PORT", 8080)), app, threaded=True)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
