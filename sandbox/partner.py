"""The endpoint that Segment would call at a partner: one raw event in, the vendor's calls out.

`POST /<source>/destinations/<vendor>` with Basic credentials and `X-Segment-Settings`, answered as
Segment's contract with partners has it (rule segment.delivery.partner).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from contracts import credentials
from contracts.model import MeterboxError, Violation
from sandbox.account import Account, Accounts
from sandbox.auth import Credential, credential
from sandbox.body import Unreadable, document
from sandbox.edge import read
from sandbox.exchange import Lost
from sandbox.journal import Exchange
from sandbox.reply import Decision, Reply, Request
from sandbox.spread import Elsewhere, handed_on, owner, taken
from sandbox.switchboard import Switchboard
from translators.event import BadEvent, parse
from translators.mapping import translate
from translators.request import Untranslatable, VendorRequest

__all__ = ["Partner"]


class Refused(Exception):
    """What the partner says no with; `path` and `rule` tell where and why."""

    def __init__(
        self, status: int, message: str, rule: str, path: str = "$", *, why: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.finding = Violation(path, why or message, None, rule)


class Partner:
    """Translates an event and applies it at a vendor, for the key that Segment sends."""

    def __init__(self, vendor: str, accounts: Accounts, switchboard: Switchboard) -> None:
        self._vendor = vendor
        self._accounts = accounts
        self._switchboard = switchboard
        self._contract = accounts.rooms[vendor].contract

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read(receive)
        if body is None:
            return
        headers = dict(scope["headers"])
        hint = taken(headers)
        request = Request(scope["method"], scope["path"], b"", headers, body)
        try:
            if hint is not None:
                hint.settle(owner(self._contract, self._credential(request)))
            answer = await self._answered(request)
        except Elsewhere as other:
            answer = handed_on(None, other)
        await answer(scope, receive, send)

    async def _answered(self, request: Request) -> Response:
        account, refused = self._judged(request)
        if refused is not None:
            told = self._refuse(account, request, refused, account.clock.now())
            desk, _ = self._switchboard.find(self._vendor, request.method, request.path)
            if desk.note is not None:
                desk.note(account, told)
                await desk.written()
            return _answer(told.reply, told.id)
        return await self._delivered(account, request)

    def repeat(self, request: Request, now: datetime) -> Exchange | None:
        """Refuse again what a durable journal kept; what was applied is kept as the vendor's."""
        account, refused = self._judged(request)
        return None if refused is None else self._refuse(account, request, refused, now)

    def _judged(self, request: Request) -> tuple[Account, Refused | None]:
        """Whose request it is, and why it must be refused, if it must."""
        found = self._credential(request)
        account = self._accounts.open(self._vendor, "" if found.problem else found.key)
        try:
            if request.method != "POST":
                raise Refused(405, "Segment delivers by POST", f"{self._vendor}.method")
            if found.problem is not None:
                raise Refused(401, "The API key is missing or not good", f"{self._vendor}.auth")
            self._translated(request)
        except Refused as refused:
            return account, refused
        return account, None

    def _credential(self, request: Request) -> Credential:
        return credential(request, replace(self._contract.auth, schemes=("basic",)))

    def _refuse(
        self, account: Account, request: Request, refused: Refused, now: datetime
    ) -> Exchange:
        reply = Reply.json({"message": str(refused)}, refused.status)
        decision = Decision(reply, findings=(refused.finding,))
        request.parsed = None  # the journal keeps the bytes
        told = account.record(request, None, decision, now)
        self._accounts.feed.append(told)
        return told

    async def _delivered(self, account: Account, request: Request) -> Response:
        exchange = None
        for call in self._translated(request):
            last, exchange = await self._applied(call, account)
            if last.status >= 400:
                message = _message(last, self._contract.title)
                return _answer(Reply.json({"message": message}, _status(last.status)), exchange)
        return _answer(Reply.json({}), exchange)

    async def _applied(self, call: VendorRequest, account: Account) -> tuple[Reply, str | None]:
        """One call at the vendor, as a client would make it."""
        desk, place = self._switchboard.find(call.vendor, call.method, call.path)
        shown = credentials.headers(account.room.contract.auth, account.key)
        headers = {name.lower().encode(): text.encode() for name, text in shown.items()}
        headers[b"content-type"] = b"application/json"
        body = orjson.dumps(call.body)
        request = Request(call.method, call.path, b"", headers, body, place.params)
        try:
            exchange = await desk.perform(request, place.methods)
        except Lost:
            last = account.journal.get(account.journal.next - 1)
            return Reply(503, b"no answer came", None), last.id if last else None
        return exchange.reply, exchange.id

    def _translated(self, request: Request) -> tuple[VendorRequest, ...]:
        malformed = f"{self._vendor}.body.malformed"
        try:
            given = _settings(request)
            made = translate(self._vendor, parse(document(request)), given)
        except Unreadable as fault:
            raise Refused(400, fault.why, malformed) from fault
        except BadEvent as fault:
            raise Refused(400, str(fault), malformed, fault.path) from fault
        except MeterboxError as fault:
            rule = f"{self._vendor}.segment.settings"
            known = rule if rule in self._contract.rules else malformed
            raise Refused(400, "Request validation error", known, why=str(fault)) from fault
        if isinstance(made, Untranslatable):
            raise Refused(501 if made.unsupported else 400, made.reason, made.rule, made.path)
        return made.requests


def _settings(request: Request) -> Mapping[str, Any]:
    """The settings Segment sends along. Raises BadEvent when they cannot be read."""
    given = request.header("x-segment-settings")
    if not given:
        return {}
    try:
        settings = orjson.loads(base64.b64decode(given, validate=True))
    except ValueError as fault:  # base64's and JSON's are both
        raise BadEvent("X-Segment-Settings", f"is not base64 of JSON: {fault}") from fault
    if not isinstance(settings, dict):
        raise BadEvent("X-Segment-Settings", "is not a JSON object")
    return settings


def _status(status: int) -> int:
    """Segment knows these; of others it gets the nearest (rule segment.delivery.partner-status)."""
    if status in (400, 401, 403, 429, 500, 501, 503):
        return status
    return 503 if status >= 500 else 400


def _message(reply: Reply, title: str) -> str:
    return f"{title} answered {reply.status}: {reply.body[:500].decode('utf-8', 'replace')}"


def _answer(reply: Reply, exchange: str | None) -> Response:
    headers = {"x-meterbox-exchange": exchange} if exchange else {}
    return Response(reply.body, reply.status, headers, media_type="application/json")
