"""What the control API explains: an event's journey, and what would become of one.

What it takes for that is imported when somebody asks: who never does should not wait for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import BadBody, answer, json_object
from sandbox.clock import parse
from sandbox.view import dumps

if TYPE_CHECKING:
    from sandbox.control import Control
    from sandbox.playground import Play

__all__ = ["Explanations"]


class Explanations:
    """Requests for what happened and why, at a control API."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def journey(self, request: Request) -> Response:
        from sandbox.journey import NoEvent, journey

        source = self._control.opened(request)
        try:
            return answer(journey(source, request.path_params["id"], self._control.roads))
        except NoEvent as fault:
            raise HTTPException(404, str(fault)) from fault

    async def play(self, request: Request) -> Response:
        from sandbox.playground import played

        return answer(await played(_play(await json_object(request)), self._control.accounts.rooms))


def _play(given: dict[str, Any]) -> Play:
    """What to play with, from a request's body. Raises BadBody."""
    forms = {"text": str, "settings": dict, "to": str, "at": str, "bare": bool}
    for name, value in given.items():
        if name != "payload" and not isinstance(value, forms.get(name, ())):
            raise BadBody(f"{name}: is not one of {', '.join(forms)} and payload, or not its type.")
    if ("text" in given) == ("payload" in given):
        raise BadBody("Give one of payload and text, which is a payload as JSON text.")
    from sandbox.playground import Play

    text = given["text"] if "text" in given else dumps(given["payload"]).decode()
    settings = given.get("settings", {})
    if not all(isinstance(own, dict) for own in settings.values()):
        raise BadBody("settings: are those of destinations, an object for each vendor.")
    at = None if "at" not in given else _moment(given["at"])
    return Play(text, settings, given.get("to"), at, given.get("bare", False))


def _moment(text: str) -> datetime:
    try:
        return parse(text)
    except (ValueError, OverflowError) as fault:
        raise BadBody(f"at: {text!r} is no time such as 2026-01-15T12:00:00Z.") from fault
