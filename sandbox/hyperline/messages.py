"""GET /v1/webhooks/messages: what endpoints were told, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from sandbox.clock import parse
from sandbox.hyperline.happenings import Sent
from sandbox.hyperline.moments import moment
from sandbox.hyperline.pages import iterated
from sandbox.hyperline.queries import refused
from sandbox.hyperline.state import State
from sandbox.hyperline.webhooks import payload
from sandbox.reply import Decision
from sandbox.room import Call

__all__ = ["list_all"]

KEPT = timedelta(days=90)


def list_all(call: Call) -> Decision:
    """The messages of a time, latest first (rules hyperline.webhook.messages and its
    neighbours)."""
    state: State = call.account.state
    types = set(_types(call))
    after, before = _bounds(call, state)
    rows = {
        sent.id: sent
        for sent in state.messages
        if (not types or sent.happening.type in types) and after <= sent.happening.at <= before
    }

    def shown(sent: Sent) -> dict[str, Any]:
        expunged = call.now - sent.happening.at > KEPT
        return {
            "id": sent.id,
            "event_id": sent.event_id,
            "payload": {} if expunged else payload(sent.happening),
            "sent_at": moment(sent.happening.at),
        }

    return iterated(call, [sent.id for sent in reversed(state.messages)], rows, shown)


def _bounds(call: Call, state: State) -> tuple[datetime, datetime]:
    """From when to when: 90 days up to now, or to the message that the iterator names, where
    nothing else is asked for."""
    named = call.request.query.get("iterator")
    latest = next((s.happening.at for s in state.messages if s.id == named), call.now)
    after, before = _moment(call, "after"), _moment(call, "before")
    return after or _before(before or latest), before or call.now


def _before(at: datetime) -> datetime:
    """90 days before that, as far back as time goes."""
    earliest = datetime.min.replace(tzinfo=UTC)
    return earliest if at - earliest < KEPT else at - KEPT


def _moment(call: Call, name: str) -> datetime | None:
    text = call.request.query.get(name)
    if text is None:
        return None
    try:
        return parse(text)
    except (ValueError, OverflowError) as fault:
        raise refused(name, "Invalid ISO datetime", text, "hyperline.webhook.messages") from fault


def _types(call: Call) -> Iterator[str]:
    """event_types in the ways in which a query may write a list."""
    for key, value in parse_qsl(call.request.query_string.decode("latin-1")):
        if key.partition("[")[0] == "event_types":
            yield from value.split(",")
