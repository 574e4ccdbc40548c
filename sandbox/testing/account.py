"""A vendor as one test has it: an account of its own, behind a key that nobody else has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from time import monotonic
from typing import Any

from contracts.model import BadValue, Contract, Rule, did_you_mean
from sandbox.testing.bills import Books, Number, difference, exact
from sandbox.testing.exchanges import Exchange, Exchanges, elsewhere
from sandbox.testing.report import unbroken
from sandbox.testing.switches import Clock, Faults, Settings
from sandbox.testing.wire import Unwilling, Wire, longest

__all__ = ["Event", "VendorAccount", "known"]

NONE = 404


@dataclass(frozen=True, slots=True)
class Event:
    """An event and its fate. `rule` says why it is not billed; `exchange` is the request's id."""

    event: str
    customer: str | None
    meter: str | None
    quantity: Number
    outcome: str
    rule: str | None
    exchange: str | None


class VendorAccount:
    """An account of `vendor`, by its key: `base_url` and `api_key` are for the vendor's client.

    What is shown is asked of the sandbox each time.
    """

    def __init__(
        self,
        contract: Contract,
        key: str,
        wire: Wire,
        first: int = 0,
        count: Callable[[], int] | None = None,
    ) -> None:
        """`first` exchanges are none of the test's; `count` tells at once how many there are."""
        self.contract, self.vendor, self.api_key = contract, contract.vendor, key
        self.url = f"{wire.url}/{self.vendor}"
        self.base_url = self.url + contract.base
        self._wire, self._place = wire, ("accounts", self.vendor, key)
        self.exchanges = Exchanges(wire, self._place, first)
        self.clock, self.faults = Clock(self._ask), Faults(self._ask)
        self.settings = Settings(self._ask)
        self.allowed: set[str] = set()
        self._checked, self._count = first, count

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the vendor's clients read, for this account."""
        told = {"url": self.url, "key": self.api_key}
        return {name: text.format(**told) for name, text in self.contract.environment.items()}

    @property
    def rules(self) -> Mapping[str, Rule]:
        """What is known of the vendor, by rule."""
        return self.contract.rules

    @property
    def profile(self) -> str:
        """`faithful` or `contract`."""
        profile: str = self._ask("GET", "profile")["profile"]
        return profile

    @profile.setter
    def profile(self, profile: str) -> None:
        self._ask("PUT", "profile", body={"profile": profile})

    @property
    def events(self) -> list[Event]:
        """Every event that came, in order, with its fate."""
        return [
            Event(**{name: entry[name] for name in Event.__slots__}) for entry in self._entries()
        ]

    @property
    def ledger(self) -> dict[tuple[str | None, str | None], Number]:
        """What is billed in all, by customer and meter."""
        return {
            (total["customer"], total["meter"]): total["quantity"]
            for total in self._page(limit=0)["totals"]
        }

    def dashboard(self, name: str, **arguments: Any) -> Any:
        """Do what a person would do at the vendor's web page. Raises Unwilling."""
        return self._ask("POST", "dashboard", name, body=arguments)

    def assert_billed(self, customer: str, meter: str, quantity: Number | str) -> None:
        """The vendor bills just this for the customer and the meter; 0 is nothing.

        Raises AssertionError with what comes closest, and why the rest is not billed.
        """
        __tracebackhide__ = True
        if not self._bills(customer, meter, quantity):
            raise AssertionError(self._difference(customer, meter, quantity))

    def wait_for(
        self, customer: str, meter: str, quantity: Number | str, *, timeout: float = 10.0
    ) -> None:
        """As soon as the vendor bills just this; `timeout` is in seconds.

        Raises AssertionError, as `assert_billed` does, when that time is over.
        """
        __tracebackhide__ = True
        until, place = monotonic() + timeout, (*self._place, "exchanges")
        newest = self._wire.ask("GET", *place, query={"last": 0})["next"]
        while not self._bills(customer, meter, quantity):
            if monotonic() >= until:
                late = f" That is after {timeout:g} s of waiting."
                raise AssertionError(self._difference(customer, meter, quantity) + late)
            query = {"after": newest, "limit": 1, "wait": longest(until)}
            newest = self._wire.ask("GET", *place, query=query)["next"]

    async def awaiting(
        self, customer: str, meter: str, quantity: Number | str, *, timeout: float = 10.0
    ) -> None:
        """`wait_for`, while other tasks go on."""
        __tracebackhide__ = True
        await elsewhere(partial(self.wait_for, customer, meter, quantity, timeout=timeout))

    def assert_violation(self, rule: str) -> Exchange:
        """The latest request that broke the rule. All that did are looked at by that.

        Raises AssertionError when there is none, and BadValue when there is no such rule.
        """
        __tracebackhide__ = True
        known(rule, list(self.rules))
        found = [exchange for exchange in self.exchanges if rule in exchange.blind("rules")]
        if not found:
            raise AssertionError(unbroken(self, rule))
        self.exchanges.seen.update(exchange.number for exchange in found)
        return found[-1]

    def troubles(self) -> list[Exchange]:
        """Requests that were refused or broke a rule, that the test has not looked at, and that
        are not `allowed`; those since this was asked before. Raises Lost."""
        if self._count is not None and self._count() == self._checked:
            return []
        found = list(self.exchanges.after(self._checked))
        if found:
            self._checked = found[-1].number
        return [exchange for exchange in found if exchange.bad and not self._known(exchange)]

    def _known(self, exchange: Exchange) -> bool:
        rules = set(exchange.blind("rules"))
        return exchange.number in self.exchanges.seen or (bool(rules) and rules <= self.allowed)

    def _bills(self, customer: str, meter: str, quantity: Number | str) -> bool:
        """Where no request came at all, not even nothing is billed: the client is elsewhere."""
        told = self._page(customer=customer, meter=meter, limit=0)
        billed = sum((exact(total["quantity"]) for total in told["totals"]), Decimal())
        return billed == exact(quantity) and (billed != 0 or self._used())

    def _used(self) -> bool:
        return any(True for _ in self.exchanges)

    def _difference(self, customer: str, meter: str, quantity: Number | str) -> str:
        __tracebackhide__ = True
        refused = [exchange for exchange in self.exchanges if exchange.bad]
        totals = self._page(limit=0)["totals"]
        books = Books(totals, list(self._entries()), refused) if self._used() else None
        self.exchanges.seen.update(exchange.number for exchange in refused)  # they are told
        return difference(self, books, (customer, meter, exact(quantity)))

    def _entries(self) -> Iterator[dict[str, Any]]:
        number = 0
        while True:
            told = self._page(after=number)
            yield from told["entries"]
            number = told["next"]
            if not told["more"]:
                return

    def _page(self, **query: object) -> dict[str, Any]:
        """A page of the ledger; an empty one where nobody has come with this key."""
        try:
            told: dict[str, Any] = self._wire.ask("GET", *self._place, "ledger", query=query)
        except Unwilling as fault:
            if fault.status == NONE:
                return {"entries": [], "totals": [], "next": 0, "more": False}
            raise
        return told

    def _ask(self, method: str, *path: str, body: object = None) -> Any:
        return self._wire.ask(method, *self._place, *path, body=body)

    def __repr__(self) -> str:
        return f"<{self.contract.title} at {self.base_url}>"


def known(rule: str, rules: Sequence[str]) -> None:
    """Raises BadValue when it is none of the rules."""
    if rule not in rules:
        near = did_you_mean(rule, rules)
        hint = f"; did you mean {near!r}?" if near else "; `meterbox rules` lists them"
        raise BadValue("rule", rule, f"a rule{hint}")
