"""All cases of a vendor against a target, one after the other, and a verdict on each."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, Protocol

from contracts.cases import Case, Difference, read_cases
from contracts.model import BadValue, Contract, did_you_mean
from sandbox.clock import iso
from sandbox.testing.wire import Wire
from sandbox.verifying.calling import Caller, Unreachable
from sandbox.verifying.guest import Guest, Stay
from sandbox.verifying.playing import Player, behind, needs
from sandbox.verifying.recorded import Recorded
from sandbox.verifying.rehearsal import rehearsed
from sandbox.verifying.target import NotComparable, Target
from sandbox.verifying.tenant import Tenant
from sandbox.verifying.transcript import Recording, Writer, hidden, veil_over

__all__ = ["Host", "Judged", "Noted", "Shared", "Verdict", "Visited", "chosen", "verified"]

Verdict = Literal["match", "differs", "not comparable"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A case and what came of it: where the target differs, or `why` it cannot be told.

    `unseen` is what the case says beyond the answer, where only the answer was looked at.
    """

    case: Case
    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    why: str = ""
    unseen: tuple[str, ...] = ()
    seconds: float = 0.0


class Host(Protocol):
    """Where cases are received: opens a target for each.

    `unsteady` are cases in which some answers depend on what the account was used for before.
    """

    unsteady: frozenset[str]

    def receive(self, case: Case) -> Target:
        """Raises NotComparable."""
        ...

    def see_off(self, target: Target) -> None:
        """Once a case is over."""
        ...


class Visited:
    """A sandbox, where each case has a fresh account of its own."""

    unsteady: frozenset[str] = frozenset()

    def __init__(self, wire: Wire, caller: Caller, contract: Contract) -> None:
        self._wire, self._caller, self._contract = wire, caller, contract

    def receive(self, case: Case) -> Target:
        name = uuid.uuid4().hex
        key = self._contract.key(name)
        return Tenant(self._wire, self._caller, self._contract, key, name[:12])

    def see_off(self, target: Target) -> None:
        assert isinstance(target, Tenant)
        target.leave()


class Shared:
    """Anything else: all cases share the account of one key."""

    def __init__(self, stay: Stay, cases: Sequence[Case]) -> None:
        self.stay = stay
        self._rehearsal = rehearsed(stay.contract, cases)
        self.unsteady = self._rehearsal.unsteady

    def receive(self, case: Case) -> Target:
        if case.name in self._rehearsal.unfit:
            raise NotComparable(self._rehearsal.unfit[case.name])
        if not needs(case):
            self.stay.room_for(case)
        return Guest(self.stay, uuid.uuid4().hex[:12])

    def see_off(self, target: Target) -> None:
        assert isinstance(target, Guest)
        target.leave()


class Noted:
    """A host of whose cases a transcript is written."""

    def __init__(self, host: Host, writer: Writer, contract: Contract) -> None:
        self._host, self._writer, self._contract = host, writer, contract
        self.unsteady = host.unsteady
        self._latest: Recording | None = None

    def receive(self, case: Case) -> Target:
        self._latest = None
        target = self._host.receive(case)
        self._latest = Recording(target, veil_over(self._contract, target.key))
        return self._latest

    def see_off(self, target: Target) -> None:
        assert isinstance(target, Recording)
        self._host.see_off(target.target)

    def note(self, judged: Judged) -> None:
        """Write down the case that was just over."""
        told: dict[str, Any] = {"case": judged.case.name, "verdict": judged.verdict}
        if self._latest is None or judged.verdict == "not comparable":
            self._writer.write({**told, "why": judged.why})
            return
        made = self._latest
        found = [{"path": d.path, "message": made.veil.text(d.message)} for d in judged.differences]
        more = {"at": iso(made.at), "run": made.run, "differences": found, "entries": made.entries}
        steady = judged.case.name not in self.unsteady
        self._writer.write({**told, "steady": steady, **more})


def chosen(contract: Contract, only: Sequence[str]) -> list[Case]:
    """The cases whose name, or one of whose rules, is like one of these; without any, all.

    Raises BadValue.
    """
    cases = read_cases(contract)
    for pattern in only:
        if not any(_named(case, pattern) for case in cases):
            known = [*contract.rules, *(case.name for case in cases)]
            near = did_you_mean(pattern, known)
            hint = f"; did you mean {near!r}?" if near else ", nor like any of them"
            raise BadValue("--only", pattern, f"a case or a rule of {contract.title}{hint}")
    return [case for case in cases if not only or any(_named(case, one) for one in only)]


def verified(contract: Contract, cases: Sequence[Case], host: Host) -> Iterator[Judged]:
    """The verdict on each case, as soon as it is over.

    Raises Unreachable where nobody answers at all.
    """
    player, answered = Player(contract), False
    for case in cases:
        began = time.monotonic()
        try:
            judged = _judged(player, case, host)
        except NotComparable as why:
            yield Judged(case, "not comparable", why=str(why))
            continue
        except Unreachable as fault:
            if not answered:
                raise
            status = case.response["status"]
            none = Difference("status", f"expected {status}, got none: {fault}", status)
            judged = Judged(case, "differs", (none,))
        answered = True
        yield replace(judged, seconds=time.monotonic() - began)


def _judged(player: Player, case: Case, host: Host) -> Judged:
    with _received(host, case) as target:
        found = [one for one in player.play(case, target) if not _withheld(target, one)]
        unseen = () if target.sandbox else behind(case)
    return Judged(case, "differs" if found else "match", tuple(found), unseen=unseen)


@contextmanager
def _received(host: Host, case: Case) -> Iterator[Target]:
    target = host.receive(case)
    try:
        yield target
    finally:
        host.see_off(target)


def _withheld(target: Target, difference: Difference) -> bool:
    """Whether a transcript leaves out what would have to be compared."""
    return isinstance(target, Recorded) and hidden(difference.got)


def _named(case: Case, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in (case.name, *case.rules))
