"""What every view has: the sandbox that it shows, and the way in which it is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute

from contracts.model import MeterboxError
from sandbox.body import LARGEST
from sandbox.clock import iso, wall
from sandbox.control import Control
from sandbox.page.shown import linked, shown, visible
from sandbox.page.static import address

if TYPE_CHECKING:
    from sandbox.deliveries import Forwarding
    from sandbox.switchboard import Switchboard

__all__ = ["ROOT", "Page", "View", "form", "partial"]

ROOT = "/_meterbox/page"
TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class View:
    """A part of the page. `routes` are below ROOT; one that is `listed` stands in the navigation,
    where it leads to `path`. `name` is that of its template too."""

    name: str
    title: str
    path: str
    routes: Callable[[Page], Sequence[BaseRoute]]
    listed: bool = True


@dataclass(frozen=True)
class Page:
    """What views show and act on: `control` has the accounts and the acts, as its API offers them,
    `switchboard` carries out requests, and `forwarding` delivers, if anything is forwarded."""

    control: Control
    switchboard: Switchboard
    views: Sequence[View]
    forwarding: Forwarding | None = None
    environment: Environment = field(default_factory=lambda: _environment())

    def render(
        self, request: Request, template: str, status: int = 200, /, **shown: Any
    ) -> HTMLResponse:
        """A template with what it shows, and with what all have."""
        return HTMLResponse(self.text(template, request=request, **shown), status)

    def text(self, template: str, /, **shown: Any) -> str:
        """A template as text, for a part of a page that is sent by itself."""
        known = {"page": self, "token": self.control.token is not None, "root": ROOT}
        return self.environment.get_template(template).render(**known, **shown)

    @property
    def listed(self) -> list[View]:
        """The views of the navigation."""
        return [view for view in self.views if view.listed]


async def form(request: Request) -> dict[str, str]:
    """What a form of the page sends, the last value of each name. Raises MeterboxError."""
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > LARGEST:
            raise MeterboxError(f"The form has more than {LARGEST:,} bytes.")
    return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))


def partial(request: Request) -> bool:
    """Whether the request is for a part of a page, and not by a browser that was sent here."""
    return "hx-request" in request.headers and "hx-history-restore-request" not in request.headers


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"shown": shown, "linked": linked}
    made.globals |= {"static": address, "today": lambda: iso(wall())[:10]}
    return made
