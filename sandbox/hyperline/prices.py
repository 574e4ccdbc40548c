"""Prices of events: calculated once for each event, simulated, and looked up again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from contracts.model import Violation
from sandbox.hyperline.admission import UNKNOWN_CUSTOMER, admit
from sandbox.hyperline.events import admitted, keep, kept
from sandbox.hyperline.happenings import Happening
from sandbox.hyperline.holdings import Held, Wanted, held
from sandbox.hyperline.identity import written
from sandbox.hyperline.moments import moment, read
from sandbox.hyperline.pricing import Asked, Calculation, Price, priced, uncounted
from sandbox.hyperline.queries import flag, refused
from sandbox.hyperline.state import Arrival, State
from sandbox.reply import Decision, Reply
from sandbox.room import Call

__all__ = ["calculate", "ingest", "list_all", "simulate"]

CALCULATE = "hyperline.prices.calculate"
LIST = "hyperline.prices.list"
TAX = "hyperline.prices.tax"

Event = Mapping[str, Any]
Findings = tuple[Violation, ...]


def ingest(call: Call, status: int) -> Decision:
    """POST /v1/events: the event, and its prices by webhook where the query asks for them."""
    wanted = flag(call.request.query, "with_price_calculation", "hyperline.prices.webhook")
    decision = keep(call, status)
    if wanted:
        name = _name(call, call.body)
        done = _calculated(call, call.body, Asked(include_tax=True), name)
        state: State = call.account.state
        told = _whole(done, call)
        state.happenings.append(Happening("event.price_calculated", call.now, told))
    return decision


def calculate(call: Call) -> Decision:
    """POST /v1/events/prices: the first time the event is kept, and priced
    (rule hyperline.prices.calculate)."""
    asked, terms = _asked(call), admitted(call)
    state: State = call.account.state
    name = _name(call, call.body)
    before = state.calculations.get(state.priced.get(name, ""))
    if before is not None:
        why = "priced before: these are the first prices, and the event is not changed"
        return _answer(call, before, 201, (Violation("$", why, before.id, CALCULATE),))
    stored = _stored(call, name)
    if stored is None:
        effects = kept(call, terms)
        done = _calculated(call, call.body, asked, name)
        return _answer(call, done, 201, _told(done), effects)
    rule = "hyperline.prices.known-event"
    why = "the event came before without prices: it is priced as it was then, and not changed"
    done = _calculated(call, stored.event, asked, name, stored.arrival)
    return _answer(call, done, 201, (Violation("$", why, name, rule), *_told(done)))


def simulate(call: Call) -> Decision:
    """POST /v1/events/simulate-prices: nothing is kept (rule hyperline.prices.simulate)."""
    asked, event = _asked(call), call.body
    customer = _payer(call, event)
    done = _priced(call, event, customer, asked, ingested=False)
    if call.setting("hyperline.prices.simulated") == "kept":
        call.account.state.calculations[done.id] = done
    return _answer(call, done, 200, _told(done))


def list_all(call: Call) -> Decision:
    """GET /v1/events/prices, by record_id, calculation_id or both (rule hyperline.prices.list)."""
    query = call.request.query
    wanted, record = query.get("calculation_id"), query.get("record_id")
    if wanted is None and record is None:
        why = "record_id or calculation_id is needed"
        raise refused("record_id", why, None, "hyperline.prices.list-by")
    state: State = call.account.state
    found = [
        _whole(done, call)
        for done in state.calculations.values()
        if wanted in (None, done.id) and record in (None, written(done.event["record"]["id"]))
    ]
    return Decision(Reply.json(found))


def _asked(call: Call) -> Asked:
    query = call.request.query
    return Asked(
        query.get("product_id"), query.get("subscription_id"), flag(query, "include_tax", TAX)
    )


def _name(call: Call, event: Event) -> str:
    state: State = call.account.state
    return state.arrived([event], call.setting("hyperline.ingest.identity")).name(event)


def _payer(call: Call, event: Event) -> str | None:
    """Hyperline's id of the customer that an event names, if it names one; none is made."""
    asked = event.get("customer_id")
    known = None if asked is None else call.account.state.known(asked)
    if asked is not None and known is None and call.setting(UNKNOWN_CUSTOMER) != "auto-create":
        admit(call, [event], [0], lambda _: "$")
    return None if known is None else str(known["id"])


def _stored(call: Call, name: str) -> Held | None:
    """The event as it came before; none where the switch has the new one take its place."""
    state: State = call.account.state
    arrival = state.seen.get(name)
    if arrival is None or call.setting("hyperline.prices.known-event") == "update":
        return None
    ids = frozenset([written(call.body["record"]["id"])])
    return next(one for one in held(state, Wanted(record_ids=ids)) if one.name == name)


def _calculated(
    call: Call, event: Event, asked: Asked, name: str, arrival: Arrival | None = None
) -> Calculation:
    """The prices of an event that is kept; the first there are of it stay its prices."""
    state: State = call.account.state
    customer = (arrival or state.seen[name]).customer(event)
    done = _priced(call, event, customer, asked, ingested=True)
    state.calculations[done.id] = done
    state.priced.setdefault(name, done.id)
    return done


def _priced(
    call: Call, event: Event, customer: str | None, asked: Asked, *, ingested: bool
) -> Calculation:
    whole = call.setting("hyperline.prices.rounding") == "whole"
    groups = call.account.state.groups.values()
    prices = priced(event, customer, groups, asked, whole=whole)
    id = call.account.id(10, "cal_")
    return Calculation(id, event, customer, call.now, prices, asked, ingested)


def _told(done: Calculation) -> Findings:
    """What is odd about prices: there are none, or one counts what the event does not say."""
    if not done.prices:
        why = f"no price group for the event_type {done.event['event_type']!r} is asked for"
        return (Violation("$.event_type", why, done.event["event_type"], "hyperline.prices.none"),)
    return tuple(
        Violation(
            "$.record",
            f"{price.group.name} is for each {price.group.property}, of which there is no number",
            price.group.property,
            "hyperline.prices.property",
        )
        for price in done.prices
        if uncounted(done.event, price.group)
    )


def _answer(
    call: Call, done: Calculation, status: int, findings: Findings, effects: Any = ()
) -> Decision:
    result = [_row(done, price, call) for price in done.prices]
    return Decision(Reply.json({"id": done.id, "result": result}, status), effects, findings)


def _whole(done: Calculation, call: Call) -> dict[str, Any]:
    """A calculation as it is looked up."""
    return {"id": done.id, "result": [_listed(done, price, call) for price in done.prices]}


def _amount(value: Decimal) -> orjson.Fragment:
    """An amount as JSON, with every digit; the zeros it may end in are none."""
    text = format(value, "f")
    return orjson.Fragment(text.rstrip("0").rstrip(".") if "." in text else text)


def _row(done: Calculation, price: Price, call: Call) -> dict[str, Any]:
    """One price (rule hyperline.prices.result)."""
    group = price.group
    return {
        "customer_id": done.customer,
        "subscription_id": group.subscription_id,
        "product_id": group.product_id,
        "price_group": {"id": group.id, "name": group.name},
        "amount_excluding_tax": _amount(price.amount),
        **_taxed(price, call, asked=done.asked.include_tax),
        "currency": group.currency,
    }


def _taxed(price: Price, call: Call, *, asked: bool) -> dict[str, Any]:
    if not asked and call.setting(TAX) != "included":
        return {} if call.setting(TAX) == "omitted" else {"tax_amount": None, "total_amount": None}
    return {"tax_amount": _amount(price.tax), "total_amount": _amount(price.total)}


def _listed(done: Calculation, price: Price, call: Call) -> dict[str, Any]:
    """One price with the event that it is of."""
    at = read(done.event["timestamp"]) if "timestamp" in done.event else None
    return {
        **_row(done, price, call),
        "event_timestamp": done.event.get("timestamp") if at is None else moment(at),
        "event_type": done.event["event_type"],
        "record": done.event["record"],
        "ingested": done.ingested,
        "pre_calculated_at": moment(done.at),
    }
