"""What a ledger comes to when it is read once: by customer and meter, by reason, and over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from sandbox.account import Account
from sandbox.ledger import BILLED, Entry, Total
from sandbox.reply import Outcome

__all__ = ["Cell", "Reason", "Tally", "name"]


@dataclass(slots=True)
class Cell:
    """One customer and meter: how many entries came to each outcome, and what is billed now.

    There are several totals where a meter was changed and events of before are kept no more.
    """

    customer: str | None
    meter: str | None
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    totals: list[Total] = field(default_factory=list)

    @property
    def events(self) -> int:
        """How many events are billed now."""
        return sum(total.events for total in self.totals)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why entries came to something else than being billed; `rule` may be None. `refused` says
    that whoever sent them was told so."""

    outcome: Outcome
    rule: str | None
    refused: bool
    count: int


class Tally:
    """Counts entries of an account as they are added; `close` adds what its ledger bills."""

    def __init__(self, of: Account) -> None:
        self._of = of
        self._refusals: dict[int, bool] = {}
        self.cells: dict[str, Cell] = {}
        self.outcomes: Counter[Outcome] = Counter()
        self.rules: Counter[str | None] = Counter()
        self.times: Counter[tuple[datetime, Outcome]] = Counter()
        self._reasons: Counter[tuple[Outcome, str | None, bool]] = Counter()
        self._places: dict[tuple[str | None, str | None], Cell] = {}

    @classmethod
    def whole(cls, of: Account) -> Tally:
        """Of a whole ledger, at once."""
        made = cls(of)
        made.add(of.ledger.entries())
        made.close()
        return made

    def add(self, entries: Iterable[Entry]) -> None:
        # What one exchange did to its events stands together: most is counted once for all of it.
        first, count = None, 0
        for entry in entries:
            self._cell(entry.usage.customer, entry.usage.meter).outcomes[entry.outcome] += 1
            if first is None or not _alike(first, entry):
                self._sum(first, count)
                first, count = entry, 0
            count += 1
        self._sum(first, count)

    def _sum(self, entry: Entry | None, count: int) -> None:
        """So many entries like this one."""
        if entry is None:
            return
        self.outcomes[entry.outcome] += count
        self.rules[entry.rule] += count
        self.times[entry.at, entry.outcome] += count
        if entry.outcome not in BILLED:
            refused = entry.outcome == "rejected" or self._refused(entry.exchange)
            self._reasons[entry.outcome, entry.rule, refused] += count

    def close(self) -> None:
        for total in self._of.ledger.totals():
            self._cell(total.customer, total.meter).totals.append(total)

    @property
    def reasons(self) -> list[Reason]:
        """Why entries are not billed, the most frequent first."""
        return [Reason(*why, count) for why, count in self._reasons.most_common()]

    def _refused(self, number: int) -> bool:
        """Whether an exchange was, as far as it is kept."""
        if number not in self._refusals:
            journal, told = self._of.journal, None
            if number > journal.dropped:
                told = journal.get(number)
            self._refusals[number] = told is not None and told.verdict == "refused"
        return self._refusals[number]

    def _cell(self, customer: str | None, meter: str | None) -> Cell:
        cell = self._places.get((customer, meter))
        if cell is None:
            cell = self._places[customer, meter] = Cell(customer, meter)
            self.cells[name(customer, meter)] = cell
        return cell


def _alike(one: Entry, other: Entry) -> bool:
    """Whether they came together to the same."""
    return (
        one.exchange == other.exchange
        and one.outcome == other.outcome
        and one.rule == other.rule
        and one.at == other.at
    )


def name(customer: str | None, meter: str | None) -> str:
    """A customer and meter as an address may hold them, whatever they are called."""
    written = repr((customer, meter)).encode("utf-8", "surrogatepass")
    return sha256(written).hexdigest()[:16]
