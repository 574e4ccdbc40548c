"""Takes a Segment event to one vendor of a sandbox as the forwarder does, but each request once."""

from __future__ import annotations

import json

from contracts import credentials
from sandbox.account import Account
from sandbox.fates import Sent
from sandbox.journal import Exchange
from sandbox.reply import Request
from sandbox.switchboard import Switchboard
from translators.event import Event
from translators.forwarding.integrations import filtered
from translators.mapping import Translate
from translators.request import Untranslatable, VendorRequest

__all__ = ["mailed", "posted"]

FILTERED = "segment.delivery.integrations"


async def mailed(event: Event, account: Account, translate: Translate, board: Switchboard) -> Sent:
    """Send one event to one vendor, or say why not. Raises Lost where a fault is set."""
    kept_back = filtered(event.raw, account.room.contract.title)
    if kept_back is not None:
        return Sent("not sent", kept_back.reason, (FILTERED,))
    outcome = translate(event)
    if isinstance(outcome, Untranslatable):
        word = "not taken" if outcome.unsupported else "not sent"
        return Sent(word, outcome.reason, (outcome.rule,))
    exchanges = [await posted(request, account, board) for request in outcome.requests]
    traced = tuple(dict.fromkeys(trace.rule for trace in outcome.trace))
    return Sent("sent", "", traced, tuple(exchanges))


async def posted(asked: VendorRequest, account: Account, board: Switchboard) -> Exchange:
    """Make one request of a vendor. Raises Lost where a fault is set."""
    desk, place = board.find(account.vendor, asked.method, asked.path)
    shown = credentials.headers(account.room.contract.auth, account.key)
    headers = {name.lower().encode(): text.encode() for name, text in shown.items()}
    headers[b"content-type"] = b"application/json"
    body = json.dumps(asked.body, ensure_ascii=False, separators=(",", ":"))
    raw = body.encode("utf-8", "surrogatepass")  # half a character is the vendor's to refuse
    request = Request(asked.method, asked.path, b"", headers, raw, place.params)
    return await desk.perform(request, place.methods)
