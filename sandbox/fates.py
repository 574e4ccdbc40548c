"""What became of events at one vendor, as its ledger has it when all of them have come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from contracts.model import Violation
from sandbox.account import Account
from sandbox.journal import Exchange
from sandbox.ledger import Entry
from sandbox.metering import Number, aggregate
from sandbox.reply import Usage

__all__ = ["Fate", "Sent", "fates"]

BILLED = ("accepted", "updated")
LATER = {"updated": "replaced", "removed": "taken back"}
"""What a later entry of the same event makes of an earlier one."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What one event was sent as: `word` is "sent", or says that it was not, and `reason` why.

    `rules` are those by which its requests were made, or were not.
    """

    word: str
    reason: str
    rules: tuple[str, ...]
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one event: a word, what of it is billed in the end, and by which rules.

    `answers` are the statuses of its requests, `events` the identities that the vendor, as its
    ledger tells, keeps it under.
    """

    word: str
    billed: tuple[Usage, ...] = ()
    rules: tuple[str, ...] = ()
    reason: str = ""
    answers: tuple[int, ...] = ()
    events: tuple[str, ...] = ()

    @property
    def quantities(self) -> Mapping[str | None, Decimal]:
        """Customer -> what is billed to it, if anything is."""
        found: dict[str | None, list[Number]] = {}
        for usage in self.billed:
            found.setdefault(usage.customer, []).append(usage.quantity)
        sums = {customer: aggregate("sum", own) for customer, own in found.items()}
        return {customer: quantity for customer, quantity in sums.items() if quantity}


@dataclass(frozen=True, slots=True)
class _Told:
    """An entry of the ledger, and the later one that undid it, if any."""

    entry: Entry
    later: Entry | None

    @property
    def billed(self) -> bool:
        return self.entry.outcome in BILLED and self.later is None

    @property
    def word(self) -> str:
        if self.entry.outcome not in BILLED:
            return self.entry.outcome
        return "billed" if self.later is None else LATER[self.later.outcome]

    @property
    def rule(self) -> str | None:
        """The rule that speaks last of it."""
        return self.entry.rule if self.later is None else self.later.rule


def fates(sent: Sequence[Sent], account: Account) -> list[Fate]:
    """What became of each, in the same order."""
    told = _by_exchange(account)
    counts = account.room.contract.counts
    return [_fate(one, told, counts) for one in sent]


def _by_exchange(account: Account) -> Mapping[int, list[_Told]]:
    """The ledger's entries by the exchange that made them, read from the last to the first."""
    later: dict[str, Entry] = {}
    found: dict[int, list[_Told]] = {}
    for entry in reversed(list(account.ledger.entries())):
        event = entry.usage.event
        found.setdefault(entry.exchange, []).insert(0, _Told(entry, later.get(event)))
        if entry.outcome in LATER:
            later[event] = entry
    return found


def _fate(sent: Sent, told: Mapping[int, list[_Told]], counts: Mapping[str, Sequence[str]]) -> Fate:
    if sent.word != "sent":
        return Fate(sent.word, rules=sent.rules, reason=sent.reason)
    mine = [one for exchange in sent.exchanges for one in told.get(exchange.number, ())]
    answers = tuple(exchange.reply.status for exchange in sent.exchanges)
    found = [finding for exchange in sent.exchanges for finding in exchange.findings]
    refused = any(exchange.verdict == "refused" for exchange in sent.exchanges)
    if not mine:
        word = "refused" if refused else "no usage"
        return Fate(
            word, rules=_once(f.rule for f in found), reason=_reason(found), answers=answers
        )
    billed = tuple(one.entry.usage for one in mine if one.billed)
    by = [rule for traced in sent.rules for rule in counts.get(traced, ())] if billed else []
    rules = _once([*by, *(one.rule for one in mine)])
    reason = "" if billed else _reason(found)
    events = _once(one.entry.usage.event for one in mine)
    return Fate(", ".join(_once(one.word for one in mine)), billed, rules, reason, answers, events)


def _reason(found: Sequence[Violation]) -> str:
    return found[0].message if found else ""


def _once(words: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))
