"""The hosted product's official client library against our REST API, the real binary and a real receiver.

Started by `cargo xtask test --only python-client`, or by hand with a Python that has growsurf-python 1.16.0:

    GROUNDSWELL_BIN=target/debug/groundswell python end2end/python/test_client.py
"""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

try:
    import growsurf
    from growsurf import Growsurf
except ImportError:
    sys.exit("growsurf-python is not installed here: run `cargo xtask setup`, or `pip install growsurf-python==1.16.0`")

BINARY = os.environ.get("GROUNDSWELL_BIN", str(Path(__file__).parents[2] / "target/debug/groundswell"))
ADMIN_KEY = "the-admin-key-of-the-python-test-is-long-enough"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL = "https://example.com/hook"
START_S = 30


class Receiver:
    """Takes webhooks and keeps them; checks signatures by itself."""

    def __init__(self):
        self.requests = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.requests.append((self.path, self.headers, body))
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"


def verify(headers, body, secret):
    """Both signatures over the bytes as they came."""
    ts, v = (part.split("=", 1) for part in headers["GrowSurf-Signature"].split(",")[:2])
    assert (ts[0], v[0]) == ("ts", "v"), headers["GrowSurf-Signature"]
    wanted = hmac.new(secret.encode(), f"{ts[1]}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(v[1], wanted), "GrowSurf-Signature does not fit"
    assert abs(time.time() - int(ts[1]) / 1000) < 300, "GrowSurf-Signature is not of now"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{b64encode(digest).decode()}", "webhook-signature does not fit"


@contextmanager
def running_server():
    """The binary on a database of its own; yields its URL."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "log.txt")
        environment = {
            "PATH": os.environ["PATH"],
            "GROUNDSWELL_LISTEN": "127.0.0.1:0",
            "GROUNDSWELL_DATABASE_URL": f"sqlite://{directory}/groundswell.db",
            "GROUNDSWELL_ADMIN_KEY": ADMIN_KEY,
            "GROUNDSWELL_EGRESS_ALLOW": "127.0.0.0/8",
        }
        with log.open("w") as output:
            try:
                process = subprocess.Popen([BINARY, "serve"], cwd=directory, env=environment, stdout=output, stderr=output)
            except OSError as error:
                sys.exit(f"{BINARY} does not start ({error}): set GROUNDSWELL_BIN to the server")
        try:
            yield wait_until_ready(process, log)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def wait_until_ready(process, log):
    deadline = time.monotonic() + START_S
    url = None
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"the server ended before it was ready:\n{log.read_text()}")
        for line in log.read_text().splitlines():
            if line.startswith("Groundswell listens on "):
                url = line.removeprefix("Groundswell listens on ")
        try:
            if url and urllib.request.urlopen(f"{url}/readyz").status == 200:
                return url
        except urllib.error.URLError:
            pass
        time.sleep(0.02)
    sys.exit(f"the server was not ready within {START_S} s:\n{log.read_text()}")


def refused(error, call):
    """The error that `call` must fail with."""
    try:
        result = call()
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} was expected, but it returned {result!r}")


class Checks:
    """Each method is a test; its name is what it shows."""

    def __init__(self, url):
        self.url = url
        self.client = self.client_with(ADMIN_KEY)
        self.receiver = Receiver()

    def client_with(self, key):
        # Strict: an answer that is not of the documented form is an error.
        return Growsurf(base_url=f"{self.url}/v2", api_key=key, max_retries=0, _strict_response_validation=True)

    def program(self):
        return self.client.campaign.create(type="REFERRAL", name="Pied Piper").id

    def a_campaign_is_created_read_and_listed(self):
        campaigns = self.client.campaign
        made = campaigns.create(type="AFFILIATE", name="Hooli", currency_iso="EUR", company_name="Hooli Inc.")
        assert (made.type, made.name, made.currency_iso) == ("AFFILIATE", "Hooli", "EUR"), made
        counters = (made.participant_count, made.referral_count, made.impression_count, made.invite_count, made.winner_count)
        assert counters == (0, 0, 0, 0, 0), made
        assert made.rewards == []
        assert campaigns.retrieve(made.id) == made
        assert made in campaigns.list().campaigns

    def a_campaign_is_renamed_started_and_ended(self):
        campaigns = self.client.campaign
        id = self.program()
        assert campaigns.update(id, name="Aviato").name == "Aviato"
        for status in ("IN_PROGRESS", "COMPLETE"):
            assert campaigns.update(id, status=status).status == status
        refused(growsurf.BadRequestError, lambda: campaigns.update(id, status="DELETED"))

    def a_program_has_five_webhooks_and_the_sixth_is_refused(self):
        webhooks = self.client.campaign.webhooks
        id = self.program()
        made = [webhooks.create(id, payload_url=f"{URL}/{number}") for number in range(5)]
        assert made[0].id == "primary"
        assert len({webhook.id for webhook in made}) == 5
        assert all(webhook.events == [] for webhook in made), "without events subscribed to none"
        error = refused(growsurf.APIStatusError, lambda: webhooks.create(id, payload_url=URL))
        assert 400 <= error.status_code < 500 and "5" in error.body["message"], error.body
        assert webhooks.list(id).webhooks == made

    def a_webhook_is_changed_piece_by_piece(self):
        webhooks = self.client.campaign.webhooks
        id = self.program()
        made = webhooks.create(id, payload_url=URL, events=["NEW_PARTICIPANT_ADDED"], is_enabled=True, secret=SECRET)
        assert (made.failure_count, made.last_failure_at, made.auto_disabled_due_to_failures) == (0, None, False)
        changed = webhooks.update("primary", id=id, events=["CAMPAIGN_ENDED", "NEW_PARTICIPANT_ADDED"])
        assert changed.events == ["CAMPAIGN_ENDED", "NEW_PARTICIPANT_ADDED"]
        assert webhooks.update("primary", id=id, is_enabled=False).is_enabled is False
        assert webhooks.update("primary", id=id, payload_url=f"{URL}/other").payload_url == f"{URL}/other"
        assert webhooks.update("primary", id=id, secret="").events == changed.events
        assert SECRET[6:] not in webhooks.with_raw_response.list(id).text()

    def a_deleted_webhook_is_gone_and_primary_is_free_again(self):
        webhooks = self.client.campaign.webhooks
        id = self.program()
        webhooks.create(id, payload_url=URL)
        second = webhooks.create(id, payload_url=URL)
        gone = webhooks.delete("primary", id=id)
        assert (gone.id, gone.success) == ("primary", True)
        assert webhooks.list(id).webhooks == [second]
        refused(growsurf.NotFoundError, lambda: webhooks.delete("primary", id=id))
        assert webhooks.create(id, payload_url=URL).id == "primary"

    def a_test_delivery_arrives_and_verifies(self):
        webhooks = self.client.campaign.webhooks
        id = self.program()
        webhooks.create(id, payload_url=self.receiver.url("/test"), events=["CAMPAIGN_ENDED"], secret=SECRET)
        result = webhooks.test("primary", id=id)
        assert (result.success, result.response.status_code) == (True, 200), result
        path, headers, body = self.receiver.requests[-1]
        assert path == "/test"
        assert json.loads(body) == result.payload, "the payload is the body that was sent"
        assert result.payload["event"] == "CAMPAIGN_ENDED"
        verify(headers, body, SECRET)
        chosen = webhooks.test("primary", id=id, event="NEW_PARTICIPANT_ADDED")
        assert chosen.payload["event"] == "NEW_PARTICIPANT_ADDED"

    def a_test_that_fails_is_an_answer_and_not_an_error(self):
        webhooks = self.client.campaign.webhooks
        id = self.program()
        webhooks.create(id, payload_url=self.receiver.url("/test"), events=["CAMPAIGN_ENDED"])
        self.receiver.status = 500
        try:
            result = webhooks.test("primary", id=id)
        finally:
            self.receiver.status = 200
        assert (result.success, result.response.status_code) == (False, 500), result
        webhooks.update("primary", id=id, payload_url="http://127.0.0.1:1/")
        result = webhooks.test("primary", id=id)
        assert result.success is False and result.response.msg, result
        assert webhooks.list(id).webhooks[0].failure_count == 0, "a test counts nothing"
        webhooks.update("primary", id=id, events=[])
        refused(growsurf.BadRequestError, lambda: webhooks.test("primary", id=id))

    def errors_are_those_the_client_knows(self):
        webhooks = self.client.campaign.webhooks
        refused(growsurf.NotFoundError, lambda: self.client.campaign.retrieve("nosuchprogram"))
        refused(growsurf.AuthenticationError, self.client_with("wrong").campaign.list)
        id = self.program()
        error = refused(growsurf.BadRequestError, lambda: webhooks.create(id, payload_url="ftp://example.com"))
        for key in ("name", "code", "message", "status", "timestamp", "supportUrl"):
            assert key in error.body, error.body
        refused(growsurf.BadRequestError, lambda: webhooks.create(id, payload_url="http://10.0.0.1/"))

    def an_api_key_works_like_the_admin_key_until_it_is_deleted(self):
        made = self.client.post("/api-keys", cast_to=object, body={"name": "python"})
        client = self.client_with(made["key"])
        raw = client.campaign.with_raw_response.list()
        assert raw.parse().campaigns is not None
        for window in ("Second", "Minute", "Hour"):
            for what in ("Limit", "Remaining"):
                assert int(raw.headers[f"GrowSurf-RateLimit-{window}-{what}"]) >= 0
        self.client.delete(f"/api-keys/{made['id']}", cast_to=object)
        refused(growsurf.AuthenticationError, client.campaign.list)


def main():
    print(f"growsurf-python {growsurf.__version__} against {BINARY}")
    passed, failed = 0, 0
    with running_server() as url:
        checks = Checks(url)
        names = [name for name, kind in vars(Checks).items() if callable(kind) and not name.startswith("_")]
        for name in names:
            if name in ("client_with", "program"):
                continue
            try:
                getattr(checks, name)()
            except Exception:
                traceback.print_exc()
                failed += 1
                print(f"FAILED  {name.replace('_', ' ')}")
            else:
                passed += 1
                print(f"ok      {name.replace('_', ' ')}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
