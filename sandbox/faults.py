"""Faults of one account: what goes wrong, when, and how often.

The split of kinds matters: what goes wrong before a request is applied loses nothing; after it,
the state has changed and the caller does not know, and that is the outcome which bills twice.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from random import Random
from types import UnionType
from typing import Any, Literal

from contracts import durations
from contracts.model import BadValue, UnknownSetting
from sandbox.clock import parse

__all__ = ["KINDS", "Fault", "Faults"]

Kind = Literal[
    "delay", "status", "reset", "in-flight",
    "status-after", "lost-reply", "reset-after", "late-reply",
    "drip", "truncated", "wrong-length", "malformed", "empty",
    "duplicate-webhook",
]  # fmt: skip
KINDS: dict[str, str] = {
    "delay": "wait `seconds`, then go on as usual",
    "status": "answer `status` in the vendor's words, applying nothing",
    "reset": "reset the connection, applying nothing",
    "in-flight": "answer as while another request with the same Idempotency-Key is under way",
    "status-after": "apply the request, then answer `status` in the vendor's words",
    "lost-reply": "apply the request, then close the connection without an answer",
    "reset-after": "apply the request, then reset the connection",
    "late-reply": "apply the request, then answer `seconds` later",
    "drip": "apply the request, then send the answer bit by bit over `seconds`",
    "truncated": "apply the request, then close the connection in the middle of the answer",
    "wrong-length": "apply the request, then answer with a Content-Length of half the body",
    "malformed": "apply the request, then answer with a body that is no JSON",
    "empty": "apply the request, then answer with an empty body",
    "duplicate-webhook": "send a webhook that was delivered once more",
}
FORMS: dict[str, tuple[type | UnionType, str]] = {
    "kind": (str, f"one of {', '.join(KINDS)}"),
    "endpoint": (str | None, "the name of an endpoint"),
    "times": (int | None, "a whole number, or null for no end"),
    "skip": (int, "a whole number"),
    "every": (int, "a whole number"),
    "probability": (int | float, "a number from 0 to 1"),
    "seed": (int, "a whole number"),
    "since": (str | None, "a time such as 2026-01-15T12:00:00Z"),
    "until": (str | None, "a time such as 2026-01-15T12:00:00Z"),
    "ttl": (str | None, "a length of time such as 5m"),
    "seconds": (int | float, "a number"),
    "status": (int, "a whole number"),
    "retry_after": (int | None, "a whole number of seconds"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to go wrong: for `times` requests, or without end when it is None.

    Of the requests to `endpoint`, or of all, it lets `skip` pass, then takes every `every`-th,
    with `probability`, drawn from `seed`: the same requests are struck each time. It strikes from
    `since` and before `until`, by the account's clock, and is gone `ttl` after it was set.
    A `status` below 400 is what something on the way says, and no vendor: it has no body.
    """

    kind: Kind
    endpoint: str | None = None
    times: int | None = 1
    skip: int = 0
    every: int = 1
    probability: float = 1.0
    seed: int = 0
    since: str | None = None
    until: str | None = None
    ttl: str | None = None
    seconds: float = 0.0
    status: int = 503
    retry_after: int | None = None

    def __post_init__(self) -> None:
        for name, (form, expected) in FORMS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, form):
                raise BadValue(name, value, expected)
        if self.kind not in KINDS:
            raise BadValue("kind", self.kind, f"one of {', '.join(KINDS)}")
        if not 200 <= self.status <= 599:
            raise BadValue("status", self.status, "a status, 200 to 599")
        if self.retry_after is not None and self.retry_after < 0:
            raise BadValue("retry_after", self.retry_after, "0 seconds or more")
        if not 0 <= self.probability <= 1:
            raise BadValue("probability", self.probability, "a number from 0 to 1")
        self._check_counts()
        self._check_times()

    def _check_counts(self) -> None:
        counts = (self.times is None or self.times >= 1) and self.skip >= 0 and self.every >= 1
        if not counts or not 0 <= self.seconds <= 3600:
            expected = "times >= 1, skip >= 0, every >= 1 and 0 <= seconds <= 3600"
            raise BadValue("fault", asdict(self), expected)

    def _check_times(self) -> None:
        for name in ("since", "until", "ttl"):
            value = getattr(self, name)
            try:
                if value is not None:
                    durations.parse(value) if name == "ttl" else parse(value)
            except (ValueError, OverflowError) as fault:
                raise BadValue(name, value, FORMS[name][1]) from fault

    @classmethod
    def read(cls, given: dict[str, Any]) -> Fault:
        """A fault from JSON. Raises UnknownSetting or BadValue."""
        for name in given:
            if name not in cls.__slots__:
                raise UnknownSetting(name, known=list(cls.__slots__))
        try:
            return cls(**given)
        except TypeError as fault:
            raise BadValue("fault", given, f"a fault ({fault})") from fault


@dataclass(slots=True)
class Pending:
    """A fault that is set: how many times it is still to strike, and how many requests it saw."""

    fault: Fault
    left: int | None
    begins: datetime | None
    ends: datetime | None
    seen: int = 0

    def over(self, now: datetime) -> bool:
        """Whether it will never strike again."""
        return self.left == 0 or (self.ends is not None and now >= self.ends)

    def strikes(self, now: datetime) -> bool:
        """Whether it strikes the request that came; each is counted."""
        if self.begins is not None and now < self.begins:
            return False
        self.seen += 1
        nth = self.seen - self.fault.skip
        if nth < 1 or nth % self.fault.every or not self._drawn():
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def _drawn(self) -> bool:
        """By lot, and by nothing but the seed and the number of the request."""
        if self.fault.probability == 1:
            return True
        return Random(f"{self.fault.seed}:{self.seen}").random() < self.fault.probability


class Faults:
    """The faults set on an account, and how often each has yet to strike."""

    def __init__(self) -> None:
        self._pending: list[Pending] = []

    def add(self, fault: Fault, now: datetime | None = None) -> None:
        """Set a fault at `now`, from which its time to live counts."""
        ends = [parse(fault.until)] if fault.until is not None else []
        if fault.ttl is not None and now is not None:
            ends.append(now + durations.parse(fault.ttl))
        begins = parse(fault.since) if fault.since is not None else None
        self._pending.append(Pending(fault, fault.times, begins, min(ends, default=None)))

    def clear(self) -> None:
        self._pending.clear()

    def __bool__(self) -> bool:
        return bool(self._pending)

    def pending(self) -> list[tuple[Fault, int | None]]:
        """Each fault with how many times it is still to strike; None is without end."""
        return [(pending.fault, pending.left) for pending in self._pending]

    def spans(self) -> list[tuple[datetime | None, datetime | None]]:
        """When each begins and ends to strike, where that is by the clock."""
        return [(pending.begins, pending.ends) for pending in self._pending]

    def strike(self, endpoint: str | None, now: datetime) -> Fault | None:
        """The fault for this request, counted down; None for most."""
        return self._struck(
            [
                pending
                for pending in self._pending
                if pending.fault.kind != "duplicate-webhook"
                and pending.fault.endpoint in (None, endpoint)
            ],
            now,
        )

    def strike_webhook(self, now: datetime) -> Fault | None:
        """The fault for a webhook that was delivered, counted down; None for most."""
        of_webhooks = [p for p in self._pending if p.fault.kind == "duplicate-webhook"]
        return self._struck(of_webhooks, now)

    def _struck(self, asked: list[Pending], now: datetime) -> Fault | None:
        self._pending = [pending for pending in self._pending if not pending.over(now)]
        for pending in asked:
            if not pending.over(now) and pending.strikes(now):
                self._pending = [one for one in self._pending if not one.over(now)]
                return pending.fault
        return None
