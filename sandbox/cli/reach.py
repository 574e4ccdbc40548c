"""A running sandbox as commands reach it: its control API, and one line when it is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from contracts.model import MeterboxError

if TYPE_CHECKING:
    import httpx

__all__ = ["WAIT", "Unreachable", "asked", "client", "options"]

WAIT = 30.0


class Unreachable(MeterboxError):
    """No sandbox answers there, or not with what was asked for; `status` is that of its answer."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--url and --token, as every command has them that needs a running sandbox."""
    token = click.option("--token", envvar="METERBOX_TOKEN", help="The token of its control API.")
    url = click.option(
        "--url",
        envvar="METERBOX_URL",
        default="http://127.0.0.1:4020",
        show_default=True,
        help="Where it runs.",
    )
    return url(token(command))


def client(url: str, token: str | None) -> httpx.Client:
    """A client of the sandbox there. Raises Unreachable when that is no address."""
    import httpx

    from translators.forwarding.trust import trust

    try:
        at = httpx.URL(url)
    except httpx.InvalidURL:
        at = httpx.URL()
    if at.scheme not in ("http", "https") or not at.host:
        raise Unreachable(f"{url!r} is not an address such as http://127.0.0.1:4020.")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=url, headers=headers, timeout=WAIT + 10, verify=trust(str(at)))


def asked(
    client: httpx.Client,
    method: str,
    path: str,
    wanted: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Any = None,
    kind: type = list,
) -> dict[str, Any]:
    """What the control API answers: an object in which is what is `wanted`, of this kind.

    `path` is below /_meterbox. Raises Unreachable.
    """
    import httpx

    at = str(client.base_url).rstrip("/")
    try:
        response = client.request(method, f"/_meterbox{path}", params=query, json=body)
    except httpx.HTTPError as fault:
        why = " ".join(str(fault).split()).rstrip(".") or type(fault).__name__
        raise Unreachable(
            f"No sandbox answers at {at}: {why}. Start one with: meterbox up"
        ) from fault
    told = _json_object(response)
    if response.status_code == 200 and isinstance(told.get(wanted), kind):
        return told
    status = response.status_code
    if isinstance(told.get("error"), str):
        raise Unreachable(f"{at} answers {status}: {told['error']}", status)
    media = response.headers.get("content-type", "nothing").partition(";")[0]
    raise Unreachable(f"{at} is no meterbox: it answers {status}, {media}.")


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        told = response.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
