"""What each event comes to at each vendor when nothing goes wrong, by the translators alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandbox.fates import Fate, Sent, fates
from sandbox.mail import mailed
from sandbox.proving.case import Case
from sandbox.proving.place import Place, placed
from translators.event import BadEvent, parse
from translators.mapping import translator

__all__ = ["Expectation", "expected"]


@dataclass(frozen=True)
class Expectation:
    """`fates` are each event's, in their order, by vendor; `unset` tells what was not set up."""

    fates: Mapping[str, Sequence[Fate]]
    unset: Sequence[str]


async def expected(case: Case) -> Expectation:
    """Apply each event's requests once, one event at a time, and read the ledgers."""
    place = await placed(case)
    sent: dict[str, list[Sent]] = {vendor: [] for vendor in case.settings}
    for vendor, given in case.settings.items():
        translate = translator(vendor, given)
        for event in case.events:
            try:
                read = parse(event)
            except BadEvent as fault:
                sent[vendor].append(Sent("not sent", str(fault), ()))
                continue
            sent[vendor].append(
                await mailed(read, place.accounts[vendor], translate, place.sandbox.switchboard)
            )
    return Expectation(_fates(sent, place), place.unset)


def _fates(sent: Mapping[str, Sequence[Sent]], place: Place) -> dict[str, list[Fate]]:
    return {vendor: fates(own, place.accounts[vendor]) for vendor, own in sent.items()}
