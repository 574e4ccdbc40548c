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
    """Changes that are the same one, together."""
    found: dict[tuple[Any, ...], Drift] = {}
    refusals = {refusal for one in seen if _turned(one) for refusal in _refusals(one)}
    for one in sorted(seen, key=lambda one: not _turned(one)):
        # A new refusal, or one that is gone, may say its reason in the place of another refusal.
        refusal = next((told for told in _refusals(one) if told in refusals), None)
        for change in one.changes:
            reason = one.reason if change.kind == "status" else ""
            key = refusal or _key(one, change)
            found.setdefault(key, Drift(change, reason)).shows(one)
    return list(found.values())


def _turned(seen: Seen) -> bool:
    return any(change.kind == "status" for change in seen.changes)


def _refusals(seen: Seen) -> list[tuple[Any, ...]]:
    """What says no, where, and whether it does so now or did before."""
    told = (("refused", seen.reason), ("was refused", seen.former))
    return [(when, seen.endpoint, reason) for when, reason in told if reason]


def _key(seen: Seen, change: Change) -> tuple[Any, ...]:
    old, new = (outline(json.dumps(value, default=str)) for value in (change.old, change.new))
    if change.kind == "renamed":
        return (change.kind, change.old, change.new)
    if change.kind == "status":
        return (change.kind, seen.endpoint, change.old, change.new)
    if change.kind == "text":
        return (change.kind, change.path.rpartition(".")[2], old, new)
    return (change.kind, seen.endpoint, INDEX.sub("[*]", change.path))
