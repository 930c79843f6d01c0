"""What the client does when the server is overloaded, slow, away or back again."""

import asyncio
import select
import socket
import threading

import growsurf
import httpx

import server
from both_clients import ClientCase, settled, with_both_clients

# The server has room for sixteen bodies of the largest event.
LARGEST, ROOM_FOR = 4 << 20, 16


class Forwarder:
    """A proxy as there is before many servers: what it listens on stays the same while the server behind it changes.
    Without one behind it, connections are closed at once."""

    def __init__(self, target):
        self.target = target
        self.refused = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client):
        with client:
            try:
                host, port = self.target.removeprefix("http://").split(":")
                upstream = socket.create_connection((host, int(port)))
            except (OSError, AttributeError):
                self.refused.set()
                return
            with upstream:
                other = {client: upstream, upstream: client}
                while True:
                    for ready in select.select([client, upstream], [], [])[0]:
                        try:
                            data = ready.recv(65536)
                            other[ready].sendall(data)
                        except OSError:
                            return
                        if not data:
                            return

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Interruptions(ClientCase):
    def begin(self, path):
        """A producer that sends the largest event but for its last byte."""
        address = server.shared().url.removeprefix("http://")
        host, port = address.split(":")
        producer = socket.create_connection((host, int(port)))
        self.addCleanup(producer.close)
        head = f"POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {server.ADMIN_KEY}\r\n"
        producer.sendall(f"{head}content-length: {LARGEST}\r\n\r\n".encode() + b"x" * (LARGEST - 1))
        return producer

    async def test_overload_is_503_with_a_time_to_come_back_and_is_over_when_it_is_over(self):
        id = await self.program()
        producers = [self.begin(f"/v2/campaign/{id}/events") for _ in range(ROOM_FOR)]
        client = self.client_with(max_retries=3)

        async def refusal():
            try:
                await settled(client.campaign.update(id, name="Aviato"))
            except growsurf.InternalServerError as error:
                return error
            # This very call may have had the last of the room when one of the producers asked for it.
            producers.append(self.begin(f"/v2/campaign/{id}/events"))

        error = await self.until("it is overloaded", refusal)
        self.assertEqual(error.status_code, 503)
        self.check_error(error, "OVERLOADED")
        self.assertEqual(error.response.headers["retry-after"], "1")
        self.assertEqual(error.request.headers["x-stainless-retry-count"], "0", "the client writes only once")
        self.assertEqual((await settled(client.campaign.retrieve(id))).id, id, "reading needs no room")
        for producer in producers:
            producer.close()

        async def renamed():
            try:
                return await settled(client.campaign.update(id, name="Bachmanity"))
            except growsurf.InternalServerError:
                return None

        self.assertEqual((await self.until("there is room again", renamed)).name, "Bachmanity")

    async def test_reading_outlives_a_crash_and_writing_fails_at_once(self):
        own = server.Server()
        self.addCleanup(own.stop)
        proxy = Forwarder(own.url)
        self.addCleanup(proxy.close)
        client = self.client_with(url=proxy.url, max_retries=8)
        made = await settled(client.campaign.create(type="REFERRAL"))
        own.kill()
        proxy.target = None
        create = lambda: client.campaign.create(type="REFERRAL", name="written twice?")
        error = await self.error_of(growsurf.APIConnectionError, create)
        self.assertEqual(error.request.headers["x-stainless-retry-count"], "0")
        proxy.refused.clear()

        def bring_back():
            # Not before it was missed.
            proxy.refused.wait(20)
            own.start()
            proxy.target = own.url

        back = threading.Thread(target=bring_back)
        back.start()
        try:
            raw = await settled(client.campaign.with_raw_response.list())
        finally:
            await asyncio.to_thread(back.join)
        self.assertGreater(raw.retries_taken, 0)
        self.assertEqual((await settled(raw.parse())).campaigns, [made])

    async def test_a_server_that_is_not_there_is_a_connection_error(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        nobody = self.client_with(url=url)
        await self.error_of(growsurf.APIConnectionError, lambda: nobody.campaign.list())

    async def test_an_answer_that_takes_longer_than_the_client_waits_is_a_timeout(self):
        at = self.receiver()
        at.slow_paths.add("/slow")
        id = await self.program()
        await settled(self.webhooks.create(id, payload_url=at.url("/slow"), events=["CAMPAIGN_ENDED"]))
        impatient = self.client_with(timeout=0.3, max_retries=5)
        for call in (
            lambda: impatient.campaign.webhooks.test("primary", id=id),
            lambda: self.webhooks.test("primary", id=id, timeout=0.3),
            lambda: self.webhooks.test("primary", id=id, timeout=httpx.Timeout(5, read=0.3)),
            lambda: self.webhooks.with_raw_response.test("primary", id=id, timeout=0.3),
        ):
            error = await self.error_of(growsurf.APITimeoutError, call)
            self.assertEqual(error.request.headers["x-stainless-retry-count"], "0", "a test is not sent twice")
        self.assertEqual(len(at.requests), 4)
        self.assertEqual((await settled(impatient.campaign.retrieve(id))).id, id, "the next call is as any other")


load_tests = with_both_clients(Interruptions)
