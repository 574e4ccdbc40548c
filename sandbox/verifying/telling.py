"""What drifted, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.model import Contract
from sandbox.reports.model import Check, Finding, Report
from sandbox.verifying.changes import Change
from sandbox.verifying.drift import Drift
from sandbox.verifying.transcript import Transcript

__all__ = ["sentence", "told"]

FEW = 3
LONG = 120


def told(
    contract: Contract,
    old: Transcript,
    new: Transcript,
    found: Sequence[Drift],
    compared: Sequence[str],
) -> Report:
    """A report of all of it: a check for each change."""
    one_sided = len(old.cases.keys() ^ new.cases.keys())
    more = f"; {one_sided} cases are in one of them only" if one_sided else ""
    count = "1 change" if len(found) == 1 else f"{len(found)} changes"
    subject = (
        f"{contract.title}, {old.head['at'][:16]} to {new.head['at'][:16]}: {count} in "
        f"{len(compared)} cases{more}."
    )
    checks = [_check(contract, drift) for drift in found]
    same = max(len(compared) - len({name for drift in found for name in drift.cases}), 0)
    return Report(f"meterbox drift {contract.vendor}", subject, checks, {"passed": same})


def sentence(change: Change) -> str:
    """A change in a sentence."""
    match change.kind:
        case "renamed":
            return f"{change.old} is called {change.new} now"
        case "status":
            if change.old < 400 <= change.new:
                return f"what was answered {change.old} is refused now, with {change.new}"
            if change.new < 400 <= change.old:
                return f"what was refused with {change.old} is answered {change.new} now"
            return f"is answered {change.new} now, and was {change.old}"
        case "missing":
            return f"is no longer there; it was {_short(change.old)}"
        case "new":
            return f"is new: {_short(change.new)}"
        case "length":
            return f"has {change.new} items now, and had {change.old}"
        case _:
            return f"is {_short(change.new)} now, and was {_short(change.old)}"


def _check(contract: Contract, drift: Drift) -> Check:
    rule, change = drift.rule, drift.change
    finding = Finding(
        message=sentence(change) + (f": {drift.reason}" if drift.reason else ""),
        path=change.path,
        value=change.new,
        rule=rule.id if rule else "",
        sentence=rule.sentence if rule else "",
        source=rule.source if rule else "",
        confidence=rule.confidence if rule else "",
        read=rule.read if rule else "",
        fix="see whether the vendor announced it; then change the rule, its case and your code.",
    )
    where = _list(drift.endpoints)
    return Check(where, contract.title, "failed", [finding], f"in {_cases(drift.cases)}")


def _cases(names: Sequence[str]) -> str:
    return f"the case {names[0]}" if len(names) == 1 else f"{len(names)} cases: {_list(names)}"


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONG else f"{text[:LONG]}…"
