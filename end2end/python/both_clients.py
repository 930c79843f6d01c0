"""What tests share: each is written once and runs with the blocking client and with the asynchronous one."""

import asyncio
import inspect
import json
import time
import unittest

import growsurf

import server
from receiver import Receiver

# What every error of the product has, and of which type.
ERROR_MEMBERS = {"name": str, "code": str, "message": str, "status": int, "timestamp": int, "supportUrl": str}


async def settled(value):
    """The value itself, of whichever client."""
    return await value if inspect.isawaitable(value) else value


class ClientCase(unittest.IsolatedAsyncioTestCase):
    """A client with the admin key for each test. Never run as it is: see `with_both_clients`."""

    client_class = None

    async def asyncSetUp(self):
        self.client = self.client_with()
        self.campaigns = self.client.campaign
        self.webhooks = self.client.campaign.webhooks

    def client_with(self, key=server.ADMIN_KEY, url=None, **settings):
        """Strict: an answer that is not of the documented form is an error. It repeats nothing unless told to."""
        settings = {"max_retries": 0, "_strict_response_validation": True, **settings}
        client = self.client_class(base_url=f"{url or server.shared().url}/v2", api_key=key, **settings)
        self.addAsyncCleanup(close, client)
        return client

    def receiver(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        return receiver

    async def program(self, type="REFERRAL"):
        """The id of a new program."""
        return (await settled(self.campaigns.create(type=type, name="Pied Piper"))).id

    async def until(self, what, found):
        """Waits until `found` finds something, which it returns."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            value = await settled(found())
            if value:
                return value
            time.sleep(0.02)
        self.fail(f"waited in vain until {what}")

    async def refused(self, kind, code, call):
        """The body of the error that `call` must fail with, after it was found to be of the product's shape."""
        error = await self.error_of(kind, call)
        self.check_error(error, code)
        return error.body

    async def error_of(self, kind, call):
        try:
            answer = await settled(call())
        except growsurf.APIError as error:
            self.assertIs(type(error), kind, error)
            return error
        self.fail(f"{kind.__name__} was expected, but it returned {answer!r}")

    def check_error(self, error, code, content_type="application/json"):
        body = error.body
        self.assertIsInstance(body, dict)
        for member, type_ in ERROR_MEMBERS.items():
            self.assertIs(type(body.get(member)), type_, f"{member} in {body}")
        self.assertEqual((body["code"], body["status"]), (code, error.status_code), body)
        self.assertTrue(body["message"] and body["name"].endswith("Error"), body)
        self.assertTrue(body["supportUrl"].startswith("http"), body)
        self.assertLess(abs(time.time() - body["timestamp"] / 1000), 60, body)
        self.assertEqual(body["requestId"], error.response.headers["x-request-id"])
        self.assertEqual(error.response.headers["content-type"], content_type)
        for problem in body.get("errors", []):
            self.assertEqual(set(problem), {"pointer", "message"}, body)
            self.assertTrue(problem["message"], body)

    async def wrong(self, call, *pointers):
        """The call is 400, for problems with exactly these parts of its input, all named at once."""
        body = await self.refused(growsurf.BadRequestError, "BAD_REQUEST", call)
        self.assertEqual(sorted(problem["pointer"] for problem in body["errors"]), sorted(pointers), body)
        return body

    async def exact(self, raw_response):
        """What the client makes of an answer, after it was compared with what was sent: every documented field is
        there and has its very type, without being converted, and everything else is kept."""
        response = await settled(raw_response)
        model, sent = await settled(response.parse()), json.loads(response.http_response.content)
        self.assertEqual(response.headers["content-type"], "application/json")
        type(model).model_validate(sent, strict=True)
        self.assertEqual(model.to_dict(mode="json"), sent)
        self.assert_fields(type(model), sent)
        return model, sent

    def assert_fields(self, type_, sent):
        for name, field in type_.model_fields.items():
            self.assertIn(field.alias or name, sent, f"{type_.__name__} lacks {name}")


async def close(client):
    await settled(client.close())


class Blocking:
    client_class = growsurf.Growsurf

    async def at_once(self, calls):
        """What the calls return or fail with, when they are made at the same time."""
        return await asyncio.gather(*(asyncio.to_thread(call) for call in calls), return_exceptions=True)


class Asynchronous:
    client_class = growsurf.AsyncGrowsurf

    async def at_once(self, calls):
        return await asyncio.gather(*(call() for call in calls), return_exceptions=True)


def with_both_clients(*cases):
    """A module's `load_tests`: its cases, once with each client."""

    def load_tests(loader, _tests, _pattern):
        suite = unittest.TestSuite()
        for case in cases:
            for flavour in (Blocking, Asynchronous):
                both = type(f"{flavour.__name__}{case.__name__}", (flavour, case), {"__module__": case.__module__})
                suite.addTests(loader.loadTestsFromTestCase(both))
        return suite

    return load_tests
