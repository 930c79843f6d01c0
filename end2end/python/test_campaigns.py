"""`campaign.create`, `retrieve`, `update` and `list`."""

import sqlite3

import growsurf
from growsurf.types.campaign.campaign import Campaign

import server
from both_clients import ClientCase, settled, with_both_clients

COUNTERS = ("participant_count", "referral_count", "impression_count", "invite_count", "winner_count")
STATUSES = ("DRAFT", "PENDING", "IN_PROGRESS", "COMPLETE", "CANCELLED", "DELETED")


class Campaigns(ClientCase):
    async def test_every_field_of_a_campaign_is_there_and_of_its_type(self):
        raw = self.campaigns.with_raw_response
        for type in ("REFERRAL", "AFFILIATE"):
            made, sent = await self.exact(raw.create(type=type, name="Hooli", currency_iso="EUR"))
            self.assertEqual((made.type, made.name, made.currency_iso, made.status), (type, "Hooli", "EUR", "DRAFT"))
            self.assertEqual([getattr(made, counter) for counter in COUNTERS], [0] * 5)
            self.assertEqual(made.rewards, [])
            self.assertEqual(await self.exact(raw.retrieve(made.id)), (made, sent))
            changed, _ = await self.exact(raw.update(made.id, name="Aviato"))
            self.assertEqual(changed, made.model_copy(update={"name": "Aviato"}))
            listed, sent = await self.exact(raw.list())
            self.assertIn(changed, listed.campaigns)
            for campaign in sent["campaigns"]:
                self.assert_fields(Campaign, campaign)

    async def test_only_the_type_is_needed(self):
        made = await settled(self.campaigns.create(type="AFFILIATE"))
        self.assertEqual(made.currency_iso, "USD")
        self.assertRegex(made.name, r"^Affiliate program \d{4}-\d\d-\d\d$")
        named_null = await settled(self.campaigns.create(type="REFERRAL", name=None))
        self.assertRegex(named_null.name, r"^Referral program ")

    async def test_everything_else_that_the_client_can_say_of_a_new_campaign_is_accepted_and_kept_out(self):
        rewards = [{"type": "DOUBLE_SIDED", "title": "Ten dollars"}]
        raw = self.campaigns.with_raw_response
        company = {"company_name": "Hooli Inc.", "company_logo_image_url": "https://example.com/logo.png"}
        more = {"id": "mine", "status": "COMPLETE", "participantCount": 7}
        made, sent = await self.exact(
            raw.create(type="REFERRAL", name="Hooli", goal="USERS", rewards=rewards, extra_body=more, **company)
        )
        self.assertEqual((made.status, made.participant_count, made.rewards), ("DRAFT", 0, []))
        self.assertNotEqual(made.id, "mine")
        self.assertEqual(made.model_extra, {})
        self.assertEqual((await self.exact(raw.update(made.id, **company)))[1], sent)

    async def test_a_campaign_is_renamed_started_and_ended(self):
        made = await settled(self.campaigns.create(type="REFERRAL", name="Pied Piper"))
        for change in (
            {"name": "Aviato"},
            {"status": "IN_PROGRESS"},
            {"status": "COMPLETE"},
            {"status": "IN_PROGRESS", "name": "Bachmanity"},
            {},
        ):
            changed = await settled(self.campaigns.update(made.id, **change))
            self.assertEqual(changed, made.model_copy(update=change))
            self.assertEqual(await settled(self.campaigns.retrieve(made.id)), changed)
            made = changed

    async def test_all_campaigns_are_listed_in_one_answer_the_newest_first(self):
        made = [await self.program() for _ in range(30)]
        listed = await settled(self.campaigns.list(extra_query={"limit": 1, "nextId": made[3]}))
        self.assertEqual([campaign.id for campaign in listed.campaigns if campaign.id in made], made[::-1])

    async def test_what_is_wrong_with_a_new_campaign_is_named_all_at_once(self):
        create = self.campaigns.create
        for type in ("LOYALTY", "referral", "", 7, None, ["REFERRAL"]):
            await self.wrong(lambda: create(type=type), "/type")
        for currency in ("EURO", "", "12A", 978):
            await self.wrong(lambda: create(type="REFERRAL", currency_iso=currency), "/currencyISO")
        await self.wrong(lambda: create(type="X", name=7, currency_iso="?"), "/type", "/name", "/currencyISO")
        body = await self.wrong(lambda: self.client.post("/campaigns", cast_to=object, body={}), "/type")
        self.assertIn("REFERRAL or AFFILIATE", body["message"])
        lower_case = await settled(create(type="REFERRAL", currency_iso="eur"))
        self.assertEqual(lower_case.currency_iso, "EUR")

    async def test_a_name_has_1_to_200_characters_on_one_line(self):
        id = await self.program()
        for name in ("x", "販" * 200, "🎉" * 200, "  around  "):
            self.assertEqual((await settled(self.campaigns.create(type="REFERRAL", name=name))).name, name.strip())
            self.assertEqual((await settled(self.campaigns.update(id, name=name))).name, name.strip())
        for name in ("", "   ", "x" * 201, "two\nlines", "nul\0", 7):
            await self.wrong(lambda: self.campaigns.create(type="REFERRAL", name=name), "/name")
            await self.wrong(lambda: self.campaigns.update(id, name=name), "/name")
        await self.wrong(lambda: self.campaigns.update(id, name=None), "/name")

    async def test_a_refused_change_changes_nothing(self):
        id = await self.program()
        before = await settled(self.campaigns.retrieve(id))
        for status in ("DRAFT", "PENDING", "CANCELLED", "DELETED", "PAUSED", "", 1, None):
            await self.wrong(lambda: self.campaigns.update(id, name="New", status=status), "/status")
        fixed = {"type": "AFFILIATE", "currencyISO": "EUR"}
        await self.wrong(lambda: self.campaigns.update(id, name="New", extra_body=fixed), "/type", "/currencyISO")
        self.assertEqual(await settled(self.campaigns.retrieve(id)), before)

    async def test_a_campaign_that_was_never_there_is_not_found(self):
        webhook = {"payload_url": "https://example.com/"}
        for id in ("nosuchprogram", "a/b", "a b", "ü", "%ff", "?", "x" * 500, "null"):
            for call in (
                lambda: self.campaigns.retrieve(id),
                lambda: self.campaigns.update(id, name="x"),
                lambda: self.webhooks.list(id),
                lambda: self.webhooks.create(id, **webhook),
                lambda: self.webhooks.update("primary", id=id, is_enabled=False),
                lambda: self.webhooks.delete("primary", id=id),
                lambda: self.webhooks.test("primary", id=id),
            ):
                body = await self.refused(growsurf.NotFoundError, "NOT_FOUND", call)
                self.assertEqual(body["message"], "There is no such program.")


class Statuses(ClientCase):
    async def test_every_status_that_is_stored_is_one_the_client_knows(self):
        """The hosted product's programs come in each of them; of ours only some can be reached by calls."""
        with server.Server() as own:
            campaigns = self.client_with(url=own.url).campaign
            ids = {(await settled(campaigns.create(type="REFERRAL"))).id: status for status in STATUSES}
            own.kill()
            with sqlite3.connect(own.database) as database:
                for id, status in ids.items():
                    database.execute("UPDATE program SET status = ? WHERE id = ?", (status, id))
            database.close()
            own.start()
            client = self.client_with(url=own.url)
            listed = await settled(client.campaign.list())
            self.assertEqual({campaign.id: campaign.status for campaign in listed.campaigns}, ids)
            for id, status in ids.items():
                campaign, _ = await self.exact(client.campaign.with_raw_response.retrieve(id))
                self.assertEqual(campaign.status, status)
                event = {"event": "NEW_PARTICIPANT_ADDED", "data": {"id": "p1"}}
                post = lambda: client.post(f"/campaign/{id}/events", cast_to=object, body=event)
                if status == "DELETED":
                    await self.refused(growsurf.UnprocessableEntityError, "EVENT_NOT_ACCEPTED", post)
                else:
                    self.assertEqual((await settled(post()))["duplicate"], False)


load_tests = with_both_clients(Campaigns, Statuses)
