"""One event's way to one vendor: what it is translated to, each try, and what the ledger has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from contracts.conformance import violations
from contracts.model import Contract, MeterboxError, Violation
from contracts.reader import read
from sandbox.account import Account, Accounts
from sandbox.clock import iso
from sandbox.excerpt import excerpt, shallow
from sandbox.journal import Exchange
from sandbox.ledger import fate
from sandbox.metering import exact, plain
from sandbox.reply import Usage
from sandbox.reports.findings import finding
from sandbox.veil import Veil
from sandbox.view import dumps
from translators.event import BadEvent, parse
from translators.forwarding.integrations import filtered
from translators.mapping import translator
from translators.request import Translation, Untranslatable, VendorRequest
from translators.trace import Traced

if TYPE_CHECKING:
    from translators.forwarding.outbox import Delivery
    from translators.forwarding.outcome import Attempt

__all__ = [
    "Told",
    "answered",
    "attempt",
    "booked",
    "findings",
    "standing",
    "translated",
    "tries",
]

FINDINGS, ANSWER = 50, 2_000
"""Levels of a body that are told of; there are senders of thousands."""
LOST = ("reset", "lost-reply", "reset-after", "late-reply", "delay")
"""Faults after which whoever asked may have no answer."""
WORDS = {"unmatched": "not counted", "rejected": "refused"}
STANDINGS = {"pending": "waiting", "retry": "waiting", "filtered": "not sent"}
ENDS = {"dead": "dead letter", "refused": "refused"}
FILTERED = "segment.delivery.integrations"

Told = dict[str, Any]


def translated(vendor: str, event: Mapping[str, Any], settings: Mapping[str, Any]) -> Told:
    """What an event becomes at a vendor under these settings, and which field made which.

    `refused` tells why nothing is sent, if so: where, why, by which rule.
    """
    contract = read(vendor)
    told: Told = {"requests": [], "trace": [], "dropped": [], "refused": None}
    try:
        call = parse(event)
        kept_back = filtered(call.raw, contract.title)
        if kept_back is not None:
            return told | {"refused": _refused("$.integrations", kept_back.reason, FILTERED)}
        made = translator(vendor, settings)(call)
        if isinstance(made, Untranslatable):
            return told | {"refused": asdict(made)}
        return told | _translation(made, contract)
    except BadEvent as fault:
        return told | {"refused": _refused(fault.path, fault.why)}
    except RecursionError:
        return told | {"refused": _refused("$", "it is nested too deeply to be looked into")}
    except MeterboxError as fault:  # of the settings
        return told | {"refused": _refused("$", f"The destination's settings: {fault}")}


def _refused(path: str, reason: str, rule: str = "") -> Told:
    return {"path": path, "reason": reason, "rule": rule, "unsupported": False}


def _translation(made: Translation, contract: Contract) -> Told:
    trace: dict[str, Told] = {}
    for traced in made.trace:  # the first says most: a body that is sent whole names all of it
        trace.setdefault(traced.field, _traced(traced))
    return {
        "requests": [_request(request, contract) for request in made.requests],
        "trace": list(trace.values()),
        "dropped": list(made.dropped),
    }


def _traced(traced: Traced) -> Told:
    value = _shown((traced.source or "").rpartition(".")[2], traced.value, Veil(()))
    return {"field": traced.field, "source": traced.source, "value": value, "rule": traced.rule}


def _request(request: VendorRequest, contract: Contract) -> Told:
    """A request, and where it departs from the contract."""
    endpoint = contract.endpoint(request.endpoint)
    wanted = endpoint.wanted or endpoint.request
    wrong = [] if wanted is None else violations(request.body, wanted, rule=endpoint.rule)
    return {
        "endpoint": request.endpoint,
        "method": request.method,
        "path": request.path,
        "key": request.key,
        "body": shallow(request.body),
        "findings": findings(wrong, contract, Veil(())),
    }


def _shown(name: str, value: Any, veil: Veil) -> Any:
    """The value of a field of that name, or its beginning."""
    return excerpt(veil.field(name, value), veil, dumps)


def findings(wrong: Iterable[Violation], contract: Contract, veil: Veil) -> list[Told]:
    """Departures with what is known of their rules, and what to do."""
    told = [finding(one, contract.rules) for one in list(wrong)[:FINDINGS]]
    return [
        {
            "path": veil.text(one.path),
            "message": veil.text(one.message),
            "value": _shown(one.path.rpartition(".")[2], one.value, veil),
            "rule": one.rule,
            "sentence": one.sentence,
            "source": one.source,
            "confidence": one.confidence,
            "read": one.read,
            "fix": veil.text(one.fix if not one.fix.startswith("change ") else ""),
        }
        for one in told
    ]


def tries(
    delivery: Delivery, account: Account | None, accounts: Accounts
) -> list[tuple[Attempt, Exchange | None]]:
    """Each try of a delivery, with the vendor's side of it where that is here."""
    made = [(attempt, _found(attempt.exchange, accounts)) for attempt in delivery.attempts]
    heard = {told.number for _, told in made if told is not None}
    missed = iter(() if account is None else _unheard(delivery, heard, account))
    return [
        (attempt, next(missed, None) if attempt.exchange is None else told)
        for attempt, told in made
    ]


def _found(id: str | None, accounts: Accounts) -> Exchange | None:
    """An exchange by its id, if it is here and kept."""
    with suppress(MeterboxError):
        return None if id is None else accounts.exchange(id)
    return None


def _unheard(delivery: Delivery, heard: Collection[int], account: Account) -> Iterator[Exchange]:
    """The vendor's side of tries whose answer nobody got: the same request, and a fault."""
    bodies = [_written(request.body) for request in delivery.requests or ()]
    for told in account.journal.after(0):
        struck = told.fault is not None and told.fault.kind in LOST
        if struck and told.number not in heard and told.request.body in bodies:
            yield told


def _written(body: Any) -> bytes:
    from translators.forwarding.record import document

    return document(body)


def attempt(made: Attempt, told: Exchange | None, veil: Veil) -> Told:
    """One try as it is shown."""
    outcome = made.outcome
    after = getattr(outcome, "after", None)
    return {
        "time": iso(made.at),
        "waited": made.waited.total_seconds(),
        "status": made.status,
        "outcome": type(outcome).__name__.lower(),
        "reason": veil.text(getattr(outcome, "reason", "")),
        "code": getattr(outcome, "code", None),
        "retry_after": None if after is None else after.total_seconds(),
        "answer": veil.text(made.excerpt),
        "exchange": told.id if told is not None else made.exchange,
        "fault": told.fault.kind if told is not None and told.fault is not None else None,
    }


def answered(told: Exchange) -> Told:
    """One exchange as if it had been a try."""
    refused = told.verdict == "refused"
    return {
        "time": iso(told.at),
        "waited": 0.0,
        "status": told.reply.status,
        "outcome": "refused" if refused else "delivered",
        "reason": "",
        "code": None,
        "retry_after": None,
        "answer": told.reply.body.decode("utf-8", "replace")[:ANSWER],
        "exchange": None,
        "fault": None,
    }


def booked(told: Iterable[Exchange], account: Account, keys: Sequence[str]) -> Told:
    """What the ledger has of these exchanges, and what of it is billed now.

    Of an exchange with many events those are meant that have one of these `keys` in their name.
    """
    entries, names = [], dict[str, None]()
    for one in told:
        several = sum(len(effects.items) for effects in one.effects) > 1
        for outcome, rule, usage in _usages(one):
            if several and keys and not any(_named(usage.event, key) for key in keys):
                continue
            names[usage.event] = None
            entries.append({**_usage(usage), "outcome": outcome, "rule": rule, "exchange": one.id})
    account.elapse(account.clock.now())
    now = account.ledger.billed()
    return {
        "entries": entries,
        "billed": [_usage(usage) for name in names if name for usage in now.get(name, ())],
    }


def _named(event: str, key: str) -> bool:
    """Whether a name of the ledger's is of this key: `m-10` is not of `m-1`."""
    return re.search(rf"(?<![\w.-]){re.escape(key)}(?![\w.-])", event) is not None


def _usages(told: Exchange) -> Iterator[tuple[str, str | None, Usage]]:
    for effects in told.effects:
        for item in effects.items:
            for usage in effects.usages(item):
                outcome, rule = fate(effects, usage)
                yield WORDS.get(outcome, outcome), rule, usage


def _usage(usage: Usage) -> Told:
    return {
        "event": usage.event,
        "customer": usage.customer,
        "meter": usage.meter,
        "quantity": plain(exact(usage.quantity)),
    }


def standing(lane: Mapping[str, Any]) -> str:
    """How an event stands with a vendor, in a word or two."""
    refused, delivery = lane["translation"]["refused"], lane["delivery"]
    if lane["ledger"]["billed"]:
        return "billed"
    if refused is not None:
        meant = "kept back" if refused["rule"] == FILTERED else "not sent"
        return "not taken" if refused["unsupported"] else meant
    if delivery is None:
        return "not forwarded"
    return STANDINGS.get(delivery) or _ended(lane)


def _ended(lane: Mapping[str, Any]) -> str:
    """How an event stands that nothing is billed for, though it was sent."""
    outcomes = [entry["outcome"] for entry in lane["ledger"]["entries"]]
    if outcomes:
        said = next((word for word in reversed(outcomes) if word != "duplicate"), "duplicate")
        return "taken back" if said in ("accepted", "updated") else str(said)
    if lane["delivery"] in ENDS:
        return ENDS[lane["delivery"]]
    return "no usage" if lane["account"] is not None else "delivered"
