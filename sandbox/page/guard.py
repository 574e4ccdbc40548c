"""Who may open the page: a browser on this machine, or one that has shown the token; and no page of
another site, by whatever means it asks."""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.guard import local, place
from sandbox.page.session import Session

__all__ = ["LOGIN", "PageGuard"]

ROOT = "/_meterbox/page"
LOGIN = f"{ROOT}/login"
OPEN = (LOGIN, f"{ROOT}/static/")
SAFE = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    # Not "no-referrer", by which a form of our own would say that it comes from nowhere.
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
FOREIGN = "The page takes no requests from other sites' pages."


class PageGuard:
    """Refuses what does not come from the page itself, and says so to the browser in headers."""

    def __init__(self, app: ASGIApp, session: Session) -> None:
        self._app, self._session = app, session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = self._refusal(Request(scope))
        await (answer or self._app)(scope, receive, _guarded(send))

    def _refusal(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        if self._session.token is None and not local(host):
            return PlainTextResponse(
                f"The page answers on this machine alone, not as {host!r}.", 403
            )
        if _foreign(request.method, request.headers):
            return PlainTextResponse(FOREIGN, 403)
        if request.url.path.startswith(OPEN) or self._session.known(request):
            return None
        return _stranger(request)


def _foreign(method: str, headers: Headers) -> bool:
    """Whether a page of another origin asks; to change something, one must say that none does.

    Browsers tell it by Sec-Fetch-Site, but not on a plain http address of another machine, and by
    Origin, but not where something is only read.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    own = origin is not None and place(origin) == headers.get("host")
    if origin is not None and not own:
        return True
    if method not in SAFE:
        return not (site == "same-origin" or (site is None and own))
    followed = headers.get("sec-fetch-mode") == "navigate"  # a link: nobody reads it but the user
    return site not in (None, "same-origin", "none") and not followed


def _stranger(request: Request) -> Response:
    """Who has not shown the token is asked for it."""
    login = f"{LOGIN}?next={quote(str(request.url.path))}"
    if "hx-request" in request.headers:
        return Response("", 401, {"hx-redirect": login})
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(login, 303)
    return PlainTextResponse("Show the token: Authorization: Bearer <token>.", 401)


def _guarded(send: Send) -> Send:
    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return headed
