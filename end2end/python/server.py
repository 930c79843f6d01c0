"""The server's binary, each on a database of its own and on whatever port is free."""

import atexit
import functools
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

BINARY = os.environ.get("GROUNDSWELL_BIN", str(Path(__file__).parents[2] / "target/debug/groundswell"))
ADMIN_KEY = "the-admin-key-of-the-python-test-is-long-enough"
START_S = 30


class Server:
    """Runs until `stop`; `kill` and `start` again keep the data. Settings are those of the environment."""

    def __init__(self, **settings):
        self._directory = tempfile.TemporaryDirectory()
        self.data = Path(self._directory.name)
        self.database = self.data / "groundswell.db"
        self.log = self.data / "log.txt"
        self._environment = {
            "PATH": os.environ["PATH"],
            "GROUNDSWELL_LISTEN": "127.0.0.1:0",
            "GROUNDSWELL_DATABASE_URL": f"sqlite://{self.database}",
            "GROUNDSWELL_ADMIN_KEY": ADMIN_KEY,
            "GROUNDSWELL_EGRESS_ALLOW": "127.0.0.0/8",
            **settings,
        }
        self._process = None
        self.url = None
        self.start()

    def start(self):
        with self.log.open("w") as output:
            try:
                self._process = subprocess.Popen(
                    [BINARY, "serve"], cwd=self.data, env=self._environment, stdout=output, stderr=output
                )
            except OSError as error:
                sys.exit(f"{BINARY} does not start ({error}): set GROUNDSWELL_BIN to the server")
        try:
            self.url = self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self):
        """As an operator does, and its data goes with it."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._directory.cleanup()

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_S
        url = None
        while time.monotonic() < deadline:
            log = self.log.read_text()
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended before it was ready:\n{log}")
            for line in log.splitlines():
                if line.startswith("Groundswell listens on "):
                    url = line.removeprefix("Groundswell listens on ")
            try:
                if url and urllib.request.urlopen(f"{url}/readyz").status == 200:
                    return url
            except urllib.error.URLError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the server was not ready within {START_S} s:\n{self.log.read_text()}")


@functools.cache
def shared():
    """The server of all tests that need no settings of their own."""
    server = Server()
    atexit.register(server.stop)
    return server
