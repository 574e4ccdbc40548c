"""What a test can set on an account: its clock, its faults, the switches of its rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from contracts import durations
from contracts.model import BadValue

__all__ = ["Ask", "Clock", "Faults", "Settings"]

Ask = Callable[..., Any]
"""`ask(method, *path, body=...)`, of the control API's paths below an account."""
PRESETS = Path(__file__).parent.with_name("presets")


class Clock:
    """The account's time. Times are datetimes with a zone or ISO texts, lengths "13h" or
    timedeltas; what cannot be is Unwilling."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self._ask("GET", "clock")["now"])

    def freeze(self, at: datetime | str | None = None) -> None:
        """Stand still, now or at a time."""
        self.turn({"freeze": True if at is None else at})

    def set(self, at: datetime | str) -> None:
        """Go on from another time."""
        self.turn({"set": at})

    def advance(self, by: timedelta | str) -> None:
        """Go forward by a length of time."""
        self.turn({"advance": by})

    def run(self) -> None:
        """Run again from where it stands."""
        self.turn({"run": True})

    def turn(self, act: Mapping[str, Any]) -> None:
        """One of freeze, set, advance and run, as the control API has it."""
        self._ask("POST", "clock", body={name: _plain(value) for name, value in act.items()})


class Faults:
    """What is to go wrong on the account: kinds of faults, and presets."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def add(self, fault: str | Mapping[str, Any], **more: Any) -> None:
        """A kind ("lost-reply", with `endpoint`, `times`, `status` ...) or a preset ("flaky", with
        `seed`), by name or as the control API has it."""
        named = {_form(fault): fault} if isinstance(fault, str) else dict(fault)
        self._ask("POST", "faults", body={**named, **more})

    def clear(self) -> None:
        self._ask("DELETE", "faults")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Those that have not struck as often as they will."""
        return iter(self._ask("GET", "faults")["faults"])

    def __len__(self) -> int:
        return len(list(iter(self)))


class Settings(MutableMapping[str, Any]):
    """The switches of the vendor's rules, by rule: `settings["..."] = "24h"`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def __getitem__(self, rule: str) -> Any:
        return self._all()[rule]["value"]

    def __setitem__(self, rule: str, value: Any) -> None:
        self.change({rule: value})

    def __delitem__(self, rule: str) -> None:
        """Back to the vendor's default."""
        self[rule] = self._all()[rule]["default"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def change(self, values: Mapping[str, Any]) -> None:
        """All of them or none."""
        plain = {rule: _plain(value) for rule, value in values.items()}
        self._ask("PATCH", "settings", body=plain)

    def _all(self) -> dict[str, Any]:
        told: dict[str, Any] = self._ask("GET", "settings")["settings"]
        return told


def _form(name: str) -> str:
    return "preset" if (PRESETS / f"{name}.toml").is_file() else "kind"


def _plain(value: Any) -> Any:
    """As JSON has it. Raises BadValue for a time without a zone."""
    if isinstance(value, timedelta):
        return durations.text(value)
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise BadValue("time", value.isoformat(), "a time with a zone")
    return value.isoformat()
