"""What became of one try to deliver, as types, and the judgement of a vendor's answer."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

__all__ = [
    "Attempt",
    "Dead",
    "Delivered",
    "Filtered",
    "Outcome",
    "Retry",
    "excerpt",
    "judge",
    "retry_after",
]

LONGEST = timedelta(days=1)
SECONDS = re.compile(r"\d+(\.\d+)?")
EXCERPT = 500
CODES = {400: "400|BAD_REQUEST", 501: "UNSUPPORTED_EVENT_TYPE"}


@dataclass(frozen=True, slots=True)
class Delivered:
    """The vendor has it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now. `after` is how long the vendor asked us to wait, None when it did not ask."""

    after: timedelta | None
    reason: str
    code: str


@dataclass(frozen=True, slots=True)
class Dead:
    """Never: nothing would change if it were tried again. `code` is Segment's word for it, `rule`
    the rule of the vendor that says no, as far as the contract tells it."""

    reason: str
    code: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Filtered:
    """Not meant for this destination. `code` is Segment's word for it."""

    reason: str
    code: str


Outcome = Delivered | Retry | Dead | Filtered


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when, after which wait, and what came back.

    `status` is None when nothing did; `exchange` is the id a sandbox gave to the exchange.
    """

    at: datetime
    waited: timedelta
    line: str
    outcome: Delivered | Retry | Dead
    status: int | None = None
    excerpt: str = ""
    exchange: str | None = None


def judge(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    successes: Collection[int] = (),
) -> Delivered | Retry | Dead:
    """What an answer means, by the rule of Segment's partner and webhook leg.

    429 and 5xx are retried, other 4xx are not (rule segment.delivery.retry), nor is 501 (rule
    segment.delivery.unsupported). `successes` are the statuses that the vendor's contract calls
    success, all of 2xx when it names none; another 2xx is retried, because a vendor's own client
    does not take it for a yes (rule segment.delivery.success). `headers` find names in any case.
    """
    if status in successes or (not successes and 200 <= status < 300):
        return Delivered()
    reason = f"{status}: {_told(body)}"
    if 200 <= status < 300:
        expected = " or ".join(str(number) for number in sorted(successes))
        return Retry(None, f"{reason} (success is {expected})", "RETRY")
    if status == 429 or (status >= 500 and status != 501):
        return Retry(retry_after(headers, now), reason, str(status))
    return Dead(reason, CODES.get(status, str(status)))


def excerpt(body: bytes) -> str:
    """The beginning of an answer's text, at most 500 characters."""
    text = body.decode("utf-8", "replace").strip()
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


def _told(body: bytes) -> str:
    """An answer's `message`, which is what Segment shows of it, or else its text."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    message = document.get("message") if isinstance(document, dict) else None
    told = excerpt(message.encode("utf-8", "replace") if isinstance(message, str) else body)
    return told or "(no body)"


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Retry-After as seconds or as a date; None when it is absent or neither."""
    given = headers.get("retry-after", "").strip()
    if SECONDS.fullmatch(given):
        return timedelta(seconds=min(float(given), LONGEST.total_seconds()))
    at = _date(given)
    if at is None:
        return None
    # Against the answer's own Date: the vendor's clock need not be ours.
    return min(max(at - (_date(headers.get("date", "")) or now), timedelta()), LONGEST)


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
