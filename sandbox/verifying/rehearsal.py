"""Which cases say something about an account that others have used: found out in a sandbox here.

Elsewhere all cases share one account, at the time it is. A case that the sandbox itself does not
answer as written under these circumstances would tell nothing of the target.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.cases import Case
from contracts.model import Contract
from sandbox.app import Options, create_app
from sandbox.clock import iso
from sandbox.veil import Veil
from sandbox.verifying.comparison import Comparison
from sandbox.verifying.guest import Guest, Manners, Stay
from sandbox.verifying.indoors import Indoors
from sandbox.verifying.playing import needs
from sandbox.verifying.transcript import Entry, Recording

__all__ = ["Rehearsal", "rehearsed"]

ENDLESS = Manners(most=1_000_000)
OPEN = Veil(())


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """By name, why a case says nothing about an account that others may have used; and the cases
    that are answered as written, but on the way there otherwise than the time before."""

    unfit: Mapping[str, str]
    unsteady: frozenset[str]


def rehearsed(contract: Contract, cases: Sequence[Case]) -> Rehearsal:
    """All cases on one account: first on a fresh one, then on one that all of them have used.

    Again without those that are unfit, which nobody will play, until all are fit: what one leaves
    may be what makes another fit.
    """
    unfit: dict[str, str] = {}
    with Indoors.opened(create_app(Options())) as indoors:
        while True:
            played = [case for case in cases if not needs(case) and case.name not in unfit]
            before, unsteady = len(unfit), _round(contract, indoors, played, unfit)
            if len(unfit) == before:
                return Rehearsal(unfit, unsteady)


def _round(
    contract: Contract, indoors: Indoors, cases: Sequence[Case], unfit: dict[str, str]
) -> frozenset[str]:
    """Play cases twice on an account of their own; answers those that are unsteady."""
    key = contract.key(f"rehearsal-{uuid.uuid4().hex}")
    stay = Stay(contract, key, lambda asked: indoors.ask(contract.vendor, asked), ENDLESS)
    first, second = ([_played(stay, case, unfit) for case in cases] for _ in range(2))
    comparison = Comparison(contract, {case.name: case for case in cases})
    pairs = zip(first, second, strict=True)
    return frozenset(was["case"] for was, now in pairs if any(comparison.of(was, now)))


def _played(stay: Stay, case: Case, unfit: dict[str, str]) -> Entry:
    """Play a case; answers what was said, as a transcript has it."""
    guest = Guest(stay, uuid.uuid4().hex[:12])
    recording = Recording(guest, OPEN)
    found = stay.player.play(case, recording)
    guest.leave()
    if found:
        unfit[case.name] = f"needs a fresh account, or a clock that stands still: {found[0]}"
    entries = recording.entries
    return {"case": case.name, "at": iso(recording.at), "run": guest.run, "entries": entries}
