"""What a handler's requests came to: which usage is billed, and which the vendor has not taken.

A handler that resolves tells Segment that all is well; the answers and the ledgers tell whether.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sandbox.body import Unreadable
from sandbox.functions.call import Call
from sandbox.functions.gate import Made
from sandbox.ledger import BILLED, fate
from sandbox.reply import Effects, Usage

__all__ = ["Identity", "Loss", "Taken", "losses", "taken"]

Identity = tuple[str, str, str]
"""A vendor, an account's handle, and what the vendor tells an event by."""
SAFE = ("GET", "HEAD", "OPTIONS")
KNOWN = ("duplicate", "updated")


@dataclass(frozen=True, slots=True)
class Loss:
    """Usage that is not billed, or may not be; `event` is its identity where it is known."""

    why: str
    rules: tuple[str, ...] = ()
    event: str | None = None


@dataclass(slots=True)
class Taken:
    """What a call's requests did to events, by identity.

    `held` is usage that the vendor has now, `billed` what of it counts by this call, `fresh` what
    it had not had before. `known` are events that the vendor had, with the rule by which it
    replaces or ignores them; `repeated` those that one request brings twice. `unbilled` is what
    does not count.
    """

    held: dict[Identity, tuple[Usage, ...]] = field(default_factory=dict)
    billed: dict[Identity, tuple[Usage, ...]] = field(default_factory=dict)
    fresh: dict[Identity, tuple[Usage, ...]] = field(default_factory=dict)
    known: dict[Identity, str | None] = field(default_factory=dict)
    repeated: dict[Identity, str | None] = field(default_factory=dict)
    unbilled: dict[Identity, Loss] = field(default_factory=dict)


def taken(call: Call) -> Taken:
    """What the vendors' ledgers say of the call's requests."""
    found = Taken()
    for made in call.requests:
        seen: set[Identity] = set()
        for effects in made.exchange.effects if made.exchange is not None else ():
            for item in effects.items:
                _enter(found, made, effects, effects.usages(item), seen)
    return found


def _enter(
    found: Taken, made: Made, effects: Effects, usages: tuple[Usage, ...], seen: set[Identity]
) -> None:
    assert made.account is not None
    if made.account.room.contract.role != "billing" and effects.outcome in BILLED:
        return  # it was passed on, and billed by nobody yet
    name = (made.account.vendor, made.account.handle, usages[0].event)
    if name in seen:
        found.repeated[name] = effects.rule
    seen.add(name)
    fates = [fate(effects, usage) for usage in usages]
    counted = tuple(u for u, told in zip(usages, fates, strict=True) if told[0] in BILLED)
    if effects.outcome in KNOWN:
        found.known.setdefault(name, effects.rule)
        found.held[name] = usages
    elif counted:
        found.fresh[name] = found.held[name] = counted
    if counted:
        found.billed[name] = counted
    elif effects.outcome not in ("duplicate", "removed"):
        outcome, rule = fates[0]
        answered = made.status if made.status is not None else "nothing"
        why = f"{made.account.room.contract.title} answered {answered}: the event is {outcome}"
        found.unbilled[name] = Loss(why, _rules(made, rule), usages[0].event)


def losses(call: Call, found: Taken) -> Iterator[Loss]:
    """Why usage of this call is lost, though its handler resolved."""
    for name, loss in found.unbilled.items():
        if name not in found.billed and name not in found.known:
            yield loss
    for name, rule in found.repeated.items():
        why = f"one request brings two events of one identity: {name[2]}"
        yield Loss(why, (rule,) if rule else (), name[2])
    for index, made in enumerate(call.requests):
        if _matters(made, call.requests[index + 1 :], found):
            yield Loss(_refusal(made), _rules(made, None))
    if call.unawaited:
        why = f"{_count(call.unawaited, 'request')} under way when the handler resolved"
        yield Loss(f"{why}: nothing says that Segment lets it end", ("segment.function.unawaited",))
    for thrown in call.rejections:
        why = f"an error that nobody awaits: {thrown}"
        yield Loss(why, ("segment.function.unawaited",))


def _matters(made: Made, later: Sequence[Made], found: Taken) -> bool:
    """Whether a request that was refused, or got no answer, means that something is lost."""
    if not made.refused or made.asked.method in SAFE:
        return False
    if any(not other.refused and _same(made, other) for other in later):
        return False
    if made.exchange is None or made.account is None:
        return True
    if made.exchange.effects:
        return False  # its events speak for themselves
    carries = _carries_usage(made)
    if carries is None:
        return True
    vendors = {(vendor, handle) for vendor, handle, _ in found.billed}
    return carries or (made.account.vendor, made.account.handle) not in vendors


def _same(one: Made, other: Made) -> bool:
    left, right = one.asked, other.asked
    return (left.method, left.url, left.body) == (right.method, right.url, right.body)


def _carries_usage(made: Made) -> bool | None:
    """Whether the body holds usage; None when nobody can tell."""
    assert made.exchange is not None
    assert made.account is not None
    room, exchange = made.account.room, made.exchange
    if exchange.endpoint is None:
        return None
    endpoint = room.contract.endpoint(exchange.endpoint)
    try:
        # A copy, which keeps the body that is read here; the journal's must not.
        body = room.body(endpoint, replace(exchange.request))
    except Unreadable:
        return None
    return bool(room.salvage(body, endpoint))


def _refusal(made: Made) -> str:
    line = f"{made.asked.method} {made.asked.url}"
    if made.status is None:
        return f"{line} got no answer: {made.broken}"
    assert made.account is not None
    return f"{made.account.room.contract.title} answered {made.status} to {line}"


def _rules(made: Made, own: str | None) -> tuple[str, ...]:
    """The rule of an event's fate, and those of everything the vendor found amiss."""
    found = [f.rule for f in made.exchange.findings] if made.exchange is not None else []
    return tuple(dict.fromkeys(rule for rule in (own, *found) if rule))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
