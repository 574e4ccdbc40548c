"""Orb's webhooks: what happened becomes a message, signed each time it is sent."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import chain
from random import Random
from typing import Any

from sandbox.account import ALPHABET, Account
from sandbox.orb.force import customer_of, in_force
from sandbox.orb.happenings import Happening
from sandbox.orb.rules import State
from sandbox.reply import Decision
from sandbox.webhooks import Message, Target

__all__ = ["collect", "dispatch", "envelope", "headers", "sent_at", "signature", "waits"]

LONGEST = timedelta(hours=12)
MOST = 50
WAITS = "orb.ingest.unknown-external-customer"


def collect(account: Account, decision: Decision | None, now: datetime) -> None:
    """Tell each endpoint what it wants to know of what has happened."""
    state: State = account.state
    if not state.happenings and not account.webhooks.targets:
        return
    told, state.happenings = state.happenings, []
    targets = [target for target in account.webhooks.targets.values() if target.enabled]
    if targets:
        brought = (event for happening in told for event in _brought(happening, account))
        told = [*told, *brought, *_ingested(decision, now)]
    for happening in told:
        dispatch(account, happening, [t for t in targets if t.wants(happening.type)])


def dispatch(account: Account, happening: Happening, targets: Sequence[Target]) -> None:
    """One happening to these endpoints, under one id and each in its own style."""
    # Not one of the account's ids: endpoints must not change what the API answers.
    chance = Random(f"{account.origin.seed}:webhook:{account.webhooks.count}")
    id = "".join(chance.choices(ALPHABET, k=16))
    for target in targets:
        body = envelope(id, happening, target.style)
        account.webhooks.post(Message(id, happening.type, target.id, body, happening.at))


def _ingested(decision: Decision | None, now: datetime) -> Iterator[Happening]:
    """The events of no customer that a request brought."""
    for effects in decision.effects if decision is not None else ():
        if effects.rule == WAITS:
            yield from (_unmatched(event, now) for event in effects.items)


def _brought(happening: Happening, account: Account) -> Iterator[Happening]:
    """The events of no customer that a backfill brought out when it was reflected."""
    state: State = account.state
    if happening.type != "backfill.reflected" or account.settings[WAITS] != "unmatched":
        return
    assert happening.resource is not None
    backfill = state.store.backfills[happening.resource["id"]]
    for version in chain.from_iterable(state.store.touched.values()):
        if version.backfill is backfill and in_force(version, state):
            event = version.event
            if customer_of(event, version.order, state) is None:
                yield _unmatched(event, happening.at)


def _unmatched(event: Mapping[str, Any], at: datetime) -> Happening:
    """What is told of an event of no customer (rules orb.webhook.unmatched-event and -when)."""
    shown = {
        "customer_id": event.get("customer_id"),
        "event_name": event["event_name"],
        "external_customer_id": event.get("external_customer_id"),
        "idempotency_key": event["idempotency_key"],
        "properties": event["properties"],
        "timestamp": event["timestamp"],
    }
    return Happening("event.unmatched_event", at, None, {"event": shown})


def envelope(id: str, happening: Happening, style: str) -> bytes:
    """A message's body, written as Python's json writes it (rule orb.webhook.envelope)."""
    body: dict[str, Any] = {
        "id": id,
        "created_at": happening.at.astimezone(UTC).replace(microsecond=0).isoformat(),
        "type": happening.type,
        "payload_style": style,
        "properties": happening.properties,
    }
    if happening.resource is not None:
        body[happening.type.partition(".")[0]] = happening.resource
    return json.dumps(body).encode()


def headers(account: Account, target: Target, message: Message) -> Mapping[str, str]:
    """The headers of an attempt that is made now (rule orb.webhook.signature)."""
    at = sent_at(account).astimezone(UTC).replace(tzinfo=None)
    stamp = at.isoformat(timespec="milliseconds")
    return {
        "content-type": "application/json",
        "x-orb-timestamp": stamp,
        "x-orb-signature": signature(target.secret, stamp, message.body),
    }


def sent_at(account: Account) -> datetime:
    """When an attempt is said to be made (rule orb.webhook.timestamp)."""
    if account.settings["orb.webhook.timestamp"] == "account":
        return account.clock.now()
    return account.clock.machine()


def signature(secret: str, stamp: str, body: bytes) -> str:
    signed = hmac.new(secret.encode(), f"v1:{stamp}:".encode() + body, sha256)
    return f"v1={signed.hexdigest()}"


def waits(settings: Mapping[str, Any]) -> Sequence[timedelta]:
    """Twice as long each time, up to 12 hours (rules orb.webhook.retries and its neighbour)."""
    first: timedelta = settings["orb.webhook.retry-after"]
    retries = min(settings["orb.webhook.retries"], MOST)
    found = [first]
    while len(found) < retries:
        found.append(max(first, min(found[-1] * 2, LONGEST)))
    return found[: max(0, retries)]
