"""The page's own files, each under an address that changes when it does."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["address", "serve"]

FOLDER = Path(__file__).with_name("static")
# Not the machine's table of types: nothing is run that is not said to be a script.
MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def address(name: str) -> str:
    """Where a file is, as a page refers to it."""
    return f"/_meterbox/page/static/{name}?v={_version(name)}"


async def serve(request: Request) -> Response:
    """`GET static/{name}`."""
    name = request.path_params["name"]
    if name not in _names():
        raise HTTPException(404, f"No file {name!r}.")
    current = request.query_params.get("v") == _version(name)
    keep = "public, max-age=31536000, immutable" if current else "no-cache"
    content = (FOLDER / name).read_bytes()
    return Response(content, 200, {"cache-control": keep}, MEDIA[Path(name).suffix])


@cache
def _names() -> frozenset[str]:
    files = (file for file in FOLDER.rglob("*") if file.suffix in MEDIA)
    return frozenset(file.relative_to(FOLDER).as_posix() for file in files)


@cache
def _version(name: str) -> str:
    return sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
