"""Exchanges of an account as a test sees them, and which of them it has looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from time import monotonic
from typing import Any, overload

from contracts.model import MeterboxError
from sandbox.idempotency import REPLAY
from sandbox.testing.wire import Unwilling, Wire, longest

__all__ = ["Exchange", "Exchanges", "Finding", "Lost", "elsewhere"]

GONE = 410


class Lost(MeterboxError):
    """Exchanges of the test are no longer kept: an assertion over the rest would be worthless."""

    def __init__(self, account: str) -> None:
        super().__init__(
            f"The journal of {account} no longer holds all exchanges of this test, so what it "
            "lacks cannot be told. Send less in one test, or look in between."
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One departure of a request from the contract. `path` is a JSON path into its body."""

    path: str
    message: str
    value: Any
    rule: str
    source: str
    confidence: str
    suggestion: str | None


class Exchange:
    """One request and what the vendor answered. Asking how it went counts as having looked."""

    def __init__(self, told: dict[str, Any], wire: Wire, look: Callable[[int], None]) -> None:
        self._told, self._wire, self._look = told, wire, look
        self.id: str = told["id"]
        self.number: int = told["number"]
        self.endpoint: str | None = told["endpoint"]
        self.method: str = told["method"]
        self.path: str = told["path"]
        self.fault: str | None = told["fault"]

    @property
    def status(self) -> int:
        """The status of the answer; 0 where there was none."""
        status: int = self._seen("status")
        return status

    @property
    def verdict(self) -> str:
        """accepted, not billed, refused, answered or fault."""
        verdict: str = self._seen("verdict")
        return verdict

    @property
    def rules(self) -> list[str]:
        """The rules that the request broke."""
        rules: list[str] = self._seen("rules")
        return rules

    @property
    def outcomes(self) -> dict[str, int]:
        """How many events became what."""
        outcomes: dict[str, int] = self._seen("outcomes")
        return outcomes

    @property
    def findings(self) -> list[Finding]:
        self._look(self.number)
        return [Finding(**found) for found in self.whole["findings"]]

    @property
    def request(self) -> dict[str, Any]:
        """method, path, query, headers and body, with secrets veiled."""
        request: dict[str, Any] = self.whole["request"]
        return request

    @property
    def response(self) -> dict[str, Any]:
        """status, headers, media and body."""
        self._look(self.number)
        response: dict[str, Any] = self.whole["response"]
        return response

    @cached_property
    def whole(self) -> dict[str, Any]:
        """Everything, as the control API tells it; nobody has looked at it by that."""
        told: dict[str, Any] = self._wire.ask("GET", "exchanges", self.id)
        return told

    @property
    def bad(self) -> bool:
        """Whether it was refused or broke a rule; nobody has looked at it by that.

        A repeated request that gets the first reply again is as it should be.
        """
        if self._told["verdict"] == "refused" or not self._told["rules"]:
            return bool(self._told["verdict"] == "refused")
        return any(found["message"] != REPLAY for found in self.whole["findings"])

    def blind(self, name: str) -> Any:
        """What `status`, `verdict`, `rules` or `outcomes` tell, without having looked."""
        return self._told[name]

    def _seen(self, name: str) -> Any:
        self._look(self.number)
        return self._told[name]

    def __repr__(self) -> str:
        told = self._told
        return f"<{told['method']} {told['path']} -> {told['status']} {told['verdict']} {self.id}>"


class Exchanges(Sequence[Exchange]):
    """Every exchange of an account so far, oldest first; each look at it asks anew.

    `first` is the number of the last exchange that is none of the test's.
    """

    def __init__(self, wire: Wire, place: tuple[str, ...], first: int = 0) -> None:
        self._wire, self._place, self._first = wire, (*place, "exchanges"), first
        self.seen: set[int] = set()

    def after(self, number: int, **query: object) -> Iterator[Exchange]:
        """Those with a higher number that fit the query, page by page. Raises Lost."""
        number = max(number, self._first)
        while True:
            told = self._page(number, query)
            for exchange in told["exchanges"]:
                yield self._made(exchange)
            number = told["next"]
            if not told["more"]:
                return

    def wait_for(self, *, timeout: float = 10.0, **query: object) -> Exchange:
        """The first exchange that fits, at once or as soon as it comes.

        The query is by endpoint, method, verdict, rule or status; `timeout` is in seconds. The
        test has looked at what it gets. Raises AssertionError when none came, and Unwilling for a
        query that cannot be.
        """
        __tracebackhide__ = True
        until, number = monotonic() + timeout, self._first
        while True:
            told = self._page(number, {**query, "limit": 1, "wait": longest(until)})
            for exchange in told["exchanges"]:
                self.seen.add(exchange["number"])
                return self._made(exchange)
            if monotonic() >= until:
                raise AssertionError(self._none(query, timeout))
            number = told["next"]

    async def awaiting(self, *, timeout: float = 10.0, **query: object) -> Exchange:
        """`wait_for`, while other tasks go on."""
        __tracebackhide__ = True
        found: Exchange = await elsewhere(partial(self.wait_for, timeout=timeout, **query))
        return found

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @overload
    def __getitem__(self, index: int) -> Exchange: ...
    @overload
    def __getitem__(self, index: slice) -> list[Exchange]: ...
    def __getitem__(self, index: int | slice) -> Exchange | list[Exchange]:
        return list(self)[index]

    def __iter__(self) -> Iterator[Exchange]:
        return self.after(0)

    def __repr__(self) -> str:
        return repr(list(self))

    def _page(self, number: int, query: dict[str, object]) -> dict[str, Any]:
        try:
            told: dict[str, Any] = self._wire.ask(
                "GET", *self._place, query={"after": number, **query}
            )
        except Unwilling as fault:
            if fault.status == GONE:
                raise Lost(self._place[1]) from fault
            raise
        if told["dropped"] > number:
            raise Lost(self._place[1])
        return told

    def _made(self, told: dict[str, Any]) -> Exchange:
        return Exchange(told, self._wire, self.seen.add)

    def _none(self, query: dict[str, object], timeout: float) -> str:
        asked = ", ".join(f"{name}={value!r}" for name, value in query.items()) or "any"
        came = "".join(f"\n  {exchange!r}" for exchange in self)
        return f"No exchange with {asked} in {timeout:g} s. What came:{came or ' nothing'}"


async def elsewhere(wait: Callable[[], Any]) -> Any:
    """What `wait` gives, in a thread; given up on when the task is cancelled."""
    from anyio.to_thread import run_sync  # here: tests that await nothing need it not

    __tracebackhide__ = True
    return await run_sync(wait, abandon_on_cancel=True)
