"""What the client has and this product does not: the table of its methods, and the error that each of the others gets.

The client is asked for what it has, so that nothing new in it is forgotten: each method is either here or refused.
"""

import inspect
from typing import Literal, get_args, get_origin, get_type_hints

import growsurf
from growsurf._resource import AsyncAPIResource, SyncAPIResource

from both_clients import ClientCase, with_both_clients

# The methods of the client that this product has. Every other one is for `is_absent`.
OURS = {
    "campaign.create",
    "campaign.retrieve",
    "campaign.update",
    "campaign.list",
    "campaign.webhooks.create",
    "campaign.webhooks.list",
    "campaign.webhooks.update",
    "campaign.webhooks.delete",
    "campaign.webhooks.test",
}

# By resource, how many of the client's methods belong to the hosted product alone.
ABSENT = {
    "account": 1,
    "campaign": 17,
    "campaign.commission": 2,
    "campaign.design": 2,
    "campaign.emails": 2,
    "campaign.installation": 2,
    "campaign.integrations": 1,
    "campaign.options": 2,
    "campaign.participant": 19,
    "campaign.resources": 5,
    "campaign.reward": 3,
    "campaign.rewards": 4,
    "team": 5,
}


# What a method asks for although its signature does not say so.
ALSO = {
    "campaign.resources.create": {"type": "LINK", "url": "https://example.com/"},
    "campaign.resources.update": {"title": "x"},
}


def methods(resource, path=()):
    """Each method below `resource` with its path, such as `campaign.webhooks.create`."""
    for name in dir(type(resource)):
        if name.startswith(("_", "with_")):
            continue
        member = getattr(resource, name)
        if isinstance(member, (SyncAPIResource, AsyncAPIResource)):
            yield from methods(member, (*path, name))
        elif path and callable(member):
            yield ".".join((*path, name)), member


def arguments(method):
    """Something for each argument that the method cannot do without."""
    types = get_type_hints(method)
    needed = [name for name, given in inspect.signature(method).parameters.items() if given.default is given.empty]
    return {name: something(types[name]) for name in needed}


def something(type):
    if type is str:
        return "x"
    if type is int:
        return 1
    if get_origin(type) is dict:
        return {"x": 1}
    if get_origin(type) is Literal:
        return get_args(type)[0]
    # A sequence of texts.
    return ["x"]


class AbsentParts(ClientCase):
    async def test_each_method_of_the_client_is_here_or_known_to_be_absent(self):
        found = [name for name, _ in methods(self.client)]
        self.assertLessEqual(OURS, set(found))
        absent = [name.rpartition(".")[0] for name in found if name not in OURS]
        self.assertEqual({resource: absent.count(resource) for resource in absent}, ABSENT)

    async def test_a_method_of_the_hosted_product_alone_says_so_and_is_not_tried_again(self):
        patient = self.client_with(max_retries=2)
        for name, method in methods(patient):
            if name not in OURS:
                with self.subTest(name):
                    await self.is_absent(method, {**arguments(method), **ALSO.get(name, {})})

    async def is_absent(self, method, given):
        error = await self.error_of(growsurf.InternalServerError, lambda: method(**given))
        self.assertEqual(error.status_code, 501)
        self.check_error(error, "NOT_IMPLEMENTED")
        path = f"{error.request.method} {error.request.url.path}"
        self.assertTrue(error.body["message"].startswith(f"{path} belongs to a part of the hosted product"), error.body)
        self.assertEqual(error.request.headers["x-stainless-retry-count"], "0")

    async def test_nobody_is_told_that_a_participant_is_not_there(self):
        id = await self.program()
        participant = self.campaigns.participant
        for call in (
            lambda: participant.retrieve("ada@example.com", id=id),
            lambda: participant.delete("ada@example.com", id=id),
            lambda: participant.add(id, email="ada@example.com"),
            lambda: self.campaigns.list_participants(id, limit=10),
        ):
            await self.refused(growsurf.InternalServerError, "NOT_IMPLEMENTED", call)

    async def test_a_path_that_nobody_has_is_not_found_and_says_what_is_there(self):
        id = await self.program()
        of_it = [f"/campaign/{id}/", f"/campaign/{id}/nope", f"/campaign/{id}/webhooks/primary/nope"]
        for path in ("", "/", "/nope", "/campaigns/", "/campaign", "/crews", *of_it):
            for method in ("get", "post", "put", "patch", "delete"):
                call = lambda: getattr(self.client, method)(path, cast_to=object)
                body = await self.refused(growsurf.NotFoundError, "NOT_FOUND", call)
                self.assertIn(f"{method.upper()} /v2{path or '/'}"[:40], body["message"])
                self.assertIn("campaigns and webhooks", body["message"])


load_tests = with_both_clients(AbsentParts)
