"""Whose usage is whose: which Segment event each vendor's event was made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.functions.loss import Identity, Loss, Taken
from sandbox.reply import Usage

__all__ = ["Book", "Subject", "concerns"]

Place = tuple[str, str, str, str | None, str | None]
"""Whose usage, at which vendor and account, for which customer and meter."""
TWICE = ("segment.function.again",)


@dataclass(frozen=True, slots=True)
class Subject:
    """An event for the function: `place` is its file and line, `at` its JSON path there."""

    place: str
    at: str
    event: Mapping[str, Any]

    @property
    def handler(self) -> str:
        kind: str = self.event["type"]
        return f"on{kind.capitalize()}"

    @property
    def title(self) -> str:
        """An event as people call it: its type, and its name where it has one."""
        name = self.event.get("event") or self.event.get("name")
        return f"{self.event['type']} {name}" if isinstance(name, str) else self.event["type"]

    @property
    def bills(self) -> bool:
        """Whether it is of a type that tells of usage; others tell of who uses."""
        return self.event["type"] in ("track", "page", "screen")

    @property
    def lacking(self) -> list[str]:
        """What Segment always sends, and this event has not."""
        return [name for name in ("messageId", "timestamp") if not self.event.get(name)]

    @property
    def owner(self) -> str:
        """Who the event is: two of one messageId are one event, sent twice."""
        message = self.event.get("messageId")
        return message if isinstance(message, str) else f"{self.place} {self.at}"


def concerns(loss: Loss, subject: Subject, subjects: Sequence[Subject]) -> bool:
    """Whether a loss is this event's: its identity names the event, or none of its batch."""
    if loss.event is None or len(subjects) == 1:
        return True
    named = _named(loss.event, subjects)
    return not named or subject.owner in named


class Book:
    """What was billed for whom so far."""

    def __init__(self) -> None:
        self._owners: dict[Identity, str] = {}
        self._fresh: Counter[Place] = Counter()
        self._most: Counter[Place] = Counter()

    def twice(self, found: Taken, subjects: Sequence[Subject]) -> list[Loss]:
        """Usage that several calls had billed, more of it than any call has for its event."""
        fresh, held = _places(found.fresh, subjects), _places(found.held, subjects)
        return [
            Loss(f"it was billed in an earlier call too, of {place[0]}", TWICE, place[0])
            for place in fresh
            if self._fresh[place] + fresh[place] > max(self._most[place], held[place])
        ]

    def others(self, found: Taken, subjects: Sequence[Subject]) -> Iterator[Loss]:
        """Events that the vendor takes for one it had of another Segment event: one is lost."""
        for name, rule in found.known.items():
            first = self._owners.get(name)
            if first is not None and all(first != subject.owner for subject in subjects):
                why = f"the vendor takes it for the event of {first}: both are {name[2]!r}"
                yield Loss(why, (rule,) if rule else (), name[2])

    def enter(self, found: Taken, subjects: Sequence[Subject]) -> None:
        """Note what a call with these events had billed."""
        self._fresh.update(_places(found.fresh, subjects))
        for place, count in _places(found.held, subjects).items():
            self._most[place] = max(self._most[place], count)
        for name in found.held:
            self._owners.setdefault(name, _owner(name, subjects))


def _places(
    usages: Mapping[Identity, tuple[Usage, ...]], subjects: Sequence[Subject]
) -> Counter[Place]:
    """How often there is usage of each place."""
    return Counter(
        (_owner(name, subjects), name[0], name[1], usage.customer, usage.meter)
        for name, every in usages.items()
        for usage in every
    )


def _owner(name: Identity, subjects: Sequence[Subject]) -> str:
    """The event of a call that a vendor's event was made of, as far as can be told."""
    if len(subjects) == 1:
        return subjects[0].owner
    named = _named(name[2], subjects)
    return next((s.owner for s in subjects if s.owner in named), name[2])


def _named(identity: str, subjects: Sequence[Subject]) -> set[str]:
    """The events that an identity names, the longest first: m10 does not name m1 as well."""
    found = set()
    for owner in sorted({subject.owner for subject in subjects}, key=len, reverse=True):
        if owner in identity:
            found.add(owner)
            identity = identity.replace(owner, "\0")
    return found
