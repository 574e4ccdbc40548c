"""Who is not let in: requests that no endpoint takes, and credentials that are none."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.model import Auth, Endpoint, Violation
from sandbox.auth import Credential
from sandbox.reply import Refusal, Request
from sandbox.room import Room

__all__ = ["astray", "stranger"]


def astray(room: Room, request: Request, endpoints: Mapping[str, Endpoint]) -> Refusal:
    """No such path, or none of its methods."""
    contract = room.contract
    if endpoints:
        why = f"{request.method} is not among {', '.join(endpoints)}"
        finding = Violation("$", why, request.method, f"{contract.vendor}.method")
        return Refusal(room.words.wrong_method(request, list(endpoints)), [finding])
    why = f"{contract.title} has no {request.path}"
    finding = Violation("$", why, request.path, f"{contract.vendor}.path")
    return Refusal(room.words.unknown_path(request), [finding])


def stranger(room: Room, request: Request, found: Credential, auth: Auth | None) -> Refusal:
    """A credential that is missing, refused, misshapen or unknown; `auth` is the endpoint's."""
    auth, problem = auth or room.contract.auth, found.problem or "missing"
    told = {
        "missing": f"no credential; {room.contract.title} looks for {' or '.join(auth.schemes)}",
        "refused": "a key that begins with bad_ is always refused",
        "shape": f"the key does not match {auth.pattern}",
        "unknown": "the credential belongs to no account here",
    }[problem]
    finding = Violation("$", told, None, f"{room.contract.vendor}.auth")
    return Refusal(room.words.unauthorized(problem, request), [finding])
