"""What changed between two transcripts of a vendor: each change once, wherever it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.cases import read_cases
from contracts.model import Contract, Rule
from sandbox.verifying.changes import Change
from sandbox.verifying.comparison import Comparison, Seen
from sandbox.verifying.sameness import outline
from sandbox.verifying.transcript import Transcript

__all__ = ["Drift", "drifted"]

INDEX = re.compile(r"\[\d+\]")


@dataclass
class Drift:
    """A change, where it shows, and what a new refusal says."""

    change: Change
    reason: str = ""
    endpoints: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    rules: dict[str, tuple[Rule | None, ...]] = field(default_factory=dict)

    @property
    def rule(self) -> Rule | None:
        """The rule it touches: the cases' own, if they agree on one, or else the endpoint's."""
        own = {rules[0].id: rules[0] for rules in self.rules.values() if rules[0] is not None}
        if len(own) == 1:
            return next(iter(own.values()))
        return next((rules[-1] for rules in self.rules.values() if rules[-1] is not None), None)

    def shows(self, seen: Seen) -> None:
        """That it shows there too."""
        for told, name in ((self.endpoints, seen.endpoint), (self.cases, seen.case)):
            if name not in told:
                told.append(name)
        if len(seen.rules) > len(self.rules.get(seen.case, ())):
            self.rules[seen.case] = seen.rules


def drifted(
    contract: Contract, old: Transcript, new: Transcript
) -> tuple[list[Drift], Sequence[str]]:
    """Every change, and the names of the cases that were compared.

    Not compared is a case whose answers depend on what the account was used for before.
    """
    cases = {case.name: case for case in read_cases(contract)}
    comparison = Comparison(contract, cases)
    both = [name for name in old.cases if _played(old, name) and _played(new, name)]
    seen = [one for name in both for one in comparison.of(old.cases[name], new.cases[name])]
    return _grouped(seen), both


def _played(transcript: Transcript, name: str) -> bool:
    line = transcript.cases.get(name, {})
    return "entries" in line and line.get("steady", True)


def _grouped(seen: Sequence[Seen]) -> list[Drift]:
    """Changes that are the same one, together. A new refusal may say its reason where there was
    another refusal before, too."""
    found: dict[tuple[Any, ...], Drift] = {}
    refusals = {
        (one.endpoint, one.reason): ("refused", one.endpoint, one.reason)
        for one in seen
        if one.reason and any(change.kind == "status" for change in one.changes)
    }
    for one in sorted(seen, key=lambda one: not any(c.kind == "status" for c in one.changes)):
        for change in one.changes:
            key = refusals.get((one.endpoint, one.reason)) or _key(one, change)
            reason = one.reason if change.kind == "status" else ""
            found.setdefault(key, Drift(change, reason)).shows(one)
    return list(found.values())


def _key(seen: Seen, change: Change) -> tuple[Any, ...]:
    old, new = (outline(json.dumps(value, default=str)) for value in (change.old, change.new))
    if change.kind == "renamed":
        return (change.kind, change.old, change.new)
    if change.kind == "status":
        return (change.kind, seen.endpoint, change.old, change.new)
    if change.kind == "text":
        return (change.kind, change.path.rpartition(".")[2], old, new)
    return (change.kind, seen.endpoint, INDEX.sub("[*]", change.path))
