"""An exchange in a few words, as a person would say it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from contracts.model import Contract
from sandbox.metering import Number

__all__ = ["counted", "happened", "quantity"]

SAID = {"rejected": "refused", "unmatched": "not counted"}
"""What became of events, where the ledger's word means nothing by itself."""


def happened(told: Mapping[str, Any], contract: Contract) -> str:
    """`12 events, 1 duplicate, 1 late`; without events, what was asked for."""
    outcomes: Mapping[str, int] = told["outcomes"]
    if outcomes:
        return _events(outcomes)
    if told["endpoint"] is None:
        return "Nothing is there"
    return contract.endpoint(told["endpoint"]).summary


def _events(outcomes: Mapping[str, int]) -> str:
    every = counted(sum(outcomes.values()), "event")
    odd = {SAID.get(word, word): n for word, n in outcomes.items() if word != "accepted"}
    if len(odd) == len(outcomes) == 1:
        return f"{every} {next(iter(odd))}"  # all of them
    return ", ".join([every, *(f"{n:,} {word}" for word, n in odd.items())])


def counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def quantity(number: Number) -> str:
    """A quantity with every digit of it, in groups of three."""
    return f"{number:,}" if isinstance(number, int) else f"{Decimal(str(number)):,f}"
