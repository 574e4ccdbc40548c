"""Acme, a vendor that nobody has: small, and with one of everything the machinery knows.

`lay_out` puts its files where a vendor's files go, in a folder outside of the project.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from shutil import copy, copytree
from typing import Any

import httpx

from contracts import reader
from sandbox.app import Sandbox

__all__ = ["HERE", "NOW", "inside", "known", "lay_out", "usage"]

HERE = Path(__file__).parent
NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def lay_out(root: Path) -> Path:
    """Acme's four folders below `root`; answers `root`."""
    contracts = root / "contracts" / "acme"
    for folder in ("schemas", "cases"):
        copytree(HERE / folder, contracts / folder)
    for file in ("contract.json", "rules.json"):
        copy(HERE / file, contracts / file)
    copytree(HERE / "golden", root / "fixtures" / "acme" / "golden")
    for package, files in {
        "sandbox": ["app.py"],
        "translators": ["mapping.py", "settings.py"],
    }.items():
        room = root / package / "acme"
        room.mkdir(parents=True)
        (room / "__init__.py").touch()
        for name in files:
            copy(HERE / name, room / name)
    return root


class known:
    """Vendors of another folder are known inside a `with`, and forgotten after it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __enter__(self) -> None:
        reader.add_vendors(self._root)

    def __exit__(self, *_: object) -> None:
        for package in reader.PACKAGES:
            import_module(package).__path__.remove(str(self._root / package))
        reader.read.cache_clear()


@asynccontextmanager
async def inside(sandbox: Sandbox, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client that reaches a sandbox without a socket."""
    transport = httpx.ASGITransport(app=sandbox)
    async with (
        sandbox.lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", **more) as client,
    ):
        yield client


def usage(id: str = "e1", quantity: Any = 1, **more: Any) -> dict[str, Any]:
    """One of Acme's events, at noon."""
    return {
        "id": id,
        "customer": "c1",
        "meter": "calls",
        "quantity": quantity,
        "at": "2026-01-15T12:00:00Z",
        **more,
    }
