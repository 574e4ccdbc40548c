"""One exchange, step by step: credential, fault before, limits, contract, rules, journal,
fault after. Deciding is synchronous, so no other request can come between check and effect."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contracts.conformance import MOST, violations
from contracts.model import Endpoint, MeterboxError, Violation
from contracts.schema import Schema
from sandbox.account import Account, Accounts
from sandbox.auth import Credential, credential
from sandbox.body import Unreadable, content
from sandbox.door import astray, stranger
from sandbox.faults import Fault
from sandbox.idempotency import echoed
from sandbox.journal import Exchange
from sandbox.profile import leniently, overlooked
from sandbox.reply import Decision, Effects, Refusal, Reply, Request
from sandbox.room import Call, Room

__all__ = ["Desk", "Lost", "Sleep"]

LOG = logging.getLogger(__name__)
LOST = ("reset", "lost-reply", "reset-after")
Sleep = Callable[[float], Awaitable[None]]
Written = Callable[[], Awaitable[None]]


class Lost(Exception):
    """The caller gets no answer: `reset` tells whether the connection is reset or closed."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__("reset" if reset else "closed")
        self.reset = reset


async def _at_once() -> None:
    """Nothing to wait for: the journal is in memory."""


@dataclass
class Desk:
    """Where the exchanges of one vendor are carried out.

    `note` is told of each exchange before it is answered and `written` returns once what was
    noted is safe; a durable journal supplies both. `send` is told when an account has webhooks to
    be delivered.
    """

    room: Room
    accounts: Accounts
    sleep: Sleep = asyncio.sleep
    note: Callable[[Account, Exchange], None] | None = None
    written: Written = _at_once
    send: Callable[[Account], None] | None = None

    async def perform(self, request: Request, endpoints: Mapping[str, Endpoint]) -> Exchange:
        """Carry out one request on a path that has these endpoints by method. Raises Lost."""
        endpoint = endpoints.get(request.method)
        found = self.credential_of(request, endpoint)
        account = self._account(found)
        fault = None
        if account.faults or account.in_flight:
            fault = await self._before(account, request, endpoint)
        exchange = self.settle(account, request, endpoints, found, fault, account.clock.now())
        if self.note is not None:
            self.note(account, exchange)
            if not await self._safe():
                return replace(exchange, reply=self.room.words.failing(503, None))
        if self.send is not None and account.webhooks.waiting:
            self.send(account)
        if fault is not None:
            await self._after(fault)
        return exchange

    async def _before(
        self, account: Account, request: Request, endpoint: Endpoint | None
    ) -> Fault | None:
        """What goes wrong before the request is decided; a delay keeps it under way so long."""
        operation = self.room.operations[endpoint.name] if endpoint else None
        now = account.clock.now()
        fault = account.faults.strike(endpoint.name if endpoint else None, now)
        if fault is not None and fault.kind == "delay":
            with account.in_flight.held(request, operation):
                await self.sleep(fault.seconds)
        undisturbed = fault is None or fault.kind not in ("status", "reset", "in-flight")
        if undisturbed and account.in_flight.before(request, operation):
            return Fault("in-flight")
        return fault

    async def _after(self, fault: Fault) -> None:
        """What goes wrong once the request was applied and noted. Raises Lost."""
        if fault.kind in LOST:
            raise Lost(reset=fault.kind != "lost-reply")
        if fault.kind == "late-reply":
            await self.sleep(fault.seconds)

    async def _safe(self) -> bool:
        """Whether what was noted is on disk. If not, the caller must not take it for done."""
        try:
            await self.written()
        except MeterboxError as fault:
            LOG.error("%s", fault)
            return False
        return True

    def repeat(
        self,
        request: Request,
        endpoints: Mapping[str, Endpoint],
        fault: Fault | None,
        now: datetime,
    ) -> Exchange:
        """Carry out again what a durable journal kept, as it was and when it was."""
        endpoint = endpoints.get(request.method)
        found = self.credential_of(request, endpoint)
        account = self._account(found)
        account.faults.strike(endpoint.name if endpoint else None, now)
        return self.settle(account, request, endpoints, found, fault, now)

    def credential_of(self, request: Request, endpoint: Endpoint | None) -> Credential:
        """The key of the account that a request is for."""
        if endpoint is None or endpoint.auth is None:
            return credential(request, self.room.contract.auth)
        found = credential(request, endpoint.auth)
        if found.problem is not None or self.room.tenant is None:
            return found
        key = self.room.tenant(found.key, self.accounts)
        return Credential(key) if key is not None else Credential("", "unknown")

    def _account(self, found: Credential) -> Account:
        """A stranger's exchanges go to an account of their own, which has no key."""
        return self.accounts.open(self.room.contract.vendor, "" if found.problem else found.key)

    def settle(
        self,
        account: Account,
        request: Request,
        endpoints: Mapping[str, Endpoint],
        found: Credential,
        fault: Fault | None,
        now: datetime,
    ) -> Exchange:
        """Decide and record, at once; given the same state and `now`, always the same."""
        endpoint = endpoints.get(request.method)
        account.collect(None, now)  # what time brought about is told to who was there then
        if fault is not None and fault.kind in ("status", "reset"):
            decision = Decision(self._struck(fault))
        else:
            decision = self._guarded(account, request, endpoint, endpoints, found, fault, now)
            if fault is not None and fault.kind == "status-after":
                decision = replace(decision, reply=self._struck(fault))
        if self.room.dress is not None and decision.reply.status:
            decision.reply = self.room.dress(account, endpoint, decision.reply, now)
        exchange = account.record(
            request,
            endpoint.name if endpoint else None,
            decision,
            now,
            fault,
        )
        request.parsed = None  # the journal keeps the bytes
        account.collect(decision, now)
        self.accounts.feed.append(exchange)
        if decision.forward and self.accounts.forward is not None:
            self.accounts.forward(account, decision.forward)
        return exchange

    def _struck(self, fault: Fault) -> Reply:
        if fault.kind == "reset":
            return Reply(0, b"", None)
        if fault.status < 400:
            return Reply(fault.status, b"", None)  # said by something on the way
        return self.room.words.failing(fault.status, fault.retry_after)

    def _guarded(self, account: Account, request: Request, *asked: Any) -> Decision:
        """The decision; a fault of ours is a 500 in the vendor's words, kept like any exchange."""
        try:
            return self._decided(account, request, *asked)
        except Exception:
            LOG.exception("%s %s failed in meterbox", request.method, request.path)
            return Decision(self.room.words.failing(500, None))

    def _decided(
        self,
        account: Account,
        request: Request,
        endpoint: Endpoint | None,
        endpoints: Mapping[str, Endpoint],
        found: Credential,
        fault: Fault | None,
        now: datetime,
    ) -> Decision:
        try:
            if endpoint is None:
                raise astray(self.room, request, endpoints)
            if found.problem is not None and not self._tolerated(found, endpoint):
                raise stranger(self.room, request, found, endpoint.auth)
            odd = self._odd_media(account, request, endpoint)
            body = self._body(account, request, endpoint)
            concurrent = fault is not None and fault.kind == "in-flight"
            call = Call(account, endpoint, request, body, now, concurrent)
            self._limit(call)
            decision = self._operated(call)
            return (
                decision if odd is None else replace(decision, findings=(*decision.findings, odd))
            )
        except Refusal as refusal:
            operation = self.room.operations[endpoint.name] if endpoint else None
            return echoed(refusal.decision, request, operation, account.settings)

    def _operated(self, call: Call) -> Decision:
        schema, lenient = call.endpoint.request, call.account.profile == "contract"
        if schema is not None and not (schema.accepts(call.body) or self._unbound(call)):
            refusal = self._departing(call, schema)
            if refusal is not None:
                if lenient and self._beyond(refusal):
                    return overlooked(call, refusal.decision)
                raise refusal
        operation = self.room.operations[call.endpoint.name]
        return leniently(call, operation) if lenient else operation(call)

    def _unbound(self, call: Call) -> bool:
        return self.room.unbound(call.request, call.endpoint)

    def _odd_media(
        self, account: Account, request: Request, endpoint: Endpoint
    ) -> Violation | None:
        """A Content-Type that the contract does not list: told or, by switch, refused."""
        given = request.headers.get(b"content-type")
        if given is None or endpoint.request is None:
            return None
        media = given.partition(b";")[0].strip().lower().decode("latin-1")
        switch = account.settings.get(self._rule("body.other-media"))
        if switch is None or media in endpoint.media:
            return None
        why = f"Content-Type is {media!r}; send {' or '.join(endpoint.media)}"
        finding = Violation("$", why, media, self._rule("body.other-media"))
        if switch == "reject":
            raise Refusal(self.room.words.unreadable(Unreadable("media", why), endpoint), [finding])
        return finding

    def _body(self, account: Account, request: Request, endpoint: Endpoint) -> Any:
        try:
            most = account.settings.get(self._rule("body.too-large"))
            if most is not None and len(content(request)) > most:
                raise Unreadable("too-large", f"the body has more than {most} bytes")
            return self.room.body(endpoint, request)
        except Unreadable as fault:
            finding = Violation("$", fault.why, None, self._rule(f"body.{fault.fault}"))
            raise Refusal(self.room.words.unreadable(fault, endpoint), [finding]) from fault

    def _limit(self, call: Call) -> None:
        mode = call.account.settings.get(self._rule("rate-limits"), "off")
        if mode == "off":
            return
        count = self.room.events(call.body)
        full = call.account.limits.exceeded(call.endpoint.name, count, call.now, mode=mode)
        if full is not None:
            limit = full.limit
            why = f"more than {limit.most} {limit.counts} in {limit.seconds} s ({limit.mode})"
            finding = Violation("$", why, None, self._rule("rate-limits"))
            raise Refusal(self.room.words.limited(full, call.now), [finding])

    def _departing(self, call: Call, schema: Schema) -> Refusal | None:
        settings = call.account.settings
        every = violations(call.body, schema, rule=call.endpoint.rule)
        found = [violation for violation in every if not self.room.waives(violation, settings)]
        if not found:
            return None
        reply = self.room.words.violating(found, call.body, call.endpoint)
        lost = self.room.salvage(call.body, call.endpoint)
        effects = (Effects("rejected", lost, found[0].rule),) if lost else ()
        if len(every) >= MOST:
            why = f"there may be more: no more than {MOST:,} departures are told"
            found.append(Violation("$", why, None, call.endpoint.rule))
        return Refusal(reply, found, effects)

    def _beyond(self, refusal: Refusal) -> bool:
        """Whether the body departs only where we ask for more than the vendor's own schema does."""
        rules = {finding.rule for finding in refusal.decision.findings}
        return rules <= self.room.contract.overlooked

    def _tolerated(self, found: Credential, endpoint: Endpoint) -> bool:
        """Whether the operation is to judge a faulty credential, and not the door."""
        return endpoint.public or found.problem in self.room.tolerates

    def _rule(self, name: str) -> str:
        return f"{self.room.contract.vendor}.{name}"
