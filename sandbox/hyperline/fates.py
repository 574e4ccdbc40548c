"""What the ledger hears of events that are kept, billed or not, and of those that go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sandbox.hyperline.holdings import Held
from sandbox.hyperline.state import State
from sandbox.reply import Effects, Outcome, Usage

__all__ = ["farewells", "fates"]

Read = Callable[[Any], Usage | tuple[Usage, ...]]


def fates(
    state: State, outcome: Outcome, items: Sequence[Any], rule: str | None, usage: Read
) -> Iterator[Effects]:
    """The effects of items that are kept with this outcome, in their order.

    What is not billed is left open: an aggregator may count it one day.
    """
    if not state.declared:
        if items:
            yield Effects(outcome, items, rule, usage)
        return
    for why, group in groupby(items, lambda item: _unbilled(usage(item))):
        found = list(group)
        if why is None:
            yield Effects(outcome, found, rule, usage)
            continue
        if outcome == "updated":  # what it took the place of is billed no longer
            yield Effects("removed", found, why, usage)
        yield Effects("unmatched", found, why, usage, open=True)


def farewells(state: State, gone: Sequence[Held], rule: str) -> tuple[Effects, ...]:
    """Forget these events; what of them was billed is billed no longer, and what waited never
    will be."""
    ways: tuple[tuple[Outcome, bool], ...] = (("removed", False), ("dropped", True))
    effects = []
    for outcome, waited in ways:
        found = [one for one in gone if (one.name in state.waiting) is waited]
        if found:
            usages = [one.arrival.usage(one.event) for one in found]
            effects.append(Effects(outcome, usages, rule))
    for one in gone:
        del state.seen[one.name]
        state.waiting.pop(one.name, None)
        state.priced.pop(one.name, None)
    return tuple(effects)


def _unbilled(found: Usage | tuple[Usage, ...]) -> str | None:
    """The rule by which nothing of this is billed, if nothing is."""
    usages = found if isinstance(found, tuple) else (found,)
    if any(usage.unbilled is None for usage in usages):
        return None
    return usages[0].unbilled
