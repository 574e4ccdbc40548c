"""Kana's edge: GraphQL for backends and browsers, and Segment's events one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from contracts.conformance import violations
from contracts.model import Contract, Endpoint, Violation
from sandbox.kana import cli, dashboard, errors, mappings, rules, users
from sandbox.kana.shelves import shelves
from sandbox.kana.spelling import documented
from sandbox.kana.state import Event, State, Terms
from sandbox.reply import Decision, Effects, Refusal, Reply, Usage
from sandbox.room import Call, Operation, Room

if TYPE_CHECKING:
    from sandbox.account import Accounts

__all__ = ["create_room"]

IGNORABLE = ("name", "email", "billingUserId")


def create_room(contract: Contract) -> Room:
    return Room(
        contract,
        state=State,
        operations={
            "segment-events": receive,
            "graphql": _later("admin"),
            "graphql-playground": _later("playground"),
            "client-graphql": _later("client"),
            "client-graphql-preflight": _later("preflight"),
            "cli-pull": cli.pull,
            "cli-validate": cli.validate,
            "cli-publish": cli.publish,
        },
        words=errors,
        dashboard=dashboard.FUNCTIONS,
        salvage=_salvage,
        waives=_waives,
        always=((b"access-control-allow-origin", b"*"),),
        tenant=_tenant,
        elapse=mappings.elapse,
        shelves=shelves,
    )


def _later(name: str) -> Operation:
    """An operation that is imported when it is asked for: a sandbox that is sent events only
    starts without GraphQL."""

    def operation(call: Call) -> Decision:
        decide: Operation = getattr(import_module("sandbox.kana.endpoints"), name)
        return decide(call)

    return operation


def _tenant(credential: str, accounts: Accounts) -> str | None:
    from sandbox.kana.tokens import tenant

    return tenant(credential, accounts)


def receive(call: Call) -> Decision:
    """POST /segment/events: identify and track, each messageId once."""
    body = _read(call)
    state: State = call.account.state
    terms = Terms.of(call.account.settings)
    if body["type"] not in ("identify", "track"):
        why = f"{body['type']!r} is not read"
        found = Violation("$.type", why, body["type"], "kana.event.unsupported")
        return Decision(_thanks(call), findings=(found,))
    if rules.repeated(_message_id(body), state, terms):
        return _repeat(call, body)
    decide = _track if body["type"] == "track" else _identify
    effects, findings = decide(call, body, state, terms)
    state.heard = call.now
    return Decision(_thanks(call), effects, (*_nameless(body, terms), *findings))


def _read(call: Call) -> Any:
    """The event; with keys in any casing where the switch says so (rule kana.event.spelling)."""
    if call.setting("kana.event.spelling") == "documented":
        return call.body
    body, schema = documented(call.body), call.endpoint.request
    every = violations(body, schema, rule=call.endpoint.rule) if schema is not None else []
    found = [violation for violation in every if not _forgiven(violation, call.account.settings)]
    if found:
        raise _refused(body, found, call.endpoint)
    return body


def _track(
    call: Call, body: Mapping[str, Any], state: State, terms: Terms
) -> tuple[tuple[Effects, ...], tuple[Violation, ...]]:
    id = _identity(call, body, state)
    properties = body.get("properties") or {}
    event = Event(id, body["userId"], body.get("event"), properties, call.now)
    found = rules.refusals(event, state, terms)
    if found:
        raise _refused(body, found, call.endpoint)
    state.take(_message_id(body), id)
    tracked = rules.track(event, state, terms)
    return tracked.effects, tracked.findings


def _identify(
    call: Call, body: Mapping[str, Any], state: State, terms: Terms
) -> tuple[tuple[Effects, ...], tuple[Violation, ...]]:
    state.take(_message_id(body), _identity(call, body, state))
    traits = body.get("traits") or {}
    # A trait of another type is only here when it is to be ignored (rule kana.identify.types).
    name, email, billing_id = (
        traits[key] if isinstance(traits.get(key), str) and traits[key] else None
        for key in IGNORABLE
    )
    done = users.identify(users.Payload(body["userId"], name, email, billing_id), state, terms)
    brought = rules.retry(state, terms, call.now) if done.fresh else ()
    return done.effects + brought, done.findings + _misspelt(traits)


def _misspelt(traits: Mapping[str, Any]) -> tuple[Violation, ...]:
    """The trait that Segment's own sample has, and Kana drops."""
    if "billingId" not in traits:
        return ()
    why, given = "is dropped: Kana reads billingUserId", traits["billingId"]
    found = Violation("$.traits.billingId", why, given, "kana.identify.fields", "billingUserId")
    return (found,)


def _repeat(call: Call, body: Mapping[str, Any]) -> Decision:
    call.account.state.heard = call.now
    message_id, rule = _message_id(body), "kana.event.dedup"
    found = Violation("$.messageId", "this messageId came before", message_id, rule)
    lost = [_usage(body)] if body["type"] == "track" else []
    effects = (Effects("duplicate", lost, rule),) if lost else ()
    return Decision(_thanks(call), effects, (found,))


def _identity(call: Call, body: Mapping[str, Any], state: State) -> str:
    """What the ledger knows an event by: its messageId, and a new name when that is taken."""
    return state.free(_message_id(body) or call.account.id())


def _message_id(body: Mapping[str, Any]) -> str:
    value = body.get("messageId")
    return value if isinstance(value, str) else ""


def _nameless(body: Mapping[str, Any], terms: Terms) -> tuple[Violation, ...]:
    if _message_id(body) or terms.dedup == "off":
        return ()
    why = "without a messageId of text, a repeat cannot be told from a new event"
    return (Violation("$.messageId", why, body.get("messageId"), "kana.event.dedup"),)


def _thanks(call: Call) -> Reply:
    return Reply.json({}, int(call.setting("kana.event.success")))


def _refused(body: Any, found: Sequence[Violation], endpoint: Endpoint) -> Refusal:
    lost = _salvage(body, endpoint)
    effects = (Effects("rejected", lost, found[0].rule),) if lost else ()
    return Refusal(errors.violating(found, body, endpoint), found, effects)


def _waives(violation: Violation, settings: Mapping[str, Any]) -> bool:
    # In any casing, the event is checked once its keys are spelled as documented: see _read.
    return settings["kana.event.spelling"] == "any" or _forgiven(violation, settings)


def _forgiven(violation: Violation, settings: Mapping[str, Any]) -> bool:
    """Departures that an account's switches forgive."""
    if violation.rule == "kana.event.unsupported":
        return bool(settings[violation.rule] == "ignored")
    if violation.rule == "kana.track.types":
        return bool(settings[violation.rule] == "unmapped")
    return violation.rule == "kana.identify.types" and settings[violation.rule] == "ignored"


def _salvage(body: Any, _: Endpoint) -> Sequence[Usage]:
    """The usage a refused track call would have been, as far as it can be told."""
    if not isinstance(body, dict) or body.get("type") != "track":
        return ()
    return [_usage(body)]


def _usage(body: Mapping[str, Any]) -> Usage:
    properties = body.get("properties")
    given = properties if isinstance(properties, dict) else {}
    feature, delta, customer = given.get("featureId"), given.get("delta"), body.get("userId")
    if isinstance(delta, bool) or not isinstance(delta, int | float):
        delta = 1
    return Usage(
        _message_id(body),
        customer if isinstance(customer, str) else None,
        feature if isinstance(feature, str) else None,
        delta,
    )
