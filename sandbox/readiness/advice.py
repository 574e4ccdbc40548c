"""What billing asks beside the vendor's rules: the project's own advice on the events of a run."""

from __future__ import annotations

from sandbox.lint.advice import SOURCE
from sandbox.lint.cause import Cause
from sandbox.lint.keys import Keys
from sandbox.lint.properties import Properties
from sandbox.readiness.policy import Policy
from sandbox.readiness.questions import Answer
from sandbox.readiness.run import Run
from sandbox.reports.model import Finding

__all__ = ["advice"]


def advice(run: Run, _: Policy) -> Answer:
    """Is there nothing in the events that a biller would regret?"""
    layout = run.layout
    if layout is None:
        return Answer("the contract does not say where usage stands in bodies", arises=False)
    # Whether an event is late or its customer there, the ledger knows better.
    watches = Keys(run.contract, layout), Properties(layout.numbers)
    for story in run.stories:
        for sight in story.sights:
            for watch in watches:
                watch.see(sight.usage)
    found = [_finding(cause) for watch in watches for cause in watch.causes()]
    return Answer("", found)


def _finding(cause: Cause) -> Finding:
    places = ", ".join(f"{spot.file} {spot.path}" for spot in cause.places)
    more = f" and {cause.more:,} more" if cause.more else ""
    return Finding(
        f"{cause.message} (in {places}{more})",
        path="",
        level=cause.level,
        rule=cause.advice.id,
        sentence=cause.advice.why,
        source=SOURCE,
        confidence="assumed",
        fix=cause.advice.fix,
    )
