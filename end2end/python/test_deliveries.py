"""`campaign.webhooks.test`: a real request to a real receiver."""

import json
from typing import get_args

import growsurf
from growsurf.types.campaign.webhook_event import WebhookEvent

from both_clients import ClientCase, settled, with_both_clients
from receiver import SECRET, SIGNATURES, verify

EVENTS = get_args(WebhookEvent)
NOBODY = "http://127.0.0.1:2/"


class Tests(ClientCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.at = self.receiver()

    async def webhook(self, path="/test", type="REFERRAL", **more):
        """The id of a program with one webhook."""
        id = await self.program(type)
        given = {"payload_url": self.at.url(path), "events": ["CAMPAIGN_ENDED"], "secret": SECRET, **more}
        await settled(self.webhooks.create(id, **given))
        return id

    async def test_it_arrives_signed_and_the_payload_is_the_body_that_was_sent(self):
        id = await self.webhook(events=["NEW_PARTICIPANT_ADDED", "CAMPAIGN_ENDED"])
        result, sent = await self.exact(self.webhooks.with_raw_response.test("primary", id=id))
        self.assertEqual(set(sent["response"]), {"statusCode", "msg"})
        self.assertEqual((result.success, result.response.status_code), (True, 200))
        self.assertTrue(result.response.msg)
        headers, body = self.at.last("/test")
        self.assertEqual(json.loads(body), result.payload)
        self.assertEqual(list(result.payload), ["event", "createdAt", "data"])
        self.assertEqual(result.payload["event"], "NEW_PARTICIPANT_ADDED", "the first it is subscribed to")
        verify(headers, body, SECRET)

    async def test_each_event_can_be_chosen_subscribed_or_not(self):
        for type in ("REFERRAL", "AFFILIATE"):
            id = await self.webhook(type=type)
            for event in EVENTS:
                result = await settled(self.webhooks.test("primary", id=id, event=event))
                _, body = self.at.last("/test")
                self.assertEqual((result.success, result.payload), (True, json.loads(body)))
                self.assertEqual(result.payload["event"], event)
                program = result.payload["data"]
                program = program if event == "CAMPAIGN_ENDED" else program["campaign"]
                self.assertEqual((program["id"], program["name"]), (id, "Pied Piper"))
        default = await settled(self.webhooks.test("primary", id=id, event=None))
        self.assertEqual(default.payload["event"], "CAMPAIGN_ENDED")

    async def test_without_a_secret_it_is_not_signed(self):
        id = await self.webhook(secret="")
        self.assertTrue((await settled(self.webhooks.test("primary", id=id))).success)
        headers, _ = self.at.last("/test")
        for signature in SIGNATURES:
            self.assertNotIn(signature, headers)
        self.assertIn("webhook-id", headers)

    async def test_a_secret_that_is_left_out_of_a_change_stays_and_an_empty_one_or_null_removes_it(self):
        id = await self.webhook(secret="first")
        for change, secret in (
            ({}, "first"),
            ({"secret": growsurf.omit}, "first"),
            ({"secret": growsurf.not_given}, "first"),
            ({"events": ["NEW_PARTICIPANT_ADDED"], "is_enabled": True}, "first"),
            ({"secret": "second"}, "second"),
            ({"secret": ""}, None),
            ({"secret": SECRET}, SECRET),
            ({"secret": None}, None),
            ({"payload_url": self.at.url("/test")}, None),
            ({"secret": "ü 🎉"}, "ü 🎉"),
        ):
            changed = await settled(self.webhooks.update("primary", id=id, **change))
            self.assertTrue((await settled(self.webhooks.test("primary", id=id))).success)
            headers, body = self.at.last("/test")
            if secret is None:
                self.assertFalse(set(SIGNATURES) & set(headers), f"{change} left a signature")
            else:
                verify(headers, body, secret)
            listed = await settled(self.webhooks.list(id))
            self.assertEqual(listed.webhooks, [changed])

    async def test_every_other_part_that_is_left_out_of_a_change_stays_too(self):
        id = await self.webhook()
        before = (await settled(self.webhooks.list(id))).webhooks[0]
        omitted = {part: growsurf.omit for part in ("events", "is_enabled", "payload_url", "secret")}
        self.assertEqual(await settled(self.webhooks.update("primary", id=id, **omitted)), before)
        for change in (
            {"events": ["CAMPAIGN_ENDED", "NEW_PARTICIPANT_ADDED"]},
            {"is_enabled": False},
            {"payload_url": self.at.url("/other?a=b")},
            {"is_enabled": True},
            {"events": []},
        ):
            after = await settled(self.webhooks.update("primary", id=id, **change))
            self.assertEqual(after, before.model_copy(update=change))
            before = after

    async def test_one_that_is_refused_is_an_answer_and_not_an_error_and_counts_nothing(self):
        id = await self.webhook()
        before = await settled(self.webhooks.list(id))
        for status in (302, 400, 404, 410, 429, 500, 503):
            self.at.answers["/test"] = status
            result, _ = await self.exact(self.webhooks.with_raw_response.test("primary", id=id))
            self.assertEqual((result.success, result.response.status_code), (False, status))
            self.assertTrue(result.response.msg)
            self.assertEqual(result.payload["event"], "CAMPAIGN_ENDED")
        self.assertEqual(await settled(self.webhooks.list(id)), before)
        self.at.answers["/test"] = 204
        self.assertTrue((await settled(self.webhooks.test("primary", id=id))).success)
        self.assertEqual({path for path, _, _ in self.at.requests}, {"/test"}, "a redirect was followed")

    async def test_a_receiver_that_cannot_be_reached_is_an_answer_too(self):
        id = await self.webhook(payload_url=NOBODY)
        result, sent = await self.exact(self.webhooks.with_raw_response.test("primary", id=id))
        self.assertEqual((result.success, result.response.status_code), (False, None))
        self.assertTrue(result.response.msg)
        self.assertIn("statusCode", sent["response"])

    async def test_a_receiver_that_is_too_slow_is_an_answer_too(self):
        self.at.slow_paths.add("/slow")
        id = await self.webhook("/slow", extra_body={"timeoutSeconds": 1})
        result, _ = await self.exact(self.webhooks.with_raw_response.test("primary", id=id))
        self.assertEqual((result.success, result.response.status_code), (False, None))
        self.assertIn("1 s", result.response.msg)

    async def test_a_disabled_webhook_can_be_tested(self):
        id = await self.webhook(is_enabled=False)
        self.assertTrue((await settled(self.webhooks.test("primary", id=id))).success)

    async def test_without_an_event_to_send_it_is_refused(self):
        id = await self.webhook(events=[])
        body = await self.wrong(lambda: self.webhooks.test("primary", id=id), "/event")
        self.assertIn("no events", body["message"])
        self.assertTrue((await settled(self.webhooks.test("primary", id=id, event="CAMPAIGN_ENDED"))).success)
        for event in ("NO_SUCH_EVENT", "", 7):
            await self.wrong(lambda: self.webhooks.test("primary", id=id, event=event), "/event")


class FailingWebhooks(ClientCase):
    """What the read-only fields say once deliveries fail."""

    async def test_failures_are_counted_and_enabling_clears_them(self):
        at, id = self.receiver(), await self.program()
        at.answers = {"/broken": 500, "/gone": 410}
        made = await settled(
            self.webhooks.create(id, payload_url=at.url("/broken"), events=["NEW_PARTICIPANT_ADDED"])
        )
        await self.join(id, "p1")
        failed = await self.until("the failure is counted", lambda: self.webhook_if(id, "failure_count"))
        self.assertFalse(failed.auto_disabled_due_to_failures)
        self.assertIs(type(failed.failure_count), int)
        self.assertTrue(at.requests and failed.last_failure_at > 1_700_000_000_000)
        await settled(self.webhooks.update("primary", id=id, payload_url=at.url("/gone")))
        await self.join(id, "p2")
        gone = await self.until("410 disables it", lambda: self.webhook_if(id, "auto_disabled_due_to_failures"))
        self.assertFalse(gone.is_enabled)
        enabled = await settled(self.webhooks.update("primary", id=id, is_enabled=True))
        self.assertEqual((enabled.id, enabled.is_enabled), (made.id, True))
        self.assertEqual((enabled.auto_disabled_due_to_failures, enabled.failure_count), (False, 0))

    async def join(self, id, participant):
        event = {"event": "NEW_PARTICIPANT_ADDED", "data": {"id": participant}}
        await settled(self.client.post(f"/campaign/{id}/events", cast_to=object, body=event))

    async def webhook_if(self, id, field):
        raw = self.webhooks.with_raw_response
        listed, _ = await self.exact(raw.list(id))
        return listed.webhooks[0] if getattr(listed.webhooks[0], field) else None


load_tests = with_both_clients(Tests, FailingWebhooks)
