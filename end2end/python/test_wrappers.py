"""Every call as it goes over the wire, through the client's three ways to make it, and the client's own settings."""

import inspect
import json
import os
from contextlib import asynccontextmanager
from unittest import mock

import growsurf
import httpx

import server
from both_clients import ClientCase, close, settled, with_both_clients

URL = "https://example.com/hook"

# Each method of the client that this product has: the method and path it calls.
CALLS = {
    "create": ("POST", "/v2/campaigns"),
    "retrieve": ("GET", "/v2/campaign/{id}"),
    "update": ("PATCH", "/v2/campaign/{id}"),
    "list": ("GET", "/v2/campaigns"),
    "webhooks.create": ("POST", "/v2/campaign/{id}/webhooks"),
    "webhooks.list": ("GET", "/v2/campaign/{id}/webhooks"),
    "webhooks.update": ("PATCH", "/v2/campaign/{id}/webhooks/primary"),
    "webhooks.test": ("POST", "/v2/campaign/{id}/webhooks/primary/test"),
    "webhooks.delete": ("DELETE", "/v2/campaign/{id}/webhooks/primary"),
}


@asynccontextmanager
async def opened(stream):
    """The response of either client's `with_streaming_response`."""
    if hasattr(stream, "__aenter__"):
        async with stream as response:
            yield response
    else:
        with stream as response:
            yield response


async def pieces(iterator):
    return [piece async for piece in iterator] if inspect.isasyncgen(iterator) else list(iterator)


class Wrappers(ClientCase):
    async def calls(self):
        """Name and arguments of each call, in an order in which all succeed."""
        id = await self.program()
        await settled(self.webhooks.create(id, payload_url=URL, secret="s"))
        await settled(self.webhooks.delete("primary", id=id))
        at = self.receiver()
        yield id, "create", (), {"type": "REFERRAL"}
        yield id, "retrieve", (id,), {}
        yield id, "update", (id,), {"name": "Aviato"}
        yield id, "list", (), {}
        yield id, "webhooks.create", (id,), {"payload_url": URL}
        yield id, "webhooks.list", (id,), {}
        yield id, "webhooks.update", ("primary",), {"id": id, "payload_url": at.url("/")}
        yield id, "webhooks.test", ("primary",), {"id": id, "event": "CAMPAIGN_ENDED"}
        yield id, "webhooks.delete", ("primary",), {"id": id}

    def method(self, name, way):
        """The method behind `way`, which is `with_raw_response` or `with_streaming_response`."""
        resource = self.webhooks if name.startswith("webhooks.") else self.campaigns
        return getattr(getattr(resource, way), name.removeprefix("webhooks."))

    def check_request(self, name, id, request):
        method, path = CALLS[name]
        self.assertEqual((request.method, request.url.path), (method, path.replace("{id}", id)))
        self.assertEqual(request.headers["authorization"], f"Bearer {server.ADMIN_KEY}")

    async def test_raw_responses_have_status_headers_text_and_the_model(self):
        names = []
        async for id, name, given, more in self.calls():
            raw = await settled(self.method(name, "with_raw_response")(*given, **more))
            self.check_request(name, id, raw.http_request)
            self.assertEqual((raw.status_code, raw.is_closed, raw.retries_taken), (200, True, 0))
            self.assertEqual(raw.headers["content-type"], "application/json")
            self.assertRegex(raw.headers["x-request-id"], r"^req_\w+$")
            text = await settled(raw.text())
            self.assertEqual(json.loads(await settled(raw.read())), await settled(raw.json()))
            self.assertEqual(int(raw.headers["content-length"]), len(text.encode()))
            self.assertEqual((await settled(raw.parse())).to_dict(mode="json"), json.loads(text))
            names.append(name)
        self.assertEqual(names, list(CALLS))

    async def test_streamed_responses_are_read_as_they_come(self):
        names = []
        async for id, name, given, more in self.calls():
            async with opened(self.method(name, "with_streaming_response")(*given, **more)) as response:
                self.check_request(name, id, response.http_request)
                self.assertEqual((response.status_code, response.is_closed), (200, False))
                model = await settled(response.parse())
                self.assertEqual(model.to_dict(mode="json"), await settled(response.json()))
            self.assertTrue(response.is_closed)
            names.append(name)
        self.assertEqual(names, list(CALLS))

    async def test_a_streamed_response_comes_in_bytes_text_and_lines(self):
        id = await self.program()
        sent = await settled((await settled(self.campaigns.with_raw_response.retrieve(id))).text())
        for way in ("iter_bytes", "iter_text", "iter_lines"):
            async with opened(self.campaigns.with_streaming_response.retrieve(id)) as response:
                parts = await pieces(getattr(response, way)())
            whole = b"".join(parts).decode() if way == "iter_bytes" else "".join(parts)
            self.assertEqual(whole, sent)
        async with opened(self.campaigns.with_streaming_response.retrieve(id)) as response:
            self.assertGreater(len(await pieces(response.iter_bytes(10))), 1)

    async def test_an_error_is_an_error_through_each_of_them(self):
        for call in (
            lambda: self.campaigns.retrieve("nosuchprogram"),
            lambda: self.campaigns.with_raw_response.retrieve("nosuchprogram"),
        ):
            await self.refused(growsurf.NotFoundError, "NOT_FOUND", call)
        with self.assertRaises(growsurf.NotFoundError) as caught:
            async with opened(self.campaigns.with_streaming_response.retrieve("nosuchprogram")):
                self.fail("it was entered")
        self.check_error(caught.exception, "NOT_FOUND")

    async def test_headers_query_and_body_can_be_added_to(self):
        id = await self.program()
        more = {"extra_headers": {"x-team": "blue"}, "extra_query": {"a": ["b", "c"]}}
        raw = await settled(
            self.webhooks.with_raw_response.create(id, payload_url=URL, extra_body={"name": "CRM"}, **more)
        )
        self.assertEqual(raw.http_request.headers["x-team"], "blue")
        self.assertEqual(raw.http_request.url.query, b"a=b%2Cc")
        self.assertEqual((await settled(raw.parse())).name, "CRM")
        other = {"extra_headers": {"Authorization": "Bearer wrong"}}
        await self.refused(growsurf.AuthenticationError, "UNAUTHORIZED", lambda: self.campaigns.list(**other))

    async def test_an_answer_can_be_had_as_anything(self):
        id = await self.program()
        path = f"/campaign/{id}"
        response = await settled(self.client.get(path, cast_to=httpx.Response))
        self.assertEqual((response.status_code, response.http_version), (200, "HTTP/1.1"))
        self.assertEqual(await settled(self.client.get(path, cast_to=object)), response.json())
        self.assertEqual(json.loads(await settled(self.client.get(path, cast_to=str))), response.json())
        raw = await settled(self.campaigns.with_raw_response.retrieve(id))
        self.assertEqual(await settled(raw.parse(to=dict)), response.json())

    async def test_the_client_refuses_an_empty_id_by_itself(self):
        for call in (
            lambda: self.campaigns.retrieve(""),
            lambda: self.webhooks.delete("", id="x"),
            lambda: self.webhooks.list(".."),
        ):
            with self.assertRaises(ValueError):
                await settled(call())

    async def test_address_and_key_from_the_environment_are_all_that_it_needs(self):
        environment = {"GROWSURF_BASE_URL": f"{server.shared().url}/v2/", "GROWSURF_API_KEY": server.ADMIN_KEY}
        with mock.patch.dict(os.environ, environment):
            client = self.client_class()
        self.addAsyncCleanup(close, client)
        id = await self.program()
        self.assertEqual((await settled(client.campaign.retrieve(id))).id, id)
        other = client.with_options(api_key="wrong")
        await self.refused(growsurf.AuthenticationError, "UNAUTHORIZED", lambda: other.campaign.retrieve(id))


load_tests = with_both_clients(Wrappers)
