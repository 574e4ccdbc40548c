"""Whether a run kept what went in: at each vendor, the ledger against the expectation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from sandbox.account import Account
from sandbox.fates import Fate
from sandbox.ledger import Entry
from sandbox.metering import exact
from sandbox.proving.case import Case
from sandbox.proving.expectation import Expectation
from sandbox.proving.outcome import End, Played
from sandbox.reply import Usage

__all__ = ["Mismatch", "Verdict", "What", "judged"]

What = Literal["lost", "doubled", "changed", "unasked", "stuck"]
WORDS: dict[str, str] = {
    "lost": "nothing of it arrived, and it is in no dead letter",
    "doubled": "billed more than once",
    "changed": "billed otherwise than its event says",
    "unasked": "billed although nothing should be",
    "stuck": "the run did not come to its end",
}
TOLD = 5
RANKS = {"lost": 0, "billed": 1}
"""Whose the usage is that bears no known identity: of events alike, first of one that has none."""
Key = tuple[str | None, str | None, Decimal, str | None]
Sum = Counter[Key]
"""What is billed: how often each customer, meter, quantity and value."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An event that came to something else than it should have.

    `exchanges` are those that its vendor's ledger has of it, each with what it did.
    """

    what: What
    vendor: str
    event: str
    expected: str
    found: str
    exchanges: tuple[str, ...] = ()

    def __str__(self) -> str:
        by = f"; {', '.join(self.exchanges)}" if self.exchanges else ""
        line = f"{self.vendor} {self.event}: {WORDS[self.what]}"
        return f"{line}: expected {self.expected}, found {self.found}{by}"


@dataclass
class Verdict:
    """`tallies` count the events of each vendor by what they came to."""

    tallies: dict[str, Counter[str]] = field(default_factory=dict)
    mismatches: list[Mismatch] = field(default_factory=list)

    @property
    def proven(self) -> bool:
        return not self.mismatches

    @property
    def signature(self) -> list[str]:
        """What was wrong where: two runs with the same one have the same verdict."""
        return sorted({f"{one.vendor} {one.what}".strip() for one in self.mismatches})


def judged(
    case: Case, expectation: Expectation, played: Played, *, lenient: bool = False
) -> Verdict:
    """Compare the ledgers with the expectation.

    `lenient` lets the forwarder choose its own idempotency keys: usage under another identity
    stands for that of an event that has none.
    """
    verdict = Verdict()
    if played.stuck is not None:
        verdict.mismatches.append(Mismatch("stuck", "", "", "an end", played.stuck))
    for vendor, account in played.accounts.items():
        judge = _Judge(vendor, case, expectation.fates[vendor], account, played.ends)
        judge.judge(lenient=lenient)
        verdict.tallies[vendor] = judge.tally
        verdict.mismatches += judge.mismatches
    return verdict


class _Judge:
    """One vendor's ledger against what is expected of it."""

    def __init__(
        self,
        vendor: str,
        case: Case,
        fates: Sequence[Fate],
        account: Account,
        ends: Mapping[tuple[str, str], End] | None,
    ) -> None:
        self._vendor, self._account, self._fates, self._ends = vendor, account, fates, ends
        self._ids = [str(event.get("messageId")) for event in case.events]
        self._billed = account.ledger.billed()
        self._entries: dict[str, list[Entry]] = {}
        for entry in account.ledger.entries():
            self._entries.setdefault(entry.usage.event, []).append(entry)
        self._wanted: dict[str, list[Usage]] = {}
        for fate in fates:
            for usage in fate.billed:
                self._wanted.setdefault(usage.event, []).append(usage)
        self.tally: Counter[str] = Counter(events=len(fates))
        self.mismatches: list[Mismatch] = []

    def judge(self, *, lenient: bool) -> None:
        words = [self._word(number) for number in range(len(self._fates))]
        self._place_strangers(words, lenient=lenient)
        self.tally.update(words)
        self.tally["expected"] = sum(bool(fate.billed) for fate in self._fates)

    def _word(self, number: int) -> str:
        """What became of an event, noted where it is not what should have."""
        fate = self._fates[number]
        got = _sum(u for event in fate.events for u in self._billed.get(event, ()))
        if not fate.billed:
            return self._unbilled(number, got)
        wanted = _sum(u for event in fate.events for u in self._wanted.get(event, ()))
        if got == wanted:
            return "billed"
        if not got:
            end = self._end(number)
            return "dead" if end is not None and end.dead else self._noted("lost", number, got)
        return self._noted("doubled" if wanted <= got else "changed", number, got)

    def _unbilled(self, number: int, got: Sum) -> str:
        """What became of an event of which the vendor is to bill nothing."""
        fate, end = self._fates[number], self._end(number)
        if got:
            return self._noted("unasked", number, got)
        arrived = not fate.events or any(event in self._entries for event in fate.events)
        if self._ends is not None and (end is None or not end.settled):
            arrived = False
        if not arrived and not (end is not None and end.dead):
            return self._noted("lost", number, got)
        return "nothing" if fate.word == "no usage" else "refused"

    def _end(self, number: int) -> End | None:
        return None if self._ends is None else self._ends.get((self._vendor, self._ids[number]))

    def _noted(self, what: What, number: int, got: Sum) -> str:
        fate = self._fates[number]
        exchanges = [told for event in fate.events for told in self._told(event)]
        end = self._end(number)
        found = _text(got) or (f"nothing ({end.reason or 'delivered'})" if end else "nothing")
        by = f" [{', '.join(fate.rules)}]" if fate.rules else ""
        wanted = _text(_sum(fate.billed)) or f"{fate.word}{by}"
        self.mismatches.append(
            Mismatch(what, self._vendor, self._ids[number], wanted, found, tuple(exchanges))
        )
        return what

    def _told(self, event: str) -> list[str]:
        """What the exchanges did that the ledger has of an identity."""
        own = self._entries.get(event, [])
        handle = f"{self._vendor}-{self._account.handle}"
        told = [f"{entry.outcome} by {handle}-{entry.exchange}" for entry in own[:TOLD]]
        return [*told, f"and {len(own) - TOLD} more"] if len(own) > TOLD else told

    def _place_strangers(self, words: list[str], *, lenient: bool) -> None:
        """Usage under an identity that no event has: some event's, in its place or once more."""
        known = {event for fate in self._fates for event in fate.events}
        alike: dict[frozenset[tuple[Key, int]], list[int]] = {}
        for number, fate in enumerate(self._fates):
            alike.setdefault(frozenset(_sum(fate.billed).items()), []).append(number)
        for event in [event for event in self._billed if event not in known]:
            own = alike.get(frozenset(_sum(self._billed[event]).items()), [])
            if not own:
                self.tally["unasked"] += 1
                self._note_stranger("unasked", event, None)
                continue
            number = min(own, key=lambda number: RANKS.get(words[number], len(RANKS)))
            if words[number] != "lost":
                words[number] = "doubled"
                self._note_stranger("doubled", event, number)
                continue
            self._drop(number)
            words[number] = "billed" if lenient else "changed"
            if not lenient:
                self._note_stranger("changed", event, number)

    def _note_stranger(self, what: What, event: str, number: int | None) -> None:
        name = f"as {event!r}" if number is None else self._ids[number]
        wanted = "nothing" if number is None else _text(_sum(self._fates[number].billed))
        found = f"{_text(_sum(self._billed[event]))} as {event!r}"
        told = tuple(self._told(event))
        self.mismatches.append(Mismatch(what, self._vendor, name, wanted, found, told))

    def _drop(self, number: int) -> None:
        """What was noted of an event does not hold."""
        id = self._ids[number]
        self.mismatches = [m for m in self.mismatches if m.event != id]


def _sum(usages: Iterable[Usage]) -> Sum:
    return Counter((u.customer, u.meter, exact(u.quantity), u.value) for u in usages)


def _text(found: Sum) -> str:
    """`2 x 5 calls for acme`."""
    return ", ".join(
        f"{f'{count} x ' if count > 1 else ''}{quantity:f} {meter} for {customer}"
        for (customer, meter, quantity, _), count in found.items()
    )
