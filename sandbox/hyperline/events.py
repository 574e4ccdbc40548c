"""Hyperline's events: one or a batch, kept once each, answered as v1 and v2 answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import orjson

from contracts.model import Violation
from sandbox.batch import Batch
from sandbox.body import content, parse
from sandbox.hyperline import errors
from sandbox.hyperline.admission import (
    UNKNOWN_CUSTOMER,
    Place,
    admit,
    current,
    stranger,
    terms,
    unused,
)
from sandbox.hyperline.fates import fates
from sandbox.hyperline.objections import MIXED, invalid, mixed
from sandbox.hyperline.rules import (
    FIELDS,
    Settled,
    Terms,
    objections,
    settle,
    strangers,
    unknown_keys,
)
from sandbox.hyperline.salvage import rejected
from sandbox.hyperline.state import Arrival, State
from sandbox.reply import Decision, Effects, Refusal, Reply
from sandbox.room import Call

__all__ = ["admitted", "ingest_batch", "keep", "kept"]

TOLD = 100
"""How many ignored keys are told of; one mistake in a template makes thousands."""

Event = Mapping[str, Any]


def _whole(_: int) -> str:
    return "$"


def _item(index: int) -> str:
    return f"$[{index}]"


def keep(call: Call, status: int) -> Decision:
    """One event: kept, or refused."""
    given = admitted(call)
    effects = kept(call, given)
    body = b"{}" if call.setting("hyperline.ingest.reply") == "object" else b""
    reply = Reply(status, body, "application/json" if body else None)
    return Decision(reply, effects, _ignored([call.body], _whole, given))


def admitted(call: Call) -> Terms:
    """The terms by which one event may be kept. Raises Refusal where it may not."""
    current(call)
    given, event = terms(call), call.body
    found = [*objections(event, "$", given), *unused(call, [event], _whole)]
    if found:
        raise Refusal(errors.invalid(found), found, rejected([event], found[0].rule))
    admit(call, [event], strangers([event], call.account.state), _whole)
    return given


def kept(call: Call, given: Terms) -> tuple[Effects, ...]:
    """Keep the one event that a request brought."""
    return _kept(call, [call.body], lambda raw: [parse(raw)], given)


def ingest_batch(call: Call, status: int, created: str) -> Decision:
    """Several events; `created` names those kept in the answer, beside events_failed."""
    current(call)
    given, events = terms(call), call.body
    faulty = _faulty(call, given)
    sound: Sequence[int] = range(len(events))
    if faulty:
        sound = [index for index in sound if index not in faulty]
    good = [events[index] for index in sound] if faulty else events
    missing = _missing(call, good, lambda index: _item(sound[index]))
    stored = [e for i, e in enumerate(good) if i not in missing] if missing else good
    failed = _failures(call, faulty, sound, missing)
    effects = _kept(call, stored, parse, given, whole=not failed)
    found = [*chain.from_iterable(faulty.values()), *missing.values()]
    answer = {created: _echo(stored), "events_failed": [_known(events[i]) for i in failed]}
    return Decision(
        Reply.json(answer, status),
        (*_dropped(failed, events), *effects),
        (*found, *_ignored(events, _item, given)),
    )


def _faulty(call: Call, given: Terms) -> dict[int, list[Violation]]:
    """What is wrong with single events, where that does not refuse the whole batch."""
    faulty = invalid(call, _item, given)
    if call.setting("hyperline.batch.invalid") == "refuse":
        _refuse(call, list(chain.from_iterable(faulty.values())))
    odd = mixed(call, _item, faulty)
    if call.setting(MIXED) == "reject":
        _refuse(call, list(chain.from_iterable(odd.values()))[:1])
    _refuse(call, unused(call, [e for i, e in enumerate(call.body) if i not in faulty], _item))
    return {**faulty, **odd}


def _refuse(call: Call, found: list[Violation]) -> None:
    """Refuse the whole batch for what is wrong, if anything is."""
    if found:
        raise Refusal(errors.invalid(found), found, rejected(call.body, found[0].rule))


def _missing(call: Call, good: Sequence[Event], place: Place) -> dict[int, Violation]:
    """Events that fail for want of a customer (rule hyperline.batch.unknown-customer)."""
    unknown = strangers(good, call.account.state)
    made = call.setting(UNKNOWN_CUSTOMER) == "auto-create"
    if not made and call.setting("hyperline.batch.unknown-customer") == "fail-each":
        return {index: stranger(good[index], place(index)) for index in unknown}
    admit(call, good, unknown, place)
    return {}


def _failures(
    call: Call,
    faulty: Mapping[int, Sequence[Violation]],
    sound: Sequence[int],
    missing: Mapping[int, Violation],
) -> dict[int, str]:
    """Index of each event that fails -> the rule, in the order of the answer
    (rule hyperline.batch.failed)."""
    rules = {index: found[0].rule for index, found in faulty.items()}
    rules |= {sound[index]: UNKNOWN_CUSTOMER for index in missing}
    by_cause = call.setting("hyperline.batch.failed") == "by-cause"
    return rules if by_cause else dict(sorted(rules.items()))


def _kept(
    call: Call, events: Sequence[Event], read: Any, given: Terms, *, whole: bool = True
) -> tuple[Effects, ...]:
    """Keep these events. `whole` says that they are all the request brought."""
    state: State = call.account.state
    if not events:
        return ()
    raw = content(call.request) if whole else orjson.dumps(events)
    arrival = state.arrived(Batch(raw, len(events), read, call.now), given.identity)
    return tuple(_effects(settle(events, arrival, given), arrival))


def _effects(done: Settled, arrival: Arrival) -> Iterator[Effects]:
    state, usage = arrival.state, arrival.usage
    yield from fates(state, "accepted", done.created, None, usage)
    yield from fates(state, "updated", done.updated, "hyperline.ingest.identity", usage)
    for rule, events in done.removed.items():
        yield Effects("removed", events, rule, usage)
    for rule, events in done.waiting.items():
        yield Effects("unmatched", events, rule, usage)


def _dropped(failed: Mapping[int, str], events: Sequence[Event]) -> Iterator[Effects]:
    for rule in dict.fromkeys(failed.values()):
        yield from rejected([events[index] for index, why in failed.items() if why == rule], rule)


def _echo(events: Sequence[Event]) -> list[Event]:
    """Sound events as the answer repeats them; most have no more than the keys they need."""
    return [event if len(event) == len(FIELDS) else _known(event) for event in events]


def _known(event: Event) -> Event:
    return {key: event[key] for key in FIELDS if key in event}


def _ignored(events: Sequence[Event], place: Place, given: Terms) -> tuple[Violation, ...]:
    """Keys that are left aside (rule hyperline.ingest.unknown-key); most events have none."""
    odd = [i for i, event in enumerate(events) if len(event) > len(FIELDS)]
    if not odd or given.unknown_keys == "reject":
        return ()
    every = (unknown_keys(events[index], place(index)) for index in odd)
    return tuple(islice(chain.from_iterable(every), TOLD))
