"""`campaign.webhooks.create`, `list`, `update` and `delete`: what they answer and what they refuse."""

from typing import get_args

import growsurf
from growsurf.types.campaign.webhook import Webhook
from growsurf.types.campaign.webhook_event import WebhookEvent

from both_clients import ClientCase, settled, with_both_clients
from receiver import SECRET

URL = "https://example.com/hook"
EVENTS = list(get_args(WebhookEvent))

# What the hosted product does not have; its clients keep it beside what they know.
OURS = {"timeoutSeconds", "headerNames", "oldSecretEndsAt", "newSecretAcceptedAt", "name"}


class Webhooks(ClientCase):
    async def test_every_field_of_a_webhook_is_there_and_of_its_type(self):
        id = await self.program()
        raw = self.webhooks.with_raw_response
        made, sent = await self.exact(raw.create(id, payload_url=URL, events=EVENTS, is_enabled=False, secret=SECRET))
        self.assertEqual((made.id, made.payload_url, made.events, made.is_enabled), ("primary", URL, EVENTS, False))
        failures = (made.auto_disabled_due_to_failures, made.failure_count, made.last_failure_at)
        self.assertEqual(failures, (False, 0, None))
        listed, all_sent = await self.exact(raw.list(id))
        self.assertEqual((listed.webhooks, all_sent), ([made], {"webhooks": [sent]}))
        self.assertEqual(await self.exact(raw.update("primary", id=id)), (made, sent), "nothing given, nothing changed")
        gone, sent = await self.exact(raw.delete("primary", id=id))
        self.assertEqual((gone.id, gone.success, sent), ("primary", True, {"id": "primary", "success": True}))
        self.assertEqual((await self.exact(raw.list(id)))[1], {"webhooks": []})

    async def test_what_is_ours_alone_is_sent_as_extra_and_kept_as_extra(self):
        id = await self.program()
        more = {"timeoutSeconds": 7, "name": "CRM", "headers": {"X-Team": "blue", "authorization": "Bearer hidden"}}
        made = await settled(self.webhooks.create(id, payload_url=URL, secret="old", extra_body=more))
        self.assertEqual(set(made.model_extra), OURS)
        self.assertEqual((made.timeoutSeconds, made.name), (7, "CRM"))
        self.assertEqual(sorted(made.headerNames), ["authorization", "x-team"])
        self.assertIsNone(made.oldSecretEndsAt)
        renewed = {"secretOverlapSeconds": 3600}
        changed = await settled(self.webhooks.update("primary", id=id, secret="new", extra_body=renewed))
        self.assertIs(type(changed.oldSecretEndsAt), int)
        self.assertEqual((changed.timeoutSeconds, changed.name), (7, "CRM"), "what is left out stays")
        usual = {"timeoutSeconds": None, "name": None, "headers": None, "unknown": 1}
        reset = await settled(self.webhooks.update("primary", id=id, extra_body=usual))
        self.assertEqual((reset.timeoutSeconds, reset.name, reset.headerNames), (None, None, []))

    async def test_without_events_it_is_subscribed_to_none_and_it_is_enabled(self):
        id = await self.program()
        made = await settled(self.webhooks.create(id, payload_url=URL))
        self.assertEqual((made.events, made.is_enabled), ([], True))

    async def test_each_event_is_taken_once_in_the_order_given(self):
        id = await self.program("AFFILIATE")
        for event in EVENTS:
            made = await settled(self.webhooks.create(id, payload_url=URL, events=[event]))
            self.assertEqual(made.events, [event])
            await settled(self.webhooks.delete(made.id, id=id))
        twice = EVENTS[::-1] + EVENTS
        self.assertEqual((await settled(self.webhooks.create(id, payload_url=URL, events=twice))).events, EVENTS[::-1])

    async def test_a_program_has_five_webhooks_and_the_sixth_is_refused(self):
        id = await self.program()
        made = [await settled(self.webhooks.create(id, payload_url=f"{URL}/{number}")) for number in range(5)]
        self.assertEqual(made[0].id, "primary")
        self.assertEqual(len({webhook.id for webhook in made}), 5)
        sixth = lambda: self.webhooks.create(id, payload_url=URL)
        body = await self.refused(growsurf.UnprocessableEntityError, "WEBHOOK_LIMIT", sixth)
        self.assertIn("5 webhooks", body["message"])
        self.assertEqual((await settled(self.webhooks.list(id))).webhooks, made)
        await settled(self.webhooks.delete(made[2].id, id=id))
        again = await settled(sixth())
        self.assertNotIn(again.id, [webhook.id for webhook in made], "an id is not used twice")
        await self.refused(growsurf.UnprocessableEntityError, "WEBHOOK_LIMIT", sixth)
        other = await self.program()
        self.assertEqual((await settled(self.webhooks.create(other, payload_url=URL))).id, "primary")

    async def test_of_twelve_created_at_once_five_are_made(self):
        id = await self.program()
        outcomes = await self.at_once([lambda: self.webhooks.create(id, payload_url=URL)] * 12)
        made = [outcome for outcome in outcomes if isinstance(outcome, Webhook)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, growsurf.UnprocessableEntityError)]
        self.assertEqual((len(made), len(refused)), (5, 7), outcomes)
        listed = (await settled(self.webhooks.list(id))).webhooks
        self.assertEqual(listed[0].id, "primary")
        self.assertCountEqual(listed, made)

    async def test_a_deleted_webhook_is_gone_and_primary_is_free_again(self):
        id = await self.program()
        await settled(self.webhooks.create(id, payload_url=URL))
        second = await settled(self.webhooks.create(id, payload_url=URL))
        await settled(self.webhooks.delete("primary", id=id))
        self.assertEqual((await settled(self.webhooks.list(id))).webhooks, [second])
        await self.is_not_there(id, "primary")
        third = await settled(self.webhooks.create(id, payload_url=URL))
        self.assertEqual(third.id, "primary")
        self.assertEqual((await settled(self.webhooks.list(id))).webhooks, [second, third])

    async def test_a_webhook_that_was_never_there_is_not_found(self):
        id, other = await self.program(), await self.program()
        await settled(self.webhooks.create(other, payload_url=URL))
        mine = await settled(self.webhooks.create(other, payload_url=URL))
        for webhook in ("primary", mine.id, "none", "a/b", "ü", "%ff", "x" * 500):
            await self.is_not_there(id, webhook)

    async def is_not_there(self, id, webhook):
        for call in (
            lambda: self.webhooks.update(webhook, id=id, is_enabled=False),
            lambda: self.webhooks.delete(webhook, id=id),
            lambda: self.webhooks.test(webhook, id=id, event="CAMPAIGN_ENDED"),
        ):
            body = await self.refused(growsurf.NotFoundError, "NOT_FOUND", call)
            self.assertEqual(body["message"], "There is no such webhook.")

    async def test_what_is_wrong_with_a_webhook_is_named_all_at_once_and_changes_nothing(self):
        id = await self.program()
        made = await settled(self.webhooks.create(id, payload_url=URL))
        for given, pointers in (
            ({"events": ["NO_SUCH_EVENT", EVENTS[0], 7]}, ["/events/0", "/events/2"]),
            ({"events": "CAMPAIGN_ENDED"}, ["/events"]),
            ({"events": None}, ["/events"]),
            ({"is_enabled": "yes"}, ["/isEnabled"]),
            ({"is_enabled": 1}, ["/isEnabled"]),
            ({"is_enabled": None}, ["/isEnabled"]),
            ({"secret": 7}, ["/secret"]),
            ({"secret": "x" * 257}, ["/secret"]),
            ({"secret": "two\nlines"}, ["/secret"]),
            ({"secret": "whsec_short"}, ["/secret"]),
            ({"secret": "whsec_" + "A" * 4 * 22}, ["/secret"]),
            ({"extra_body": {"timeoutSeconds": 31}}, ["/timeoutSeconds"]),
            ({"extra_body": {"name": "x" * 81}}, ["/name"]),
            ({"extra_body": {"headers": {"webhook-id": "x", "b": 1}}}, ["/headers/webhook-id", "/headers/b"]),
            ({"extra_body": {"secretOverlapSeconds": 3600}}, ["/secretOverlapSeconds"]),
            ({"events": 1, "is_enabled": 2, "secret": 3}, ["/events", "/isEnabled", "/secret"]),
        ):
            await self.wrong(lambda: self.webhooks.create(id, **{"payload_url": URL, **given}), *pointers)
            await self.wrong(lambda: self.webhooks.update("primary", id=id, **given), *pointers)
        self.assertEqual((await settled(self.webhooks.list(id))).webhooks, [made])

    async def test_a_url_that_cannot_or_may_not_be_reached_is_refused_with_the_reason(self):
        id = await self.program()
        await settled(self.webhooks.create(id, payload_url=URL))
        for url, reason in (
            ("", "enter the URL"),
            ("example.com/hook", "must start with https://"),
            ("ftp://example.com", "ftp"),
            ("https://me:pw@example.com", "user name"),
            ("https://example.com/#top", "#"),
            ("https://", "valid URL"),
            (f"https://example.com/{'x' * 2048}", "2,048"),
            ("http://10.0.0.1/", "private"),
            ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
            ("http://[::ffff:10.0.0.1]/", "private"),
            ("http://0xa.1/", "private"),
            (7, "string"),
            (None, "string"),
        ):
            for call in (
                lambda: self.webhooks.create(id, payload_url=url),
                lambda: self.webhooks.update("primary", id=id, payload_url=url),
            ):
                body = await self.wrong(call, "/payloadUrl")
                self.assertIn(reason, body["errors"][0]["message"], url)
        nothing = lambda: self.client.post(f"/campaign/{id}/webhooks", cast_to=object, body={})
        body = await self.wrong(nothing, "/payloadUrl")
        self.assertIn("is required", body["message"])
        self.assertEqual((await settled(self.webhooks.list(id))).webhooks[0].payload_url, URL)

    async def test_the_longest_of_everything_is_taken(self):
        id = await self.program()
        url = "https://example.com/".ljust(2048, "x")
        for secret in ("x" * 256, SECRET, "whsec_" + "A" * 84 + "AA==", " ü 🎉 "):
            more = {"name": "販" * 80, "timeoutSeconds": 30}
            made = await settled(self.webhooks.create(id, payload_url=url, secret=secret, extra_body=more))
            self.assertEqual((made.payload_url, made.name, made.timeoutSeconds), (url, "販" * 80, 30))
            await settled(self.webhooks.delete(made.id, id=id))

    async def test_a_secret_is_in_no_answer(self):
        id = await self.program()
        raw = self.webhooks.with_raw_response
        secrets = ("the first secret", "the second secret", "the wrong secret\n")
        answers = [await settled(raw.create(id, payload_url=URL, secret=secrets[0], events=["CAMPAIGN_ENDED"]))]
        answers.append(await settled(raw.update("primary", id=id, secret=secrets[1])))
        answers.append(await settled(raw.list(id)))
        texts = [await settled(answer.text()) for answer in answers]
        wrong = await self.wrong(lambda: self.webhooks.update("primary", id=id, secret=secrets[2]), "/secret")
        texts.append(str(wrong))
        for text in texts:
            for secret in secrets:
                self.assertNotIn(secret.strip(), text)


load_tests = with_both_clients(Webhooks)
