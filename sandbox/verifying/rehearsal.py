"""Which cases say something about an account that others have used: found out in a sandbox here.

Elsewhere all cases share one account, at the time it is. A case that the sandbox itself does not
answer as written under these circumstances would tell nothing of the target.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from contracts.cases import Case
from contracts.model import Contract
from sandbox.app import Options, create_app
from sandbox.verifying.guest import Guest, Manners, Stay
from sandbox.verifying.indoors import Indoors
from sandbox.verifying.playing import needs

__all__ = ["rehearsed"]

ENDLESS = Manners(most=1_000_000)


def rehearsed(contract: Contract, cases: Sequence[Case]) -> Mapping[str, str]:
    """By name, why a case says nothing about a used account."""
    key = contract.key(f"rehearsal-{uuid.uuid4().hex}")
    with Indoors.opened(create_app(Options())) as indoors:
        stay = Stay(contract, key, lambda asked: indoors.ask(contract.vendor, asked), ENDLESS)
        found: dict[str, str] = {}
        # Twice: the second time the account was used, by all of the cases.
        for _ in range(2):
            found = {}
            for case in cases:
                why = _played(stay, case)
                if why:
                    found[case.name] = why
    return found


def _played(stay: Stay, case: Case) -> str:
    if needs(case):
        return ""  # as will be found without asking
    guest = Guest(stay, uuid.uuid4().hex[:12])
    found = stay.player.play(case, guest)
    guest.leave()
    if not found:
        return ""
    return f"needs a fresh account, or a clock that stands still: {found[0]}"
