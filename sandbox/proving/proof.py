"""Plays a case, judges it, and finds the smallest case that goes wrong the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sandbox.proving.case import Case
from sandbox.proving.expectation import Expectation, expected
from sandbox.proving.hurry import hurried
from sandbox.proving.outcome import Played
from sandbox.proving.shrinking import shrunk
from sandbox.proving.verdict import Verdict, judged

__all__ = ["Play", "Proof", "prove", "smallest"]

Play = Callable[[Case, Expectation], Played]


@dataclass(frozen=True)
class Proof:
    """A case, how it was played, and what the ledgers say of it; `unset` was not set up."""

    case: Case
    played: Played
    verdict: Verdict
    unset: tuple[str, ...] = ()


def prove(case: Case, play: Play, *, lenient: bool = False) -> Proof:
    """Play a case and compare the ledgers with what the translators say. Raises MeterboxError."""
    expectation = hurried(expected(case))
    played = play(case, expectation)
    verdict = judged(case, expectation, played, lenient=lenient)
    return Proof(case, played, verdict, tuple(expectation.unset))


def smallest(proof: Proof, play: Play, *, tries: int, lenient: bool = False) -> Proof:
    """The proof of a smaller case whose first mismatch is of the same kind at the same vendor."""
    first, found = proof.verdict.mismatches[0], proof
    sought = proof.verdict.signature if first.what == "stuck" else [f"{first.vendor} {first.what}"]

    def wrong(case: Case) -> bool:
        nonlocal found
        tried = prove(case, play, lenient=lenient)
        if not set(sought) & set(tried.verdict.signature):
            return False
        found = tried
        return True

    def exactly(case: Case) -> Case:
        return replace(case, faults=(), strikes=tuple(found.played.strikes))

    shrunk(proof.case, wrong, exactly, first.vendor, tries=tries)
    return found
