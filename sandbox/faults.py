"""Faults of one account: what goes wrong before a request is applied, and after.

The split matters: after applying, the state has changed and the caller does not know, and that
is the outcome which bills twice.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from types import UnionType
from typing import Any, Literal

from contracts.model import BadValue, UnknownSetting

__all__ = ["Fault", "Faults"]

Kind = Literal["delay", "status", "reset", "lost-reply", "in-flight"]
KINDS: dict[str, str] = {
    "delay": "wait `seconds`, then go on as usual",
    "status": "answer `status`, an error in the vendor's words, applying nothing",
    "reset": "reset the connection, applying nothing",
    "lost-reply": "apply the request, then close the connection without an answer",
    "in-flight": "answer as while another request with the same Idempotency-Key is under way",
}
FORMS: dict[str, tuple[type | UnionType, str]] = {
    "kind": (str, f"one of {', '.join(KINDS)}"),
    "endpoint": (str | None, "the name of an endpoint"),
    "times": (int, "a whole number"),
    "skip": (int, "a whole number"),
    "seconds": (int | float, "a number"),
    "status": (int, "a whole number"),
    "retry_after": (int | None, "a whole number of seconds"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to go wrong: for `times` requests, after letting `skip` pass.

    `endpoint` narrows it to one endpoint by name; None means every one. A `status` below 400 is
    what something on the way says that never passed the request on: it has no body.
    """

    kind: Kind
    endpoint: str | None = None
    times: int = 1
    skip: int = 0
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
        if self.times < 1 or self.skip < 0 or not 0 <= self.seconds <= 3600:
            raise BadValue("fault", asdict(self), "times >= 1, skip >= 0 and 0 <= seconds <= 3600")

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


class Faults:
    """The faults set on an account, and how often each has yet to strike."""

    def __init__(self) -> None:
        self._pending: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        self._pending.append((fault, [fault.skip, fault.times]))

    def clear(self) -> None:
        self._pending.clear()

    def __bool__(self) -> bool:
        return bool(self._pending)

    def pending(self) -> list[tuple[Fault, int]]:
        """Each fault with how many times it is still to strike."""
        return [(fault, left[1]) for fault, left in self._pending]

    def strike(self, endpoint: str | None) -> Fault | None:
        """The fault for this request, counted down; None for most."""
        for entry in self._pending:
            fault, left = entry
            if fault.endpoint not in (None, endpoint):
                continue
            if left[0] > 0:
                left[0] -= 1
                continue
            left[1] -= 1
            if left[1] == 0:
                self._pending.remove(entry)
            return fault
        return None
