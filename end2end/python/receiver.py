"""A receiver of webhooks: keeps what it gets, and checks signatures by itself."""

import hashlib
import hmac
import threading
import time
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNATURES = ("GrowSurf-Signature", "webhook-signature")


class Receiver:
    """Answers each path as it was told to with `answers`, and 200 otherwise."""

    def __init__(self):
        self.requests = []
        self.answers = {}
        self.slow_paths = set()
        self._may_answer = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.requests.append((self.path, self.headers, body))
                if self.path in receiver.slow_paths:
                    receiver._may_answer.wait()
                self.send_response(receiver.answers.get(self.path, 200))
                self.send_header("content-length", "0")
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_):
                """A sender that hung up while it waited is part of some tests."""

        self._listener = Listener(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self._listener.server_port}{path}"

    def last(self, path):
        """Headers and body of the newest request to this path."""
        return next((headers, body) for at, headers, body in reversed(self.requests) if at == path)

    def close(self):
        self._may_answer.set()
        self._listener.shutdown()
        self._listener.server_close()


def verify(headers, body, secret):
    """Both signatures over the bytes as they came."""
    ts, v = (part.split("=", 1) for part in headers["GrowSurf-Signature"].split(",")[:2])
    assert (ts[0], v[0]) == ("ts", "v"), headers["GrowSurf-Signature"]
    wanted = hmac.new(secret.encode(), f"{ts[1]}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(v[1], wanted), "GrowSurf-Signature does not fit"
    assert abs(time.time() - int(ts[1]) / 1000) < 300, "GrowSurf-Signature is not of now"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{b64encode(digest).decode()}", "webhook-signature does not fit"
