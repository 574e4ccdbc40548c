"""/_meterbox: the JSON API of everything that is not a vendor's. It speaks our own words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from contracts.model import MeterboxError, UnknownVendor
from sandbox import view
from sandbox.account import Account, Accounts
from sandbox.acts import clock_state, perform
from sandbox.answers import answer, json_object, of_http, told
from sandbox.archive import Archive
from sandbox.guard import Guard
from sandbox.journal import Act, Exchange, Journal
from sandbox.queries import entries, exchanges, known, seconds, totals
from sandbox.room import Room
from sandbox.routes import control_routes
from sandbox.spread import Elsewhere, handed_on, search, settle
from sandbox.switchboard import Switchboard

if TYPE_CHECKING:
    from sandbox.deliveries import Forwarding
    from sandbox.journey import Roads

__all__ = ["Control", "Deliveries", "control_app", "control_routes"]

Deliveries = Callable[[Account], list[Any]]
LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class Control:
    """What the control API acts on. `deliveries` tells a source key's, and `forget` gives them up;
    `token` must be shown; `send` is told of accounts with webhooks to be delivered."""

    accounts: Accounts
    archive: Archive | None = None
    deliveries: Deliveries | None = None
    forget: Callable[[Account], None] | None = None
    token: str | None = None
    rebuilt: Mapping[str, int] | None = None
    send: Callable[[Account], None] | None = None
    switchboard: Switchboard | None = None
    forwarding: Forwarding | None = None

    @property
    def roads(self) -> Roads:
        """Where events may have left traces."""
        from sandbox.journey import Roads

        assert self.switchboard is not None  # as the composition sees to
        return Roads(self.accounts, self.switchboard, self.forwarding)

    def open(self, request: Request) -> Account:
        """The account a path names, by key or handle; a new key opens one."""
        return self._found(request) or self.accounts.open(*_addressed(request))

    def opened(self, request: Request) -> Account:
        """The account a path names, if there is one."""
        account = self._found(request)
        if account is None:
            vendor, _ = _addressed(request)
            why = f"No account of {vendor} has this key; the first request with it opens one."
            raise HTTPException(404, why)
        return account

    def _found(self, request: Request) -> Account | None:
        """The account a path names, if there is one. Raises UnknownVendor or Elsewhere."""
        vendor, name = _addressed(request)
        if vendor not in self.accounts.rooms:
            raise UnknownVendor(vendor, known=sorted(self.accounts.rooms))
        account = self.accounts.find(vendor, name)
        key = None if account is None else account.key
        settle(request.headers, self.accounts.rooms[vendor].contract, key, name)
        return account

    async def act(self, request: Request, name: str, arguments: Any) -> Any:
        """Do an act, and take it down where the journal is durable."""
        account = self.open(request)
        now = account.clock.now()
        done = perform(account, name, arguments, now)
        if self.archive is not None:
            self.archive.act(account, now, Act(name, arguments))
            await self.archive.written()
        # What the turn of a clock makes due is told now; applied again, by the next exchange.
        account.collect(None, account.clock.now())
        if self.send is not None and account.webhooks.waiting:
            self.send(account)
        return done

    async def health(self, _: Request) -> Response:
        told = {"status": "ok", "vendors": sorted(self.accounts.rooms), "rebuilt": self.rebuilt}
        return answer(told)

    async def list_accounts(self, _: Request) -> Response:
        return answer({"accounts": [view.account(account) for account in self.accounts]})

    async def show_account(self, request: Request) -> Response:
        return answer(view.account(self.open(request)))

    async def ledger(self, request: Request) -> Response:
        """A key that nobody has used has no ledger: an empty one would look like nothing billed."""
        account = self.opened(request)
        query = dict(request.query_params)
        account.elapse(account.clock.now())
        page = entries(account.ledger, query, known([account.room.contract]))
        sums = totals(account.ledger, query)
        told = view.ledger(account, [entry for _, entry in page.rows], sums)
        pairs = zip(told["entries"], page.rows, strict=True)
        numbered = [{**entry, "number": number} for entry, (number, _) in pairs]
        return answer({**told, "entries": numbered, "next": page.next, "more": page.more})

    async def exchanges(self, request: Request) -> Response:
        account = self.open(request)
        return await self._listed(request, account.journal, [account.room])

    async def all_exchanges(self, request: Request) -> Response:
        return await self._listed(request, self.accounts.feed, self.accounts.rooms.values())

    async def exchange(self, request: Request) -> Response:
        told = self.accounts.exchange(request.path_params["id"])
        if told is None:
            search(request.headers)
            raise HTTPException(404, f"No exchange {request.path_params['id']!r}.")
        return answer(view.exchange(told, self._of(told)))

    async def show_clock(self, request: Request) -> Response:
        return answer(view.account(self.open(request))["clock"])

    async def turn_clock(self, request: Request) -> Response:
        state = clock_state(self.open(request), await json_object(request))
        await self.act(request, "clock", state)
        return await self.show_clock(request)

    async def show_faults(self, request: Request) -> Response:
        pending = self.open(request).faults.pending()
        return answer(
            {
                "faults": [
                    {**{k: getattr(fault, k) for k in fault.__slots__}, "times": left}
                    for fault, left in pending
                ]
            }
        )

    async def add_fault(self, request: Request) -> Response:
        await self.act(request, "add-fault", await json_object(request))
        return await self.show_faults(request)

    async def clear_faults(self, request: Request) -> Response:
        await self.act(request, "clear-faults", {})
        return await self.show_faults(request)

    async def show_settings(self, request: Request) -> Response:
        return answer({"settings": view.settings(self.open(request))})

    async def change_settings(self, request: Request) -> Response:
        await self.act(request, "settings", await json_object(request))
        return await self.show_settings(request)

    async def show_profile(self, request: Request) -> Response:
        return answer({"profile": self.open(request).profile})

    async def change_profile(self, request: Request) -> Response:
        await self.act(request, "profile", await json_object(request))
        return await self.show_profile(request)

    async def reset(self, request: Request) -> Response:
        await self.act(request, "reset", {})
        if self.forget is not None:
            self.forget(self.open(request))
        return await self.show_account(request)

    async def dashboard(self, request: Request) -> Response:
        arguments = await json_object(request)
        name = request.path_params["name"]
        done = await self.act(request, "dashboard", {"name": name, "arguments": arguments})
        return answer(done)

    async def show_deliveries(self, request: Request) -> Response:
        account = self.open(request)
        told = self.deliveries(account) if self.deliveries is not None else []
        return answer({"deliveries": told})

    async def show_webhooks(self, request: Request) -> Response:
        return answer(view.webhooks(self.open(request)))

    async def resend_webhook(self, request: Request) -> Response:
        number = await self.act(request, "resend-webhook", await json_object(request))
        return answer({"delivery": number})

    async def rules(self, request: Request) -> Response:
        wanted = request.query_params.get("vendor")
        if wanted is not None and wanted not in self.accounts.rooms:
            raise UnknownVendor(wanted, known=sorted(self.accounts.rooms))
        rooms = [self.accounts.rooms[wanted]] if wanted else self.accounts.rooms.values()
        found = [view.rule(rule) for room in rooms for rule in room.contract.rules.values()]
        return answer({"rules": found})

    async def openapi(self, _: Request) -> Response:
        document = Path(__file__).with_name("control.openapi.json").read_bytes()
        return Response(document, media_type="application/json")

    async def _listed(self, request: Request, journal: Journal, rooms: Iterable[Room]) -> Response:
        """Exchanges after a number that fit the query; with `wait`, once there are any."""
        query, values = dict(request.query_params), known(room.contract for room in rooms)
        wait = seconds(query, "wait", LONGEST_WAIT)
        page = exchanges(journal, query, values)
        passed = asyncio.get_running_loop().time
        until = passed() + wait
        while not (page.rows or page.more) and (left := until - passed()) > 0:
            if not await journal.appended(left):
                break
            page = exchanges(journal, query, values)
        told = [{**view.summary(e, self._of(e)), "number": n} for n, e in page.rows]
        paging = {"next": page.next, "more": page.more, "dropped": journal.dropped}
        return answer({"exchanges": told, **paging})

    def _of(self, told: Exchange) -> Account:
        account = self.accounts.find(told.vendor, told.account)
        assert account is not None  # accounts are never closed
        return account


def _addressed(request: Request) -> tuple[str, str]:
    """The vendor and the key or handle that a path names."""
    return request.path_params["vendor"], request.path_params["key"]


def control_app(control: Control) -> ASGIApp:
    """The control API as an ASGI app, for the paths below /_meterbox."""
    handlers: Any = {MeterboxError: told, HTTPException: of_http, ValueError: told}
    handlers[Elsewhere] = handed_on
    return Guard(
        Starlette(exception_handlers=handlers, routes=control_routes(control)), control.token
    )
