"""The sandbox that a run of tests shares, and the accounts it gives them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from contracts.model import MeterboxError, UnknownSetting
from contracts.reader import read, vendors
from sandbox.clock import wall
from sandbox.testing.account import VendorAccount, known
from sandbox.testing.marks import Wishes
from sandbox.testing.wire import Wire

if TYPE_CHECKING:
    from sandbox.account import Accounts

__all__ = [
    "SCALE",
    "House",
    "Served",
    "at",
    "fresh",
    "name_of_a_run",
    "of_a_test",
    "seeded",
    "serving",
]

Count = Callable[[str, str], int]
"""By vendor and key: how many exchanges."""
# Of the source's waits for four hours, fifteen seconds are left.
SCALE = 0.001


class House:
    """A running sandbox at `url`, with an account for whoever asks.

    `count` tells at once how many exchanges an account had, where it is in this process; `opened`
    are the accounts there were, by vendor and key.
    """

    def __init__(self, wire: Wire, count: Count | None = None) -> None:
        self.wire, self.url, self._count = wire, wire.url, count
        self.opened: dict[tuple[str, str], None] = {}

    def account(
        self, vendor: str, name: str | None = None, wishes: Wishes | None = None
    ) -> VendorAccount:
        """An account that nobody has; with a name, the one of that name, made as good as new.

        What is sent to a source of some name is forwarded to the vendors' accounts of that name.
        Raises UnknownVendor, and UnknownSetting, BadValue or Unwilling for wishes that cannot be.
        """
        contract = read(vendor)
        wishes = wishes or Wishes()
        key = contract.key(name or fresh())
        self.opened[vendor, key] = None
        first = 0
        if wishes.seed is not None:
            first = self._renewed(vendor, key)
        count = None if self._count is None else partial(self._count, vendor, key)
        account = VendorAccount(contract, key, self.wire, first, count)
        _grant(account, wishes)
        return account

    def _renewed(self, vendor: str, key: str) -> int:
        """How many exchanges an account has had that is used once more."""
        exchanges: int = self.wire.ask("POST", "accounts", vendor, key, "reset")["exchanges"]
        for act in ({"run": True}, {"set": wall().isoformat()}):
            self.wire.ask("POST", "accounts", vendor, key, "clock", body=act)
        return exchanges


def name_of_a_run() -> str:
    """A name that nobody has, for the accounts of a whole command."""
    return f"test_{uuid.uuid4().hex[:12]}"


def of_a_test(name: str) -> bool:
    """Whether it is a name of one test's, such as `fresh` and `seeded` make."""
    return re.fullmatch(r"t[0-9a-f]{20}", name) is not None


def fresh() -> str:
    """A name that nobody has."""
    return f"t{uuid.uuid4().hex[:20]}"


def seeded(seed: int, test: str) -> str:
    """A name that this test always has with this seed: the sandbox's identifiers come from it."""
    return f"t{sha256(f'{seed}:{test}'.encode()).hexdigest()[:20]}"


def _grant(account: VendorAccount, wishes: Wishes) -> None:
    _allow(account, wishes.allow)
    if wishes.clock is not None:
        turned = wishes.clock if isinstance(wishes.clock, dict) else {"freeze": wishes.clock}
        account.clock.turn(turned)
    if wishes.profile is not None:
        account.profile = wishes.profile
    switches = _switches(account, wishes.settings)
    if switches:
        account.settings.change(switches)
    for fault in wishes.faults:
        preset = isinstance(fault, str) and wishes.seed is not None
        account.faults.add(fault, **({"seed": wishes.seed} if preset else {}))


def _allow(account: VendorAccount, rules: set[str]) -> None:
    for rule in sorted(rules):
        known(rule, _rules())
    account.allowed |= rules


def _switches(account: VendorAccount, given: dict[str, Any]) -> dict[str, Any]:
    """Those of this vendor; a rule that no vendor has is an error."""
    for rule in given:
        if rule not in account.rules and rule not in _rules():
            switches = [name for vendor in vendors() for name in read(vendor).defaults]
            raise UnknownSetting(rule, known=switches)
    return {rule: value for rule, value in given.items() if rule in account.rules}


def _rules() -> Sequence[str]:
    return [rule for vendor in vendors() for rule in read(vendor).rules]


@dataclass(frozen=True)
class Served:
    """A sandbox that runs in a thread of this process."""

    url: str
    accounts: Accounts

    def count(self, vendor: str, key: str) -> int:
        """How many exchanges an account had. One that is under way may or may not be among them."""
        account = self.accounts.find(vendor, key)
        return 0 if account is None else account.journal.next - 1


@contextmanager
def serving() -> Iterator[Served]:
    """A sandbox of every vendor in a thread of this process, on a free port."""
    from sandbox.app import Options, create_app
    from sandbox.server import Running
    from sandbox.wiring import destinations

    forwarded, _ = destinations({})
    sandbox = create_app(Options(destinations=forwarded, scale=SCALE))
    with Running(sandbox) as running:
        yield Served(running.url, sandbox.accounts)


@contextmanager
def at(url: str, token: str | None = None, count: Count | None = None) -> Iterator[House]:
    """The sandbox that runs at a URL. Raises Unreachable, or MeterboxError for another server."""
    wire = Wire(url, token)
    try:
        told = wire.ask("GET", "health")
        if "vendors" not in told:
            raise MeterboxError(f"What answers at {url} is no sandbox.")
        yield House(wire, count)
    finally:
        wire.close()
