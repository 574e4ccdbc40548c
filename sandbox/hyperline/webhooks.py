"""Hyperline's webhooks: what happened becomes a message, signed in the Svix scheme each time it is
sent."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

from sandbox.account import ALPHABET, Account
from sandbox.hyperline.happenings import Happening, Sent
from sandbox.hyperline.state import State
from sandbox.reply import Decision, Reply
from sandbox.webhooks import Message, Target

__all__ = ["TIMEOUT", "collect", "dispatch", "headers", "key", "payload", "signature", "waits"]

TIMEOUT = 15.0
"""Seconds that an endpoint has to answer in (rule hyperline.webhook.timeout)."""
SVIX = tuple(timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18_000, 36_000, 36_000))
PREFIX = "whsec_"


def collect(account: Account, _: Decision | None, now: datetime) -> None:
    """Tell each endpoint what it wants to know of what has happened."""
    state: State = account.state
    told, state.happenings = state.happenings, []
    for happening in told:
        targets = [t for t in account.webhooks.targets.values() if t.wants(happening.type)]
        dispatch(account, happening, targets)


def dispatch(account: Account, happening: Happening, targets: Sequence[Target]) -> None:
    """One happening to these endpoints, as one message (rule hyperline.webhook.message-id)."""
    state: State = account.state
    # Not two of the account's ids: webhooks must not change what the API answers.
    state.told += 1
    chance = Random(f"{account.origin.seed}:message:{state.told}")
    id = "msg_" + "".join(chance.choices(ALPHABET, k=27))
    state.messages.append(Sent(id, "evt_" + "".join(chance.choices(ALPHABET, k=14)), happening))
    body = Reply.json(payload(happening)).body
    for target in targets:
        account.webhooks.post(Message(id, happening.type, target.id, body, happening.at))


def payload(happening: Happening) -> dict[str, Any]:
    """What is told of it (rule hyperline.webhook.payload)."""
    return {"event_type": happening.type, "data": happening.data}


def headers(account: Account, target: Target, message: Message) -> Mapping[str, str]:
    """The headers of an attempt that is made now (rule hyperline.webhook.signature)."""
    stamp = int(sent_at(account).timestamp())
    return {
        "content-type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": signature(target.secret, message.id, stamp, message.body),
    }


def sent_at(account: Account) -> datetime:
    """When an attempt is said to be made (rule hyperline.webhook.timestamp)."""
    if account.settings["hyperline.webhook.timestamp"] == "account":
        return account.clock.now()
    return account.clock.machine()


def signature(secret: str, id: str, stamp: int, body: bytes) -> str:
    """`v1,` and what a receiver works out from the same; `secret` with its prefix or without.

    Raises ValueError where the secret is no base64.
    """
    signed = hmac.new(key(secret), f"{id}.{stamp}.".encode() + body, sha256)
    return f"v1,{b64encode(signed.digest()).decode()}"


def key(secret: str) -> bytes:
    """What a secret stands for. Raises ValueError."""
    text = secret.removeprefix(PREFIX)
    return b64decode(text + "=" * (-len(text) % 4), validate=True)


def waits(settings: Mapping[str, Any]) -> Sequence[timedelta]:
    """Svix's own times, or none (rule hyperline.webhook.retries)."""
    return SVIX if settings["hyperline.webhook.retries"] == "svix" else ()
