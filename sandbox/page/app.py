"""The page as an ASGI application: `/` and all below /_meterbox/page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from contracts.model import MeterboxError, UnknownVendor
from sandbox.control import Control
from sandbox.journal import Dropped
from sandbox.page.guard import LOGIN, PageGuard
from sandbox.page.page import ROOT, Page, form, partial
from sandbox.page.session import Session
from sandbox.page.static import serve
from sandbox.page.views import VIEWS
from sandbox.spread import Elsewhere, handed_on

if TYPE_CHECKING:
    from sandbox.deliveries import Forwarding
    from sandbox.switchboard import Switchboard

__all__ = ["page_app"]


def page_app(
    control: Control, switchboard: Switchboard, forwarding: Forwarding | None = None
) -> ASGIApp:
    """The page of a sandbox, guarded as its control API is."""
    page, session = Page(control, switchboard, VIEWS, forwarding), Session(control.token)
    entry = Entry(page, session)
    routes: list[BaseRoute] = [
        Route(ROOT, _home),
        Route(f"{ROOT}/static/{{name:path}}", serve),
        Route(LOGIN, entry.show),
        Route(LOGIN, entry.enter, methods=["POST"]),
        Route(f"{ROOT}/logout", entry.leave, methods=["POST"]),
    ]
    for view in page.views:
        routes += view.routes(page)
    faults = Faults(page)
    handlers: Mapping[Any, Any] = {
        MeterboxError: faults.told,
        HTTPException: faults.http,
        Elsewhere: handed_on,
    }
    return PageGuard(Starlette(routes=routes, exception_handlers=handlers), session)


async def _home(_: Request) -> Response:
    return RedirectResponse("/", 307)


class Faults:
    """What went wrong, as a page, or as a part of one for a part of a page."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def told(self, request: Request, fault: Exception) -> Response:
        gone, unknown = isinstance(fault, Dropped), isinstance(fault, UnknownVendor)
        return self._shown(request, 410 if gone else 404 if unknown else 400, str(fault))

    async def http(self, request: Request, fault: Exception) -> Response:
        assert isinstance(fault, HTTPException)
        return self._shown(request, fault.status_code, fault.detail)

    def _shown(self, request: Request, status: int, why: str) -> Response:
        template = "parts/fault.html" if partial(request) else "fault.html"
        return self._page.render(request, template, status, why=why, current="")


class Entry:
    """The door of a sandbox that asks for a token."""

    def __init__(self, page: Page, session: Session) -> None:
        self._page, self._session = page, session

    async def show(self, request: Request) -> Response:
        if self._session.known(request):
            return RedirectResponse("/", 303)
        return self._asked(request, request.query_params.get("next", "/"))

    async def enter(self, request: Request) -> Response:
        given = await form(request)
        after = given.get("next", "/")
        if not self._session.proves(given.get("token", "")):
            return self._asked(request, after, 401)
        answer = RedirectResponse(_ours(after), 303)
        self._session.begin(request, answer)
        return answer

    async def leave(self, request: Request) -> Response:
        answer = RedirectResponse(LOGIN, 303)
        self._session.end(request, answer)
        return answer

    def _asked(self, request: Request, after: str, status: int = 200) -> Response:
        wrong = status != 200
        return self._page.render(
            request, "login.html", status, wrong=wrong, after=_ours(after), current=""
        )


def _ours(path: str) -> str:
    """A path of the page, or its beginning: nobody is sent elsewhere."""
    return path if path.startswith(f"{ROOT}/") and "\\" not in path else "/"
