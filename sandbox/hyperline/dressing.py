"""What every reply of Hyperline carries, and how its problems are spelt by the switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from contracts.model import Endpoint
from sandbox.account import Account
from sandbox.hyperline.errors import CLASSES, TYPES
from sandbox.limits import Window
from sandbox.reply import Headers, Reply

__all__ = ["dress"]

PLAIN = {
    "hyperline.problem": "observed",
    "hyperline.problem.type": "words",
    "hyperline.problem.invalid-status": "400",
    "hyperline.auth.wrong-key": "401",
}
Settings = Mapping[str, Any]


def dress(account: Account, endpoint: Endpoint | None, reply: Reply, now: datetime) -> Reply:
    """The reply with its rate-limit headers, its problem as the account's switches have it."""
    settings = account.settings
    if reply.status >= 400 and any(settings[rule] != told for rule, told in PLAIN.items()):
        reply = _respelt(reply, settings)
    if endpoint is None:
        return reply
    mode = settings["hyperline.rate-limits"]
    window = account.limits.window(endpoint.name, mode="live" if mode == "off" else mode)
    if window is None:
        return reply
    told = allowance(window, now, settings["hyperline.rate-limits.reset"])
    return Reply(reply.status, reply.body, reply.media, (*reply.headers, *told))


def allowance(window: Window, now: datetime, form: str) -> Headers:
    """The X-RateLimit headers of one window (rule hyperline.rate-limits.headers)."""
    seconds = window.limit.seconds
    resets = (int(now.timestamp()) // seconds + 1) * seconds
    left = window.left if window.start == resets - seconds else window.limit.most
    return (
        (b"x-ratelimit-limit", b"%d" % window.limit.most),
        (b"x-ratelimit-remaining", b"%d" % max(0, left)),
        (b"x-ratelimit-reset", _reset(resets, form)),
    )


@lru_cache(maxsize=64)
def _reset(at: int, form: str) -> bytes:
    """When a window starts anew (rule hyperline.rate-limits.reset)."""
    if form == "unix":
        return b"%d" % at
    moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=at)
    if form == "iso":
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()
    written = moment.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")
    return written.encode()


def _respelt(reply: Reply, settings: Settings) -> Reply:
    """A problem by the switches that are not as they come."""
    if reply.media != "application/json":
        return reply
    problem: dict[str, Any] = orjson.loads(reply.body)
    problem["statusCode"] = status = _status(problem, settings)
    kinds = TYPES if settings["hyperline.problem.type"] == "words" else CLASSES
    problem["type"] = kinds.get(status, problem["type"])
    if settings["hyperline.problem"] == "documented":
        problem = {"message": problem["message"]}
    return replace(reply, status=status, body=orjson.dumps(problem))


def _status(problem: Mapping[str, Any], settings: Settings) -> int:
    status: int = problem["statusCode"]
    if status == 400 and problem["errors"]:
        return int(settings["hyperline.problem.invalid-status"])
    if status == 401 and problem["message"] == "Invalid authentication token":
        return int(settings["hyperline.auth.wrong-key"])
    return status
