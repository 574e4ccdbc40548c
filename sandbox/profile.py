"""Profiles: how much of a vendor an account enforces.

`faithful` enforces every rule. `contract` checks a request against its contract only and answers
every operation as if it had succeeded, for callers with made-up ids and times.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from contracts.model import BadValue, Violation
from contracts.sample import Unsampled, sample
from sandbox.reply import Decision, Refusal, Reply

if TYPE_CHECKING:
    from sandbox.room import Call, Operation

__all__ = ["PROFILES", "Profile", "leniently", "overlooked", "profile"]

Profile = Literal["faithful", "contract"]
PROFILES: tuple[Profile, ...] = ("faithful", "contract")


def profile(value: Any) -> Profile:
    """A profile by its name. Raises BadValue."""
    for known in PROFILES:
        if value == known:
            return known
    raise BadValue("profile", value, f"one of {', '.join(PROFILES)}")


def leniently(call: Call, operation: Operation) -> Decision:
    """What the operation decides, if it is a yes; of a no, its findings beside a made-up yes.

    What a refusal says of events stays true: nothing of them was kept, and nothing is billed.
    """
    try:
        decision = operation(call)
    except Refusal as refusal:
        decision = refusal.decision
    return decision if _good(decision.reply.status) else overlooked(call, decision)


def overlooked(call: Call, refused: Decision) -> Decision:
    """A yes in the place of a refusal; the refusal where the contract has no yes that we can make.

    Its findings name the rules by which the profile `faithful` refuses.
    """
    try:
        reply = _made(call)
    except Unsampled:
        return refused
    return Decision(reply, refused.effects, tuple(_told(found) for found in refused.findings))


def _told(found: Violation) -> Violation:
    return replace(found, message=f"overlooked by the profile contract: {found.message}")


def _made(call: Call) -> Reply:
    """The operation's first good answer, made from its schema: the same for the same request."""
    endpoint = call.endpoint
    status = next((status for status in sorted(endpoint.responses) if _good(status)), None)
    if status is None or endpoint.sdl is not None:  # no schema knows what a document asks for
        raise Unsampled(endpoint.name)
    schema, media = endpoint.responses[status], endpoint.answers.get(status)
    if status == 204 or media is None:
        return Reply(status, b"", None)
    if schema is None:
        return Reply(status, b"", media)
    request = call.request
    seed = f"{request.method} {request.path} {request.query_string!r} {request.body!r}"
    value = sample(schema, seed, dict(request.params))
    return replace(Reply.json(value, status), media=media)


def _good(status: int) -> bool:
    return 200 <= status < 300
