"""How a caller shows a key to a vendor, by the first scheme of the vendor's contract."""

from __future__ import annotations

import base64

from contracts.model import Auth, Contract, Endpoint

__all__ = ["headers", "headers_for"]


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


def headers_for(endpoint: Endpoint, contract: Contract, key: str) -> dict[str, str]:
    """Request headers for an endpoint; where it takes keys of its own kind, one of the same name
    as `key`."""
    if endpoint.auth is None:
        return headers(contract.auth, key)
    return headers(endpoint.auth, endpoint.auth.template.format(name=contract.name(key)))
