"""Segment's edge: nearly everything is answered 200; what is not published is told beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts.model import Contract, Violation
from sandbox.account import Account
from sandbox.body import content
from sandbox.reply import Decision, Effects, Outcome, Refusal, Reply
from sandbox.room import Call, Operation, Room
from sandbox.segment import errors
from sandbox.segment.arrivals import Arrival, Envelope, arrivals, envelope, usage
from sandbox.segment.delivery import Source, instant, published
from sandbox.segment.oauth import form, token
from sandbox.segment.remarks import remarks
from sandbox.segment.rules import DISCARD, State, Terms, barred, judge, sift, weigh
from sandbox.segment.shelves import shelves

__all__ = ["create_room"]

CALLS = ("batch", "track", "identify", "page", "screen", "group", "alias")
CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type, x-retry-count"),
    (b"access-control-expose-headers", b"retry-after, x-ratelimit-reset, x-meterbox-exchange"),
    (b"access-control-max-age", b"86400"),
)


def create_room(contract: Contract) -> Room:
    operations: dict[str, Operation] = dict.fromkeys(CALLS, reception)
    return Room(
        contract,
        state=State,
        operations={
            **operations,
            "settings": settings,
            "token": token,
            "metrics": lambda _: Decision(errors.success()),
            "health": lambda _: Decision(Reply.json({"status": "ok"})),
            "preflight": lambda _: Decision(Reply(204, b"", None)),
        },
        words=errors,
        dashboard={
            "disable-source": _toggle("disabled", to=True),
            "enable-source": _toggle("disabled", to=False),
            "lock-workspace": _toggle("locked", to=True),
            "unlock-workspace": _toggle("locked", to=False),
            "debugger": _debugger,
        },
        readers={"token": form},
        always=CORS,
        tolerates=("refused",),
        shelves=shelves,
    )


def settings(call: Call) -> Decision:
    """The least that browsers and phones need before they send (rule segment.settings)."""
    key = call.request.params["key"]
    return Decision(Reply.json({"integrations": {"Segment.io": {"apiKey": key}}}))


def reception(call: Call) -> Decision:
    """POST of one call or a batch: 200, then each call by itself published or dropped."""
    terms = Terms.of(call.account.settings)
    arrived = arrivals(call.body, call.endpoint)
    size = len(content(call.request))
    heavy = weigh(size, arrived, terms, batch=call.endpoint.name == "batch")
    if heavy is not None:
        raise _refused(400, errors.TOO_LARGE, heavy.message, [heavy], arrived)
    around = envelope(call.body, call.endpoint)
    told = remarks(call, arrived)
    lost = [*around.found, *(remark for remark in told if terms.drops(remark))]
    if not lost:
        bar = barred(call.account.state, known=bool(call.account.key), count=len(arrived))
        lost = [bar] if bar is not None else []
    if lost:
        return _all_dropped(call, arrived, lost, told)
    return _sorted(call, arrived, around, terms, told, size)


def _all_dropped(
    call: Call, arrived: Sequence[Arrival], lost: list[Violation], told: list[Violation]
) -> Decision:
    """Nothing is published, for a reason that concerns the whole request."""
    findings = lost + [remark for remark in told if remark not in lost]
    _strictly(call, lost, findings, arrived)
    effects = _effects("dropped", arrived, lost[0].rule)
    return Decision(errors.success(), effects, tuple(findings))


def _sorted(
    call: Call,
    arrived: Sequence[Arrival],
    around: Envelope,
    terms: Terms,
    told: list[Violation],
    size: int,
) -> Decision:
    schema = call.endpoint.event
    assert schema is not None  # the contract gives each of CALLS an event schema
    for arrival in arrived:
        judge(arrival, schema, terms, size)
    bad = [arrival for arrival in arrived if arrival.code is not None]
    good = [arrival for arrival in arrived if arrival.code is None]
    partial = _partial(call, good, bad)
    if bad:
        wrong = [v for arrival in bad for v in arrival.found if terms.drops(v)]
        every = [v for arrival in arrived for v in arrival.found]
        _strictly(call, wrong, [*told, *every], arrived)
    fresh, repeated = sift(good, call.account.state, terms, call.now)
    forward = _published(call, fresh, around)
    findings = [*told, *(v for arrival in arrived for v in arrival.found), *partial]
    effects = (
        *_effects("accepted", fresh, None),
        *_effects("duplicate", repeated, "segment.dedup.window"),
        *_dropped(bad),
    )
    return Decision(errors.success(), effects, tuple(findings), forward)


def _published(call: Call, fresh: Sequence[Arrival], around: Envelope) -> list[dict[str, Any]]:
    source = Source(
        call.account.handle,
        _channel(call.request.path),
        call.now,
        instant(around.sent_at),
        call.setting("segment.batch.merge") == "batch",
    )
    events = []
    for arrival in fresh:
        id = arrival.given.get("messageId")
        if not id:
            id = call.account.id(27, "api-")
            arrival.given = {**arrival.given, "messageId": id}
        events.append(published(arrival, id, around, source))
    call.account.state.shown.extend(events)
    return events


def _channel(path: str) -> str:
    """Browsers and phones use the one-letter paths (rule segment.channel)."""
    return "client" if len(path.rstrip("/").rpartition("/")[2]) == 1 else "server"


def _partial(call: Call, good: Sequence[Arrival], bad: Sequence[Arrival]) -> list[Violation]:
    if not bad or call.endpoint.name != "batch":
        return []
    count = f"{len(bad)} of {len(bad) + len(good)} calls are dropped"
    code = "multi_user_error" if good else "empty_batch_result"
    return [Violation("$.batch", count, None, DISCARD + code)]


def _dropped(bad: Sequence[Arrival]) -> tuple[Effects, ...]:
    by_code: dict[str | None, list[Arrival]] = {}
    for arrival in bad:
        by_code.setdefault(arrival.code, []).append(arrival)
    return tuple(e for code, some in by_code.items() for e in _effects("dropped", some, code))


def _effects(outcome: Outcome, some: Sequence[Arrival], rule: str | None) -> tuple[Effects, ...]:
    if not some:
        return ()
    return (Effects(outcome, [usage(arrival) for arrival in some], rule),)


def _strictly(
    call: Call, wrong: Sequence[Violation], findings: list[Violation], arrived: Sequence[Arrival]
) -> None:
    """Refuse instead of dropping, where the account asks for it (rule segment.strict)."""
    if not call.setting("segment.strict"):
        return
    code = wrong[0].rule.rpartition(".")[2].replace("-", "_")
    status = 401 if code == "project_not_found" else 400
    raise _refused(status, code, wrong[0].message, findings, arrived)


def _refused(
    status: int, code: str, why: str, findings: list[Violation], arrived: Sequence[Arrival]
) -> Refusal:
    reply = errors.failure(status, code, why)
    return Refusal(reply, findings, _effects("rejected", arrived, findings[0].rule))


def _toggle(name: str, *, to: bool) -> Any:
    """What a person switches at app.segment.com."""

    def act(account: Account, _: Mapping[str, Any], __: datetime) -> dict[str, bool]:
        setattr(account.state, name, to)
        return {name: to}

    return act


def _debugger(account: Account, _: Mapping[str, Any], __: datetime) -> dict[str, Any]:
    """The latest calls that were published, as destinations get them."""
    return {"events": list(account.state.shown)}
