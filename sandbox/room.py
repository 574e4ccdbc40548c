"""A vendor's room, as the machinery sees it: data and functions, no base class."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from contracts.model import Contract, Endpoint, Violation
from sandbox.auth import Problem
from sandbox.body import Unreadable, document
from sandbox.limits import Window
from sandbox.reply import Decision, Effects, Reply, Request, Usage
from sandbox.webhooks import Post

if TYPE_CHECKING:
    from sandbox.account import Account, Accounts

__all__ = ["Call", "Dashboard", "Operation", "Room", "Shelf", "Words"]


@dataclass(slots=True)
class Call:
    """What an operation decides on. `body` conforms to the endpoint's request schema;
    `concurrent` is whether a request with the same Idempotency-Key is under way."""

    account: Account
    endpoint: Endpoint
    request: Request
    body: Any
    now: datetime
    concurrent: bool = False

    def setting(self, rule: str) -> Any:
        """The value of a rule's switch on this account."""
        return self.account.settings[rule]


Operation = Callable[[Call], Decision]
Tenant = Callable[[str, "Accounts"], str | None]
Elapse = Callable[["Account", datetime], Sequence[tuple[datetime, Effects]]]
Dress = Callable[["Account", Endpoint | None, Reply, datetime], Reply]
Dashboard = Callable[["Account", Mapping[str, Any], datetime], Any]
Shelves = Callable[["Account", datetime], "Sequence[Shelf]"]
Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Shelf:
    """Things of one kind that a vendor keeps: what they are called, how many there are, and each
    by the fields that tell it from others, the first of which is its name."""

    name: str
    count: int
    rows: Iterator[Mapping[str, Any]]

    @classmethod
    def of(
        cls, name: str, things: Collection[Thing], told: Callable[[Thing], Mapping[str, Any]]
    ) -> Shelf:
        """Nothing is read of a thing before somebody looks at it."""
        return cls(name, len(things), map(told, things))


class Words(Protocol):
    """A vendor's own words for what any server may have to say; a room's errors.py."""

    def unauthorized(self, problem: Problem, request: Request) -> Reply: ...
    def unknown_path(self, request: Request) -> Reply: ...
    def wrong_method(self, request: Request, allowed: Sequence[str]) -> Reply: ...
    def unreadable(self, fault: Unreadable, endpoint: Endpoint) -> Reply: ...
    def violating(
        self, violations: Sequence[Violation], body: Any, endpoint: Endpoint
    ) -> Reply: ...
    def limited(self, window: Window, now: datetime) -> Reply: ...
    def failing(self, status: int, retry_after: int | None) -> Reply: ...


def _none(_: Any) -> int:
    return 0


def _strict(_: Violation, __: Mapping[str, Any]) -> bool:
    return False


def _held(_: Request, __: Endpoint) -> bool:
    return False


def _bare(_: Account, __: datetime) -> Sequence[Shelf]:
    return ()


def _nothing(_: Any, __: Endpoint) -> Sequence[Usage]:
    return ()


@dataclass(frozen=True)
class Room:
    """One vendor: its contract, its state, its decisions and its words.

    `operations` decide by endpoint name. `dashboard` is what a person does at the vendor's web
    page and no API offers; each takes (account, arguments, now) and answers JSON. `readers` read
    the body of an endpoint that takes more than one JSON value. `events` counts the events of a
    body, for limits that count events; `salvage` tells what usage a refused body would have been.
    `waives` says which departures from a schema an account's settings forgive, and `unbound` which
    requests are not held to it, since the vendor reads them by something else. `always` adds
    headers to every reply. `tolerates` are the faults of a credential that this vendor does not
    refuse at the door: its operations find themselves on the account that has no key. `webhooks`
    is how the vendor tells of what happens. `elapse` carries out what time alone has brought about
    by then, and says what it did to the ledger and when: the same whenever it is asked. `dress`
    gives a reply, whoever made it, what the account's settings and the time add to it or change.
    `tenant` tells the key of the account that another kind of credential, of an endpoint that takes
    those, belongs to; None where it is nobody's. `shelves` is what a person would find listed at
    the vendor's web page.
    """

    contract: Contract
    state: Callable[[], Any]
    operations: Mapping[str, Operation]
    words: Words
    dashboard: Mapping[str, Dashboard] = field(default_factory=dict)
    readers: Mapping[str, Callable[[Request], Any]] = field(default_factory=dict)
    events: Callable[[Any], int] = _none
    salvage: Callable[[Any, Endpoint], Sequence[Usage]] = _nothing
    waives: Callable[[Violation, Mapping[str, Any]], bool] = _strict
    unbound: Callable[[Request, Endpoint], bool] = _held
    always: tuple[tuple[bytes, bytes], ...] = ()
    tolerates: tuple[Problem, ...] = ()
    webhooks: Post | None = None
    elapse: Elapse | None = None
    dress: Dress | None = None
    tenant: Tenant | None = None
    shelves: Shelves = _bare

    def body(self, endpoint: Endpoint, request: Request) -> Any:
        """The body of a request as this endpoint reads it. Raises Unreadable."""
        reader = self.readers.get(endpoint.name)
        if reader is not None:
            return reader(request)
        return document(request) if endpoint.request is not None else None
