"""What a team asks of a run before it goes live: `[ready.<vendor>]` in meterbox.toml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from contracts.model import Contract, MeterboxError, did_you_mean

__all__ = ["BadPolicy", "Policy", "known"]


class BadPolicy(MeterboxError):
    """The policy names a vendor, a rule or a question that there is not."""


@dataclass(frozen=True)
class Policy:
    """`expected` rules are broken on purpose in the run, and what they refuse is let go. `waived`
    is what need not be shown, by question or rule, each with its reason. `assumptions` are told, or
    refused but for those `trusted`. `coverage` is the least percentage by kind."""

    expected: frozenset[str] = frozenset()
    waived: Mapping[str, str] = field(default_factory=dict)
    assumptions: Literal["tell", "refuse"] = "tell"
    trusted: frozenset[str] = frozenset()
    coverage: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, table: Mapping[str, Any], contract: Contract, questions: Iterable[str]) -> Policy:
        """From a table that the schema of meterbox.toml allows. Raises BadPolicy."""
        expected, trusted = (frozenset(table.get(name, ())) for name in ("expected", "trusted"))
        waived = dict(table.get("waived", {}))
        rules = set(contract.rules)
        known(f"ready.{contract.vendor}.expected", expected, rules)
        known(f"ready.{contract.vendor}.trusted", trusted, rules)
        known(f"ready.{contract.vendor}.waived", waived, rules | set(questions))
        plain = {"assumptions": table.get("assumptions", "tell")}
        return cls(expected, waived, trusted=trusted, coverage=table.get("coverage", {}), **plain)


def known(key: str, given: Iterable[str], names: set[str]) -> None:
    """Raises BadPolicy when what is given at a key is not among these names."""
    for name in sorted(given):
        if name not in names:
            near = did_you_mean(name, sorted(names))
            hint = f" Did you mean {near!r}?" if near else ""
            raise BadPolicy(f"{key}: there is no {name!r}.{hint}")
