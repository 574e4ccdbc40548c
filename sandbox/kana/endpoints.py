"""Kana's GraphQL endpoints: what a request asks, carried out and answered."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from contracts.model import Violation
from sandbox.graph import Answer, Document
from sandbox.kana import errors, speech
from sandbox.kana.admin import Admin
from sandbox.kana.frontend import Frontend
from sandbox.kana.misses import missed
from sandbox.reply import Decision, Effects, Refusal, Reply
from sandbox.room import Call

__all__ = ["admin", "client", "playground", "preflight"]

PAGE = (Path(__file__).parent / "playground.html").read_text(encoding="utf-8")
# The page is whole: it fetches nothing but this endpoint.
POLICY = (
    b"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"
)
ALLOWED = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, x-api-version, x-user-id"),
    (b"access-control-max-age", b"86400"),
)


def admin(call: Call) -> Decision:
    """POST /graphql: a document against the Admin API's schema."""
    document = speech.asked(call)
    operations = Admin(call)
    done = speech.answered(document, call, operations.root())
    effects = (*operations.effects, *_missed(done, document, call, operations.recorded))
    found = (*operations.findings, *speech.findings(done))
    return Decision(speech.told(done, call), effects, found)


def _missed(
    done: Answer, document: Document, call: Call, recorded: set[str]
) -> tuple[Effects, ...]:
    """Usage that nobody recorded, as the document was refused whole, or ended before it
    (rules kana.graphql.serial and kana.graphql.bounds)."""
    if done.parsed is None or not done.errors:
        return ()
    names = (f"refused-{call.account.journal.next}-{n}" for n in count(1))
    lost = missed(done.parsed, document, names, recorded)
    ended = done.executed and done.stage == "execution"
    rule = "kana.graphql.serial" if ended else speech.RULES[done.stage]
    return (Effects("rejected", lost, rule),) if lost else ()


def client(call: Call) -> Decision:
    """POST /client/graphql: the one query of the Client API."""
    asked = Frontend(call)
    done = speech.answered(speech.asked(call), call, {"currentUser": asked.current_user})
    return Decision(speech.told(done, call), (), tuple(speech.findings(done)))


def preflight(_: Call) -> Decision:
    """OPTIONS /client/graphql: a browser asks whether it may ask (rule kana.client.cors)."""
    return Decision(Reply(204, b"", None, ALLOWED))


def playground(call: Call) -> Decision:
    """GET /graphql: a page for people; documents are taken by POST alone."""
    if "text/html" in (call.request.header("accept") or ""):
        headers = ((b"content-security-policy", POLICY),)
        return Decision(Reply.text(PAGE, 200, "text/html; charset=utf-8", headers))
    why = "documents are sent by POST, and the page is for who accepts text/html"
    found = Violation("$", why, call.request.header("accept"), "kana.graphql.post")
    raise Refusal(errors.graphql("GET query missing.", status=400), [found])
