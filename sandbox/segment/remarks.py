"""What is odd about a request though Segment takes it: its media type, its keys, its type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from contracts.model import Violation
from sandbox.auth import redacted
from sandbox.room import Call
from sandbox.segment.arrivals import Arrival
from sandbox.segment.delivery import instant

__all__ = ["remarks"]

MEDIA = ("application/json", "text/plain")


def remarks(call: Call, arrived: Sequence[Arrival]) -> list[Violation]:
    """Findings about the request as a whole, which by themselves drop nothing."""
    return [*_media(call), *_keys(call, arrived), *_implied(call), *_sent(call)]


def _media(call: Call) -> Iterator[Violation]:
    """SDKs send two media types; the documentation knows one (rule segment.body.media)."""
    given = call.request.header("content-type")
    if given is None or given.partition(";")[0].strip().lower() not in MEDIA:
        why = f"the Content-Type is {given or 'missing'}; Segment asks for application/json"
        yield Violation("$", why, given, "segment.body.media")


def _keys(call: Call, arrived: Sequence[Arrival]) -> Iterator[Violation]:
    """Write keys in the body that are not the one the request goes by."""
    key = call.account.key
    if not key:
        return
    places = [("$", call.body), *((a.path, a.given) for a in arrived if a.index is not None)]
    for path, place in places:
        other = place.get("writeKey") if isinstance(place, dict) else None
        if other is not None and other != key:
            why = "differs from the write key that this request goes by"
            shown = redacted(other) if isinstance(other, str) else other
            yield Violation(f"{path}.writeKey", why, shown, "segment.auth.disagree")


def _implied(call: Call) -> Iterator[Violation]:
    given, implied = call.body.get("type"), call.endpoint.name
    if implied != "batch" and given is not None and given != implied:
        why = f"the path says {implied}; the path wins"
        yield Violation("$.type", why, given, "segment.type.implied")


def _sent(call: Call) -> Iterator[Violation]:
    """A batch's own sentAt; that of a call is judged with the call."""
    written = call.body.get("sentAt") if call.endpoint.name == "batch" else None
    if written is not None and instant(written) is None:
        yield Violation("$.sentAt", f"{written!r} is no time", written, "segment.timestamp.sent-at")
