"""429: the product's headers, the client's exception, and what the client does about it by itself."""

import time

import growsurf

import server
from both_clients import ClientCase, settled, with_both_clients

WINDOWS = {"Second": 1_000, "Minute": 60_000, "Hour": 3_600_000}
STANDING = [f"GrowSurf-RateLimit-{window}-{what}" for window in WINDOWS for what in ("Limit", "Remaining")]


class RateLimits(ClientCase):
    async def limited(self, limits, **settings):
        """A client with an API key of its own, at a server with these limits."""
        own = server.Server(GROUNDSWELL_RATE_LIMIT=limits)
        self.addCleanup(own.stop)
        self.admin = self.client_with(url=own.url)
        made = await settled(self.admin.post("/api-keys", cast_to=object, body={"name": "python"}))
        return self.client_with(made["key"], own.url, **settings)

    async def first_refusal(self, client, limit):
        """A window may end while it is used up, but hardly two in a row."""
        for _ in range(2 * limit + 1):
            try:
                await settled(client.campaign.list())
            except growsurf.RateLimitError as error:
                return error
        self.fail("it was never refused")

    async def test_over_a_limit_the_error_says_which_and_when_to_come_back(self):
        for at, (window, length_ms) in enumerate(WINDOWS.items()):
            limits = ["900", "9000", "90000"]
            limits[at] = "3"
            client = await self.limited("/".join(limits))
            error = await self.first_refusal(client, 3)
            self.check_error(error, "RATE_LIMIT")
            self.assertEqual(error.body["policyName"], window.upper())
            self.assertIn(f"3 requests per {window.lower()}", error.body["message"])
            headers = error.response.headers
            wait_ms = int(headers[f"GrowSurf-Retry-After-{window}-Milliseconds"])
            self.assertTrue(0 < wait_ms <= length_ms, wait_ms)
            self.assertEqual(int(headers["Retry-After"]), -(-wait_ms // 1000))
            self.assertEqual([headers[f"GrowSurf-RateLimit-{name}-Limit"] for name in WINDOWS], limits)
            self.assertEqual(headers[f"GrowSurf-RateLimit-{window}-Remaining"], "0")

    async def test_every_answer_to_an_api_key_says_where_it_stands(self):
        client = await self.limited("500/5000/50000")
        id = (await settled(client.campaign.create(type="REFERRAL"))).id
        raw = await settled(client.campaign.with_raw_response.retrieve(id))
        errors = [
            await self.error_of(growsurf.NotFoundError, lambda: client.campaign.retrieve("nosuchprogram")),
            await self.error_of(growsurf.BadRequestError, lambda: client.campaign.update(id, name="")),
            await self.error_of(growsurf.PermissionDeniedError, lambda: client.get("/api-keys", cast_to=object)),
            await self.error_of(growsurf.InternalServerError, lambda: client.team.retrieve()),
        ]
        before = None
        for headers in [raw.headers, *(error.response.headers for error in errors)]:
            limits = [int(headers[name]) for name in STANDING[::2]]
            remaining = [int(headers[name]) for name in STANDING[1::2]]
            self.assertEqual(limits, [500, 5000, 50000])
            for limit, left in zip(limits, remaining):
                self.assertTrue(0 <= left < limit)
            if before and before[2] > remaining[2]:
                self.assertEqual(before[2] - remaining[2], 1, "each request counts once")
            before = remaining
        self.assertNotIn("Retry-After", raw.headers)

    async def test_the_admin_key_has_no_limit(self):
        await self.limited("1/1/1")
        for _ in range(5):
            raw = await settled(self.admin.campaign.with_raw_response.list())
            self.assertFalse(set(name.lower() for name in STANDING) & set(raw.headers))

    async def test_without_limits_nothing_is_counted(self):
        client = await self.limited("off")
        raw = await settled(client.campaign.with_raw_response.list())
        self.assertFalse(set(name.lower() for name in STANDING) & set(raw.headers))

    async def test_each_key_has_its_own(self):
        first = await self.limited("900/9000/3")
        made = await settled(self.admin.post("/api-keys", cast_to=object, body={"name": "another"}))
        second = self.client_with(made["key"], first.base_url.copy_with(raw_path=b""))
        await self.first_refusal(first, 3)
        await settled(second.campaign.list())

    async def test_the_client_waits_as_long_as_it_is_told_and_reads_again(self):
        client = await self.limited("2/9000/90000", max_retries=5)
        begun, retries = time.monotonic(), 0
        for _ in range(6):
            raw = await settled(client.campaign.with_raw_response.list())
            retries += raw.retries_taken
        self.assertGreater(retries, 0)
        self.assertLess(time.monotonic() - begun, 15, "it waited longer than it was told")

    async def test_the_client_does_not_write_again(self):
        client = await self.limited("900/9000/3", max_retries=5)
        error = await self.first_refusal(client.with_options(max_retries=0), 3)
        self.check_error(error, "RATE_LIMIT")
        error = await self.error_of(growsurf.RateLimitError, lambda: client.campaign.create(type="REFERRAL"))
        self.assertEqual(error.request.headers["x-stainless-retry-count"], "0")
        self.assertEqual((await settled(self.admin.campaign.list())).campaigns, [])


load_tests = with_both_clients(RateLimits)
