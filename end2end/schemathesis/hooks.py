"""What Schemathesis has to be told to get beyond the first 404, and what no schema can say."""

import itertools
import json
import os
import random
import re
import time

import schemathesis
from schemathesis.core.parameters import ParameterLocation

# Programs with something of everything in them, and their ids.
FILLED = json.loads(os.environ["FILLED"])
# Programs without a webhook, since none takes more than five.
EMPTY = json.loads(os.environ["EMPTY"])
RECEIVER_URL = os.environ["RECEIVER_URL"]

# The largest integer up to which JavaScript holds every one.
MAX_SAFE = 2**53 - 1

# Ids that could be of a program; calls with others are meant to be refused.
PROGRAM_ID = re.compile("[A-Za-z0-9_-]{1,64}")

KEYS = itertools.count()

STATUS_RANGE = re.compile("[1-9][0-9]{2}-[1-9][0-9]{2}")


@schemathesis.hook
def before_call(context, case, kwargs):
    use_known_ids(case)
    use_up_key(case.headers)
    for members in (case.query, case.body):
        if isinstance(members, dict):
            order(members)
    # A body that is not there must not be set: it would be looked at as if it were.
    if is_meant_to_be_taken(case) and isinstance(case.body, (dict, list)):
        case.body = held_by_javascript(case.body)
    if isinstance(case.body, dict):
        send_to_receiver(case.body)
        if is_meant_to_be_taken(case):
            announce_in_time(case.body)
            name_once(case.body)
            give_headers_with_url(case)
        if is_meant_to_be_taken(case) and isinstance(case.body.get("campaignId"), str):
            case.body["campaignId"] = FILLED[0]["id"]


def is_meant_to_be_taken(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def use_known_ids(case):
    """Three of four calls are made of something that is there. In the stateful phase ids come from the answers before."""
    parameters = case.path_parameters
    if "id" not in parameters or case.meta is None or case.meta.phase.name == "stateful":
        return
    path = case.meta.components.get(ParameterLocation.PATH)
    if path is not None and path.mode.is_negative:
        return
    chance = random.Random(repr((sorted(parameters.items()), case.body)))
    if not PROGRAM_ID.fullmatch(str(parameters["id"])) or chance.random() < 0.25:
        return
    label = case.operation.label
    if label == "POST /v2/campaign/{id}/webhooks":
        parameters["id"] = chance.choice(EMPTY)
        return
    if label == "DELETE /v2/campaign/{id}/webhooks/{webhookId}":
        # Not those that other calls are made of.
        parameters |= {"id": chance.choice(EMPTY), "webhookId": "primary"}
        return
    program = chance.choice(FILLED)
    if label == "POST /v2/campaign/{id}/events" and isinstance(case.body, dict):
        fitting = [program for program in FILLED if case.body.get("event") in program["events"]]
        program = chance.choice(fitting or FILLED)
    for name in parameters:
        if name == "id":
            parameters[name] = program["id"]
        elif name in program:
            parameters[name] = chance.choice(program[name])


def use_up_key(headers):
    """The document's example would be the key of a thousand different events."""
    if headers is not None and headers.get("Idempotency-Key") == "signup-1":
        headers["Idempotency-Key"] = f"key-{next(KEYS)}"


def order(members):
    """`until` is later than `since`, and a range begins with the smaller number: the document says so in words."""
    try:
        if int(members["since"]) >= int(members["until"]):
            del members["since"]
    except (KeyError, TypeError, ValueError):
        pass
    status = members.get("status")
    if isinstance(status, str) and STATUS_RANGE.fullmatch(status):
        members["status"] = "-".join(sorted(status.split("-")))


def held_by_javascript(value):
    """Integers that JavaScript would print in another way are refused: the document says so in words."""
    if isinstance(value, dict):
        return {name: held_by_javascript(member) for name, member in value.items()}
    if isinstance(value, list):
        return [held_by_javascript(item) for item in value]
    if isinstance(value, int) and abs(value) > MAX_SAFE:
        return MAX_SAFE if value > 0 else -MAX_SAFE
    return value


def announce_in_time(body):
    """Maintenance begins within a year, and ends in the future and later than that: the document says so in words."""
    hour_ms = 3_600_000
    for name, hours in (("scheduledFrom", 1), ("scheduledUntil", 2)):
        # A number of JSON is as good with a fraction of nothing.
        if isinstance(body.get(name), (int, float)):
            body[name] = int(time.time() * 1000) + hours * hour_ms


def name_once(body):
    """A component is named once: the document says so in words."""
    components = body.get("components")
    if isinstance(components, list) and all(isinstance(one, dict) for one in components):
        body["components"] = list({one["component"]: one for one in components}.values())


def give_headers_with_url(case):
    """Values of headers do not go to another host unless they are given once more: the document says so in words."""
    if case.operation.label == "PATCH /v2/campaign/{id}/webhooks/{webhookId}" and "payloadUrl" in case.body:
        case.body.setdefault("headers", {})


def send_to_receiver(body):
    """Nothing is ever sent to somebody else."""
    url = body.get("payloadUrl")
    if isinstance(url, str) and url[:4].lower() == "http" and len(url) <= 2048:
        body["payloadUrl"] = RECEIVER_URL


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    """Lines are text already."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
