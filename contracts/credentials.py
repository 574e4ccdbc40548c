"""How a caller shows a key to a vendor, by the first scheme of the vendor's contract."""

from __future__ import annotations

import base64

from contracts.model import Auth

__all__ = ["headers"]


def headers(auth: Auth, key: str) -> dict[str, str]:
    """Request headers that carry `key`."""
    kind, _, name = auth.schemes[0].partition(":")
    if kind == "header":
        return {name: key}
    if kind == "bearer":
        return {"authorization": f"Bearer {key}"}
    if kind == "raw":
        return {"authorization": key}
    return {"authorization": f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"}
