"""Each error that the client has a class for, and what is left of HTTP: other methods, HEAD, OPTIONS."""

import json

import growsurf
import httpx

import server
from both_clients import ClientCase, settled, with_both_clients

URL = "https://example.com/hook"
EVENT = {"event": "NEW_PARTICIPANT_ADDED", "data": {"id": "p1"}}
ENDED = "CAMPAIGN_ENDED"
MIB = 1024 * 1024


class Errors(ClientCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.plain = httpx.AsyncClient(base_url=server.shared().url)
        self.addAsyncCleanup(self.plain.aclose)

    def post(self, path, body, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, cast_to=object, body=body, options={"headers": headers})

    async def http(self, method, path, **more):
        """Without the client: what it would never send."""
        headers = {"authorization": f"Bearer {server.ADMIN_KEY}", **more.pop("headers", {})}
        return await self.plain.request(method, path, headers=headers, **more)

    def check_answer(self, answer, status, code):
        """As `check_error`, for an answer that the client has made no error of."""
        error = growsurf.APIStatusError(code, response=answer, body=answer.json())
        self.assertEqual(answer.status_code, status)
        self.check_error(error, code)

    async def test_400_names_each_problem(self):
        id = await self.program()
        given = {"payload_url": "ftp://x", "events": ["NO"], "is_enabled": 1}
        call = lambda: self.webhooks.create(id, **given)
        body = await self.wrong(call, "/events/0", "/isEnabled")
        self.assertIn("2 problems", body["message"])
        only = await self.wrong(lambda: self.webhooks.create(id, payload_url="ftp://x"), "/payloadUrl")
        self.assertTrue(only["message"].startswith("/payloadUrl "), only)

    async def test_400_for_a_body_that_is_no_json_object(self):
        id = await self.program()
        await settled(self.webhooks.create(id, payload_url=URL))
        calls = (
            ("POST", "/v2/campaigns"),
            ("PATCH", f"/v2/campaign/{id}"),
            ("POST", f"/v2/campaign/{id}/webhooks"),
            ("PATCH", f"/v2/campaign/{id}/webhooks/primary"),
            ("POST", f"/v2/campaign/{id}/webhooks/primary/test"),
        )
        for method, path in calls:
            for content in (b"{", b"[]", b"7", b'"x"', b"nul", b'{"name":"\xff"}', b'{"a":"\\ud800"}'):
                answer = await self.http(method, path, content=content)
                self.check_answer(answer, 400, "BAD_REQUEST")
                self.assertTrue(answer.json()["errors"], answer.text)

    async def test_401_without_a_valid_key(self):
        id = await self.program()
        for key in ("wrong", "", server.ADMIN_KEY + "x", server.ADMIN_KEY[1:], server.ADMIN_KEY.upper()):
            stranger = self.client_with(key)
            for call in (
                lambda: stranger.campaign.list(),
                lambda: stranger.campaign.retrieve(id),
                lambda: stranger.campaign.retrieve("nosuchprogram"),
                lambda: stranger.campaign.create(type="REFERRAL"),
                lambda: stranger.campaign.update(id, name="x"),
                lambda: stranger.campaign.webhooks.create(id, payload_url=URL),
                lambda: stranger.campaign.webhooks.update("primary", id=id),
                lambda: stranger.campaign.webhooks.delete("primary", id=id),
                lambda: stranger.campaign.webhooks.test("primary", id=id),
                lambda: stranger.team.retrieve(),
            ):
                error = await self.error_of(growsurf.AuthenticationError, call)
                self.check_error(error, "UNAUTHORIZED")
                self.assertTrue(error.response.headers["www-authenticate"].startswith("Bearer"))

    async def test_a_refusal_leaves_the_connection_as_it_was(self):
        """Nobody needs the body of a call that is refused, and it may come after the answer."""
        stranger = self.client_with("wrong")
        large = "x" * 4 * MIB
        for _ in range(20):
            for kind, call in (
                (growsurf.AuthenticationError, lambda: stranger.campaign.create(type="REFERRAL")),
                (growsurf.NotFoundError, lambda: self.campaigns.update("a b", name="x")),
                (growsurf.APIStatusError, lambda: self.client.put("/campaigns", cast_to=object, body={})),
                (growsurf.InternalServerError, lambda: self.client.team.update(name="x")),
                (growsurf.AuthenticationError, lambda: stranger.campaign.create(type=large)),
            ):
                await self.error_of(kind, call)

    async def test_405_for_another_method_says_which_there_are(self):
        id = await self.program()
        for method, path, allowed in (
            ("put", "/campaigns", {"GET", "HEAD", "POST"}),
            ("delete", f"/campaign/{id}", {"GET", "HEAD", "PATCH"}),
            ("post", f"/campaign/{id}", {"GET", "HEAD", "PATCH"}),
            ("put", "/campaign/nosuchprogram", {"GET", "HEAD", "PATCH"}),
            ("delete", f"/campaign/{id}/webhooks", {"GET", "HEAD", "POST"}),
            ("get", f"/campaign/{id}/webhooks/primary", {"PATCH", "DELETE"}),
            ("get", f"/campaign/{id}/webhooks/primary/test", {"POST"}),
        ):
            call = lambda: getattr(self.client, method)(path, cast_to=object)
            error = await self.error_of(growsurf.APIStatusError, call)
            self.assertEqual(error.status_code, 405)
            self.check_error(error, "METHOD_NOT_ALLOWED")
            self.assertEqual(set(error.response.headers["allow"].replace(" ", "").split(",")), allowed)

    async def test_409_when_an_idempotency_key_comes_back_with_something_else(self):
        path = f"/campaign/{await self.program()}/events"
        first = await settled(self.post(path, EVENT, idempotency_key="one"))
        again = await settled(self.post(path, EVENT, idempotency_key="one"))
        self.assertEqual(again, {**first, "duplicate": True})
        other = {**EVENT, "data": {"id": "p2"}}
        call = lambda: self.post(path, other, idempotency_key="one")
        await self.refused(growsurf.ConflictError, "IDEMPOTENCY_CONFLICT", call)

    async def test_413_for_a_body_of_more_than_a_mebibyte(self):
        id, at = await self.program(), self.receiver()
        await settled(self.webhooks.create(id, payload_url=at.url("/")))
        # Each call, and what it sends besides the `x` that makes up for the rest of so many bytes.
        for call, sent in (
            (lambda **more: self.campaigns.create(type="REFERRAL", **more), {"type": "REFERRAL"}),
            (lambda **more: self.campaigns.update(id, name="y", **more), {"name": "y"}),
            (lambda **more: self.webhooks.create(id, payload_url=URL, **more), {"payloadUrl": URL}),
            (lambda **more: self.webhooks.update("primary", id=id, secret="y", **more), {"secret": "y"}),
            (lambda **more: self.webhooks.test("primary", id=id, event=ENDED, **more), {"event": ENDED}),
        ):
            rest = len(json.dumps({**sent, "x": ""}, separators=(",", ":")))
            # It is an error if this one is refused.
            await settled(call(extra_body={"x": "x" * (MIB - rest)}))
            for too_large in (MIB + 1, 5 * MIB):
                more = {"x": "x" * (too_large - rest)}
                error = await self.error_of(growsurf.APIStatusError, lambda: call(extra_body=more))
                self.assertEqual((error.status_code, len(error.request.content)), (413, too_large))
                self.check_error(error, "PAYLOAD_TOO_LARGE")
                self.assertIn("1 MiB", error.body["message"])
        self.assertEqual((await settled(self.campaigns.retrieve(id))).name, "y")
        self.assertEqual(len((await settled(self.webhooks.list(id))).webhooks), 2)
        self.assertEqual(len(at.requests), 1)

    async def test_415_for_a_coding_that_is_not_read_here(self):
        brotli = {"content-encoding": "br"}
        call = lambda: self.campaigns.create(type="REFERRAL", extra_headers=brotli)
        error = await self.error_of(growsurf.APIStatusError, call)
        self.assertEqual(error.status_code, 415)
        self.check_error(error, "UNSUPPORTED_MEDIA_TYPE")

    async def test_an_error_is_problem_details_for_those_who_ask_for_it(self):
        asking = self.client_with(default_headers={"accept": "application/problem+json"})
        id = (await settled(asking.campaign.create(type="REFERRAL"))).id
        for kind, code, call in (
            (growsurf.NotFoundError, "NOT_FOUND", lambda: asking.campaign.retrieve("nosuchprogram")),
            (growsurf.NotFoundError, "NOT_FOUND", lambda: asking.get("/nope", cast_to=object)),
            (growsurf.BadRequestError, "BAD_REQUEST", lambda: asking.campaign.update(id, name="")),
            (growsurf.InternalServerError, "NOT_IMPLEMENTED", lambda: asking.team.retrieve()),
        ):
            error = await self.error_of(kind, call)
            self.check_error(error, code, "application/problem+json")
            self.assertEqual(error.body["detail"], error.body["message"])
            self.assertLessEqual({"type", "title", "instance"}, set(error.body))

    async def test_422_for_an_event_that_does_not_fit_the_program(self):
        path = f"/campaign/{await self.program('REFERRAL')}/events"
        event = {
            "event": "NEW_PAYOUT_ISSUED",
            "data": {"participant": {"id": "p"}, "campaign": {"id": "c"}, "payout": {"id": "po_1"}},
        }
        await self.refused(growsurf.UnprocessableEntityError, "EVENT_NOT_ACCEPTED", lambda: self.post(path, event))

    async def test_a_path_that_is_no_text_is_not_found(self):
        for path in ("/v2/campaign/%ff", "/v2/campaign/%ff/webhooks", "/v2/campaign/x/webhooks/%c3%28", "/v2/%ff"):
            for method in ("GET", "POST", "PATCH", "DELETE"):
                answer = await self.http(method, path)
                if answer.status_code != 405:
                    self.check_answer(answer, 404, "NOT_FOUND")

    async def test_head_answers_as_get_without_a_body(self):
        id = await self.program()
        for path, status in (
            (f"/v2/campaign/{id}", 200),
            (f"/v2/campaign/{id}/webhooks", 200),
            ("/v2/campaign/nosuchprogram", 404),
            ("/v2/nope", 404),
            ("/v2/team", 501),
            (f"/v2/campaign/{id}/webhooks/primary/test", 405),
        ):
            head = await self.http("HEAD", path)
            self.assertEqual((head.status_code, head.content), (status, b""), path)
            self.assertEqual(head.headers["content-type"], "application/json")
            if status == 200:
                get = await self.http("GET", path)
                self.assertEqual(head.headers["content-length"], get.headers["content-length"])

    async def test_options_is_no_method_here_and_says_which_are(self):
        """Pages of other origins are not to call with a key, so there is nothing to negotiate."""
        for headers in ({}, {"origin": "https://example.com", "access-control-request-method": "POST"}):
            answer = await self.http("OPTIONS", "/v2/campaigns", headers=headers)
            self.check_answer(answer, 405, "METHOD_NOT_ALLOWED")
            self.assertEqual(answer.headers["allow"], "GET,HEAD,POST")
            self.assertNotIn("access-control-allow-origin", answer.headers)


load_tests = with_both_clients(Errors)
