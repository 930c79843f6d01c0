"""An internal points system: credits for every referral reward, each exactly once, in an SQLite database.

WEBHOOK_SECRET='your webhook secret' python3 app.py

`POST /webhooks` takes a program's events, `GET /` shows the balances, `GET /balances` gives them as JSON.
"""

import base64
import hashlib
import hmac
import html
import json
import os
import re
import sqlite3
import sys
import time
import traceback
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ.get("WEBHOOK_SECRET", "")
DATABASE = os.environ.get("DATABASE", "points.db")
POINTS_OF_REFERRER = int(os.environ.get("POINTS_OF_REFERRER", "100"))
POINTS_OF_FRIEND = int(os.environ.get("POINTS_OF_FRIEND", "50"))
TOLERANCE_S = 5 * 60
MAX_BODY_BYTES = 8 * 1024 * 1024

SCHEMA = """
PRAGMA journal_mode = WAL;
-- What was dealt with already, by webhook-id.
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, received_at TEXT DEFAULT CURRENT_TIMESTAMP);
-- Who has points. In your product these are your users.
CREATE TABLE IF NOT EXISTS accounts (
    participant_id TEXT PRIMARY KEY,
    email TEXT,
    as_of INTEGER NOT NULL -- when the event happened that said so, in Unix milliseconds
);
-- A row for each reward and each person who earned it: a balance is a sum, so nothing can be added to it twice.
CREATE TABLE IF NOT EXISTS credits (
    reward_id TEXT NOT NULL, -- the EarnedReward's id, prew_…
    participant_id TEXT NOT NULL REFERENCES accounts,
    points INTEGER NOT NULL,
    is_approved INTEGER NOT NULL, -- 0 while somebody still has to approve the reward
    PRIMARY KEY (reward_id, participant_id)
);
"""
BALANCES = """
SELECT accounts.participant_id AS participantId, email,
    SUM(points * is_approved) AS points, SUM(points * (1 - is_approved)) AS pending
FROM accounts JOIN credits USING (participant_id)
GROUP BY accounts.participant_id ORDER BY points DESC, accounts.participant_id
"""


def database():
    """A connection, with which a commit is on disk when it returns: only then may we answer 2xx."""
    connection = sqlite3.connect(DATABASE, timeout=10, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.executescript("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
    return connection


def take(event_id, event):
    """Does what an event says, unless that was done before: both are one transaction."""
    with closing(database()) as db:
        db.execute("BEGIN IMMEDIATE")  # From here on, a second delivery of the same event waits for this one.
        with db:
            is_new = db.execute("INSERT INTO events (id) VALUES (?) ON CONFLICT DO NOTHING", (event_id,)).rowcount
            if is_new and event["event"] == "PARTICIPANT_REACHED_A_GOAL":
                credit(db, event["data"]["participant"], event["data"]["reward"], event["createdAt"])


def credit(db, participant, reward, happened_at):
    """Books a reward for whoever earned it. Of a double-sided reward, referrer and friend have an event each."""
    points = POINTS_OF_FRIEND if reward.get("isReferrer") is False else POINTS_OF_REFERRER
    db.execute(
        "INSERT INTO accounts VALUES (?, ?, ?) ON CONFLICT (participant_id)"
        " DO UPDATE SET email = excluded.email, as_of = excluded.as_of"
        " WHERE excluded.email IS NOT NULL AND (email IS NULL OR excluded.as_of > as_of)",
        (participant["id"], participant.get("email"), happened_at),
    )
    # A reward that is approved by hand comes twice, as pending and as approved, in either order. Approved is final.
    db.execute(
        "INSERT INTO credits VALUES (?, ?, ?, ?)"
        " ON CONFLICT (reward_id, participant_id) DO UPDATE SET is_approved = 1 WHERE excluded.is_approved",
        (reward["id"], participant["id"], points, reward.get("approved") is True),
    )


def genuine_id(headers, body):
    """The id of the event if the request is genuine, else None. Each signature that is there must be right."""
    event_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    standard = headers.get("webhook-signature")  # v1,<base64>, one for each secret that is valid
    if standard is not None:
        key = base64.b64decode(SECRET[6:]) if SECRET.startswith("whsec_") else SECRET.encode()
        wanted = base64.b64encode(mac(key, f"{event_id}.{at}.", body).digest()).decode()
        if not is_fresh(at, 1) or not is_one_of(f"v1,{wanted}", standard.split(" ")):
            return None
    product = headers.get("GrowSurf-Signature")  # ts=<Unix ms>,v=<hex>, and a second v= while an old secret is valid
    if product is not None:
        ts, *given = product.split(",")
        at = ts.removeprefix("ts=")
        if not is_fresh(at, 1000) or not is_one_of("v=" + mac(SECRET.encode(), f"{at}.", body).hexdigest(), given):
            return None
    if standard is not None:
        return event_id
    # The other scheme does not sign an id; the bytes are the same in every attempt, so their hash will do.
    return None if product is None else hashlib.sha256(body).hexdigest()


def mac(key, prefix, body):
    return hmac.new(key, prefix.encode() + body, hashlib.sha256)


def is_fresh(text, units_in_a_second):
    return re.fullmatch("[0-9]{1,15}", text) and abs(time.time() - int(text) / units_in_a_second) <= TOLERANCE_S


def is_one_of(wanted, given):
    return any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if self.path != "/webhooks" or not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True  # The body stays unread.
            return self.answer(404 if self.path != "/webhooks" else 413)
        body = self.rfile.read(int(length))
        event_id = genuine_id(self.headers, body)
        if event_id is None:
            return self.answer(401, b"The signature is missing or wrong, or too old.\n")
        if event_id.startswith("test_"):  # The Test button of the Program Editor: nobody has earned anything.
            return self.answer(200, b"A test: nothing was credited.\n")
        try:
            take(event_id, json.loads(body))
        except Exception:  # Whatever went wrong, nothing was committed, and the event will be sent again.
            traceback.print_exc()
            return self.answer(500, b"This was not stored; send it again.\n")
        return self.answer(204)

    def do_GET(self):
        if self.path not in ("/", "/balances"):
            return self.answer(404)
        with closing(database()) as db:
            balances = [dict(row) for row in db.execute(BALANCES)]
        if self.path == "/balances":
            return self.answer(200, json.dumps({"balances": balances}).encode(), "application/json")
        return self.answer(200, page(balances).encode(), "text/html; charset=utf-8")

    def answer(self, status, body=b"", content_type="text/plain; charset=utf-8"):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def page(balances):
    """The balances as a page."""
    row = '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>'
    rows = [row.format(html.escape(b["email"] or b["participantId"]), b["points"], b["pending"]) for b in balances]
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Points</title>
<style>body {{ font: 1rem/1.5 sans-serif; margin: 2rem }} th, td {{ padding-right: 2rem; text-align: left }}</style>
<main><h1>Points</h1>
<table>
<caption>What referrals have earned</caption>
<thead><tr><th scope="col">User</th><th scope="col">Points</th><th scope="col">Waiting for approval</th></tr></thead>
<tbody>{"".join(rows) or '<tr><td colspan="3">Nobody has earned points yet.</td></tr>'}</tbody>
</table>
</main>
"""


def main():
    if not SECRET:
        sys.exit("Set WEBHOOK_SECRET to the secret of your webhook: without one, anybody could make up rewards.")
    with closing(database()) as db:
        db.executescript(SCHEMA)
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080")))
    ThreadingHTTPServer.request_queue_size = 128  # Deliveries come many at a time.
    with ThreadingHTTPServer(address, Handler) as server:
        print(f"The points system listens on http://{address[0]}:{server.server_port}/", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
