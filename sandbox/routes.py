"""Every route of the control API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.explanations import Explanations
from sandbox.keepsakes import Keepsakes
from sandbox.outlook import Outlook
from sandbox.undelivered import Undelivered

if TYPE_CHECKING:
    from sandbox.control import Control

__all__ = ["control_routes"]

ONE = "/accounts/{vendor}/{key}"


def control_routes(control: Control) -> list[Route]:
    """Those of one account, and those of all."""
    kept, why, dead = Keepsakes(control), Explanations(control), Undelivered(control)
    return [
        *_acts(control),
        *_looks(control, kept, why),
        *_routes("/health", GET=control.health),
        *_routes("/accounts", GET=control.list_accounts),
        *_routes("/exchanges", GET=control.all_exchanges),
        *_routes("/coverage/{vendor}", GET=kept.coverage),
        *_routes("/exchanges/{id}", GET=control.exchange),
        *_routes("/playground", POST=why.play),
        *_routes("/dead-letters", GET=dead.every),
        *_routes("/dead-letters/retry", POST=dead.retry),
        *_routes("/dead-letters/drop", POST=dead.drop),
        *_routes("/dead-letters/{vendor}/{number}", GET=dead.show),
        *_routes("/rules", GET=control.rules),
        *_routes("/openapi.json", GET=control.openapi),
    ]


def _acts(control: Control) -> Iterable[Route]:
    """What is set and done of an account."""
    one, inside = ONE, Outlook(control)
    yield from _routes(f"{one}/clock", GET=control.show_clock, POST=control.turn_clock)
    yield from _routes(f"{one}/clock/trial", POST=inside.trial)
    yield from _routes(f"{one}/state", GET=inside.state)
    yield from _routes(
        f"{one}/faults",
        GET=control.show_faults,
        POST=control.add_fault,
        DELETE=control.clear_faults,
    )
    yield from _routes(f"{one}/settings", GET=control.show_settings, PATCH=control.change_settings)
    yield from _routes(f"{one}/profile", GET=control.show_profile, PUT=control.change_profile)
    yield from _routes(f"{one}/reset", POST=control.reset)
    yield from _routes(f"{one}/webhooks/resend", POST=control.resend_webhook)
    yield from _routes(f"{one}/dashboard/{{name}}", POST=control.dashboard)


def _looks(control: Control, kept: Keepsakes, why: Explanations) -> Iterable[Route]:
    """What is told of an account, and its snapshot."""
    one = ONE
    yield from _routes(one, GET=control.show_account)
    yield from _routes(f"{one}/ledger", GET=control.ledger)
    yield from _routes(f"{one}/exchanges", GET=control.exchanges)
    yield from _routes(f"{one}/snapshot", GET=kept.take, POST=kept.restore)
    yield from _routes(f"{one}/coverage", GET=kept.coverage_of)
    yield from _routes(f"{one}/events/{{id:path}}/journey", GET=why.journey)
    yield from _routes(f"{one}/deliveries", GET=control.show_deliveries)
    yield from _routes(f"{one}/webhooks", GET=control.show_webhooks)


def _routes(path: str, **methods: Callable[[Request], Awaitable[Response]]) -> Iterable[Route]:
    async def endpoint(request: Request) -> Response:
        # Starlette answers HEAD wherever it answers GET, and leaves the body out.
        return await methods["GET" if request.method == "HEAD" else request.method](request)

    return [Route(path, endpoint, methods=list(methods))]
