"""The composition: every vendor, the control API, the page and the forwarder, on one port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.account import Account, Accounts
from sandbox.archive import Archive
from sandbox.clock import Wall, wall
from sandbox.control import Control, control_app
from sandbox.courier import Courier
from sandbox.deliveries import Destination, Forwarding, connect
from sandbox.exchange import Desk
from sandbox.front import Front
from sandbox.journal import Exchange
from sandbox.partner import Partner
from sandbox.profile import Profile, profile
from sandbox.rebuild import rebuild
from sandbox.switchboard import Switchboard, load
from translators.forwarding.terms import Terms
from translators.mapping import translated_vendors

if TYPE_CHECKING:
    from translators.forwarding.outbox import Outbox
    from translators.forwarding.sqlite import SqliteOutbox

__all__ = ["Options", "Sandbox", "create_app"]

PAGE = "/_meterbox/page"
Note = Callable[[Account, Exchange], None]


@dataclass(frozen=True)
class Options:
    """How a sandbox is set up.

    `settings` are rule switches for all accounts; `destinations` by vendor are forwarded to;
    `data_dir` makes journal and deliveries durable; `token` guards the control API; `scale`
    compresses the forwarder's waits, `terms` and `batching` are how it works, and `outbox`, if
    there is one, is where it keeps its deliveries instead; `profile` is how much of the vendors'
    rules is enforced; `webhook_hosts` may be told of what happens, beside this machine; `watch` is
    told of each exchange.
    """

    vendors: Iterable[str] | None = None
    seed: int = 0
    source: Wall = wall
    settings: Mapping[str, Any] = field(default_factory=dict)
    destinations: Mapping[str, Destination] = field(default_factory=dict)
    data_dir: Path | None = None
    token: str | None = None
    terms: Terms = Terms()  # frozen
    batching: bool = False
    outbox: Outbox | None = None
    scale: float = 1.0
    profile: Profile = "faithful"
    webhook_hosts: Collection[str] = ()
    watch: Note | None = None


@dataclass
class Sandbox:
    """An ASGI application and what is behind it.

    Its lifespan starts and stops the forwarder, the courier and what else is `beside` it.
    """

    accounts: Accounts
    switchboard: Switchboard
    courier: Courier
    forwarding: Forwarding | None = None
    archive: Archive | None = None
    outbox: SqliteOutbox | None = None
    beside: list[AbstractAsyncContextManager[object]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.switchboard(scope, receive, send)

    def leave(self) -> None:
        """Let nobody wait for exchanges any more: the server is leaving."""
        for journal in (self.accounts.feed, *(account.journal for account in self.accounts)):
            journal.close()

    @asynccontextmanager
    async def lifespan(self, _: object = None) -> AsyncIterator[None]:
        try:
            async with AsyncExitStack() as running:
                await running.enter_async_context(self.courier)
                if self.forwarding is not None:
                    await running.enter_async_context(self.forwarding.forwarder)
                for other in self.beside:
                    await running.enter_async_context(other)
                yield
        finally:
            try:
                if self.archive is not None:
                    self.archive.close()
            finally:
                if self.outbox is not None:
                    await self.outbox.close()


def create_app(options: Options | None = None) -> Sandbox:
    """A sandbox of these options; with a data folder, as its journal left it.

    Raises ArchiveFault, UnknownVendor, UnknownSetting or BadValue.
    """
    options = options or Options()
    accounts = _accounts(options)
    courier = Courier(options.webhook_hosts)
    desks = {name: Desk(room, accounts, send=courier.send) for name, room in accounts.rooms.items()}
    sandbox = Sandbox(accounts, Switchboard(desks), courier)
    _add_partners(sandbox)
    rebuilt = None
    if options.data_dir is not None:
        sandbox.archive = Archive(options.data_dir)
        rebuilt = asdict(rebuild(sandbox.archive, accounts, sandbox.switchboard))
        for desk in desks.values():
            desk.note, desk.written = sandbox.archive.exchange, sandbox.archive.written
    if options.destinations:
        _forward(sandbox, options, desks.values())
    if options.watch is not None:
        _watch(desks.values(), options.watch)
    sandbox.switchboard.front = _front(sandbox, _control(sandbox, options.token, rebuilt))
    return sandbox


def _accounts(options: Options) -> Accounts:
    return Accounts(
        load(options.vendors),
        seed=options.seed,
        source=options.source,
        settings=options.settings,
        profile=profile(options.profile),
    )


def _control(sandbox: Sandbox, token: str | None, rebuilt: Mapping[str, int] | None) -> Control:
    made = sandbox.forwarding
    return Control(
        sandbox.accounts,
        sandbox.archive,
        deliveries=made.told if made is not None else None,
        forget=made.forget if made is not None else None,
        token=token,
        rebuilt=rebuilt,
        send=sandbox.courier.send,
        switchboard=sandbox.switchboard,
        forwarding=made,
    )


def _add_partners(sandbox: Sandbox) -> None:
    """What each source would call at the vendors that events can be translated for."""
    rooms = sandbox.accounts.rooms
    for source in (name for name, room in rooms.items() if room.contract.role == "source"):
        for vendor in set(translated_vendors()) & rooms.keys():
            partner = Partner(vendor, sandbox.accounts, sandbox.switchboard)
            sandbox.switchboard.add(f"/{source}/destinations/{vendor}", partner)


def _forward(sandbox: Sandbox, options: Options, desks: Iterable[Desk]) -> None:
    """Set up the forwarder: nothing is answered before what it sets going is safe."""
    import httpx  # here: a sandbox that forwards nothing starts without them

    from translators.forwarding.sqlite import SqliteOutbox

    if sandbox.archive is not None and options.outbox is None and options.data_dir is not None:
        sandbox.outbox = SqliteOutbox(options.data_dir / "outbox.sqlite3")
        sandbox.archive.ahead = sandbox.outbox.flush
    made = connect(
        sandbox.accounts,
        options.destinations,
        lambda: httpx.ASGITransport(app=sandbox),
        seed=options.seed,
        terms=options.terms,
        scale=options.scale,
        batching=options.batching,
        outbox=options.outbox or sandbox.outbox,
    )
    if options.outbox is not None:
        for desk in desks:
            desk.note, desk.written = _unnoted, made.written
    sandbox.forwarding, sandbox.accounts.forward = made, made.accept


def _watch(desks: Iterable[Desk], watch: Note) -> None:
    """Tell somebody of each exchange, before it is noted."""
    for desk in desks:
        desk.note = watch if desk.note is None else partial(_both, watch, desk.note)


def _both(one: Note, other: Note, account: Account, exchange: Exchange) -> None:
    one(account, exchange)
    other(account, exchange)


def _unnoted(_: Account, __: Exchange) -> None:
    """The exchange itself need not be safe, only what it sets going."""


def _front(sandbox: Sandbox, control: Control) -> ASGIApp:
    page = Page(sandbox, control)
    front = Front(sandbox.accounts.rooms, page, control.token)
    return Starlette(
        lifespan=sandbox.lifespan,
        routes=[
            Route("/", front.show),
            Route(PAGE, page),
            Route(f"{PAGE}/{{rest:path}}", page),
            Mount("/_meterbox", control_app(control)),
        ],
        exception_handlers={HTTPException: front.lost},
    )


class Page:
    """The web page, made when somebody first opens it: who does not should not wait for it."""

    def __init__(self, sandbox: Sandbox, control: Control) -> None:
        self._sandbox, self._control = sandbox, control
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            from sandbox.page.app import page_app

            self._app = page_app(self._control, self._sandbox.switchboard, self._sandbox.forwarding)
        await self._app(scope, receive, send)
