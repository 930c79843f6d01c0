"""The client with API keys of every scope and reach, where the other tests use the admin key."""

import growsurf

from both_clients import ClientCase, settled, with_both_clients

URL = "https://example.com/hook"


class Keys(ClientCase):
    async def keyed(self, **key):
        """A client with a new key, and the key's id."""
        made = await settled(self.client.post("/api-keys", cast_to=object, body={"name": "python", **key}))
        return self.client_with(made["key"]), made["id"]

    def reading(self, client, id):
        return (
            lambda: client.campaign.list(),
            lambda: client.campaign.retrieve(id),
            lambda: client.campaign.webhooks.list(id),
        )

    def changing(self, client, id):
        """In an order in which all succeed, if the program has no webhook yet."""
        webhooks = client.campaign.webhooks
        return (
            lambda: client.campaign.update(id, name="Aviato"),
            lambda: webhooks.create(id, payload_url=self.at.url("/")),
            lambda: webhooks.update("primary", id=id, secret="x"),
            lambda: webhooks.test("primary", id=id, event="CAMPAIGN_ENDED"),
            lambda: webhooks.delete("primary", id=id),
        )

    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.at = self.receiver()

    async def forbidden(self, call, needed):
        body = await self.refused(growsurf.PermissionDeniedError, "FORBIDDEN", call)
        self.assertTrue(body["message"].endswith(f"this call needs {needed}."), body)

    async def test_a_key_has_all_that_the_client_can_do_when_nothing_else_is_said(self):
        id = await self.program()
        client, _ = await self.keyed()
        await settled(client.campaign.create(type="REFERRAL"))
        for call in (*self.reading(client, id), *self.changing(client, id)):
            await settled(call())
        await self.error_of(growsurf.InternalServerError, lambda: client.team.retrieve())
        for call in (
            lambda: client.get("/api-keys", cast_to=object),
            lambda: client.post("/api-keys", cast_to=object, body={"name": "another"}),
            lambda: client.post("/sign-in-links", cast_to=object),
        ):
            await self.forbidden(call, "admin")

    async def test_a_key_for_reading_changes_nothing(self):
        id = await self.program()
        client, _ = await self.keyed(scopes=["read"])
        for call in self.reading(client, id):
            await settled(call())
        before = await settled(self.campaigns.retrieve(id))
        await self.forbidden(lambda: client.campaign.create(type="REFERRAL"), "webhooks")
        for call in self.changing(client, id):
            await self.forbidden(call, "webhooks")
        self.assertEqual(await settled(self.campaigns.retrieve(id)), before)
        self.assertEqual(((await settled(self.webhooks.list(id))).webhooks, self.at.requests), ([], []))

    async def test_a_key_for_events_posts_them_and_nothing_else(self):
        id = await self.program()
        client, _ = await self.keyed(scopes=["events"])
        event = {"event": "NEW_PARTICIPANT_ADDED", "data": {"id": "p1"}}
        await settled(client.post(f"/campaign/{id}/events", cast_to=object, body=event))
        for call in self.reading(client, id):
            await self.forbidden(call, "read")
        for call in self.changing(client, id):
            await self.forbidden(call, "webhooks")

    async def test_a_key_of_one_program_knows_of_no_other(self):
        own, other = await self.program(), await self.program()
        client, _ = await self.keyed(campaignId=own)
        for call in (*self.reading(client, own), *self.changing(client, own)):
            await settled(call())
        self.assertEqual([campaign.id for campaign in (await settled(client.campaign.list())).campaigns], [own])
        for call in (*self.reading(client, other)[1:], *self.changing(client, other)):
            body = await self.refused(growsurf.NotFoundError, "NOT_FOUND", call)
            self.assertEqual(body["message"], "There is no such program.")
        create = lambda: client.campaign.create(type="REFERRAL")
        await self.refused(growsurf.PermissionDeniedError, "FORBIDDEN", create)

    async def test_a_key_works_until_it_is_deleted(self):
        client, key = await self.keyed()
        id = (await settled(client.campaign.create(type="REFERRAL"))).id
        await settled(client.campaign.webhooks.create(id, payload_url=URL))
        gone = await settled(self.client.delete(f"/api-keys/{key}", cast_to=object))
        self.assertEqual(gone, {"id": key, "success": True})
        for call in (*self.reading(client, id), *self.changing(client, id)):
            await self.refused(growsurf.AuthenticationError, "UNAUTHORIZED", call)


load_tests = with_both_clients(Keys)
