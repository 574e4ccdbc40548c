"""What the control API reads and says: JSON, and errors in our own words."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from contracts.model import MeterboxError, UnknownVendor
from sandbox import view
from sandbox.journal import Dropped

__all__ = ["BadBody", "answer", "json_object", "of_http", "told", "writable"]


class BadBody(MeterboxError):
    """A request to the control API whose body cannot be used."""


def answer(value: Any, status: int = 200) -> Response:
    return Response(view.dumps(value), status, media_type="application/json")


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object, `{}` when there is none. Raises BadBody."""
    raw = await request.body()
    try:
        given = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError as fault:
        raise BadBody(f"The body is not JSON: {fault}.") from fault
    if not writable(given):
        raise BadBody("The body is nested too deeply.")
    if not isinstance(given, dict):
        raise BadBody(f"The body is not a JSON object but {raw[:40]!r}.")
    return given


def writable(given: Any) -> bool:
    """Whether it can be written down again: orjson reads deeper nesting than it writes."""
    try:
        orjson.dumps(given)
    except orjson.JSONEncodeError:
        return False
    return True


async def told(_: Request, fault: Exception) -> Response:
    status = 410 if isinstance(fault, Dropped) else 404 if isinstance(fault, UnknownVendor) else 400
    return answer({"error": str(fault)}, status)


async def of_http(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    return answer({"error": fault.detail}, fault.status_code)
