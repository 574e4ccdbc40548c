"""One call of a handler, as it was seen from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.functions.gate import Made

__all__ = ["Call", "Thrown"]


@dataclass(frozen=True, slots=True)
class Thrown:
    """What a function threw; `line` is where in its file."""

    name: str
    message: str
    line: int | None = None

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Thrown:
        return cls(told["name"], told["message"], told["line"])

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


@dataclass(slots=True)
class Call:
    """One call of a handler, and everything that was seen of it.

    `made` are its requests by number. `threw` is None where it resolved. `statuses` is what
    onBatch reported of each event, with the message. `unawaited` are requests, and `timers`
    timers, that were under way when it settled; `rejections` are errors that nobody caught,
    `lacking` globals that are not installed here, `egress` where packages tried to connect to.
    """

    made: dict[int, Made] = field(default_factory=dict)
    threw: Thrown | None = None
    timed_out: bool = False
    crashed: str = ""
    statuses: list[tuple[int, str]] | None = None
    unawaited: int = 0
    timers: int = 0
    logs: list[tuple[str, str]] = field(default_factory=list)
    rejections: list[Thrown] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    egress: list[str] = field(default_factory=list)

    @property
    def requests(self) -> list[Made]:
        """What it sent, in the order it did."""
        return [self.made[number] for number in sorted(self.made)]

    @property
    def resolved(self) -> bool:
        return self.threw is None and not self.timed_out and not self.crashed

    def note(self, told: Mapping[str, Any]) -> None:
        """Enter something that happened on the way."""
        match told["told"]:
            case "log":
                self.logs.append((told["level"], told["text"]))
            case "rejection":
                self.rejections.append(Thrown.read(told))
            case "lacking":
                self.lacking.append(told["global"])
            case "egress":
                self.egress.append(told["to"])

    def settle(self, told: Mapping[str, Any]) -> None:
        """Enter how it ended."""
        self.threw = Thrown.read(told["threw"]) if told["threw"] else None
        self.unawaited, self.timers = told["unawaited"], told["timers"]
        if told["statuses"] is not None:
            self.statuses = [(one["status"], one["message"]) for one in told["statuses"]]
