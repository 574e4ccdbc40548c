"""What the control API explains: an event's journey from the call to the bill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import answer
from sandbox.journey import NoEvent, journey

if TYPE_CHECKING:
    from sandbox.control import Control

__all__ = ["Explanations"]


class Explanations:
    """Requests for what happened and why, at a control API."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def journey(self, request: Request) -> Response:
        source = self._control.opened(request)
        try:
            return answer(journey(source, request.path_params["id"], self._control.roads))
        except NoEvent as fault:
            raise HTTPException(404, str(fault)) from fault
