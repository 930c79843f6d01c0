"""The hosted product's official client library against our REST API, the real binary and a real receiver.

Started by `cargo xtask test --only python-client`, or by hand with a Python that has growsurf-python 1.16.0:

    GROUNDSWELL_BIN=target/debug/groundswell python end2end/python/test_client.py

Names of modules as arguments run those alone: `test_webhooks test_errors`.
"""

import logging
import sys
import time
import traceback
import unittest
from pathlib import Path

try:
    import growsurf
except ImportError:
    sys.exit("growsurf-python is not installed here: run `cargo xtask setup`, or `pip install growsurf-python==1.16.0`")

import server

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__))


class Sentences(unittest.TestResult):
    """A line for each test, which is a sentence, and what went wrong at once."""

    passed = 0

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()

    def addSuccess(self, test):
        self.passed += 1
        self._say("ok    ", test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._fail(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self._fail(test, error)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self._fail(subtest, error)

    def addSkip(self, test, reason):
        # What is not run shows nothing.
        self.errors.append((test, reason))
        self._say("FAILED", test)

    def _fail(self, test, error):
        traceback.print_exception(*error)
        self._say("FAILED", test)

    def _say(self, outcome, test):
        case, _, name = test.id().partition(".test_")
        print(f"{outcome}  {case}: {name.replace('_', ' ')} ({time.monotonic() - self._started:.1f} s)", flush=True)


def main(names):
    # The blocking client holds up the event loop that its tests run in, which asyncio would remark on.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    print(f"growsurf-python {growsurf.__version__} against {server.BINARY}")
    result = Sentences()
    unittest.defaultTestLoader.loadTestsFromNames(names or MODULES).run(result)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.passed} passed, {failed} failed")
    sys.exit(1 if failed or not result.passed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
