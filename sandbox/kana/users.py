"""Kana's users: created, updated and merged by identify calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.model import Violation
from sandbox.kana.merges import absorb, rename
from sandbox.kana.state import State, Terms, User
from sandbox.reply import Effects

__all__ = ["Identified", "Payload", "identify", "sharing", "spelled"]


@dataclass(frozen=True, slots=True)
class Payload:
    """What Kana reads of an identify call (rule kana.identify.fields)."""

    id: str
    name: str | None
    email: str | None
    billing_id: str | None


@dataclass(frozen=True, slots=True)
class Identified:
    """Usage that moved to another user, whether there is a new id, and what is to be said."""

    effects: tuple[Effects, ...] = ()
    fresh: bool = False
    findings: tuple[Violation, ...] = ()


def identify(payload: Payload, state: State, terms: Terms) -> Identified:
    """Kana's table of ten rows, decided by userId and email (rules kana.identify.*)."""
    known = state.users.get(payload.id)
    same = [user for user in sharing(payload.email, state, terms) if user is not known]
    imports = [user for user in same if not user.identified]
    shared = len(imports) < len(same)
    if known is None:
        return _arrive(payload, imports, shared, state)
    rule, merging = _row(known, shared, terms)
    _fill(known, payload)
    known.identified = True
    if len(imports) == 1 and merging:
        told = _told("merged with the Stripe import of this email", payload, rule)
        return Identified(absorb(imports[0], known, state, rule), findings=told)
    why = "a Stripe import has this email and was not merged"
    return Identified(findings=_told(why, payload, rule) if imports else ())


def _arrive(payload: Payload, imports: Sequence[User], shared: bool, state: State) -> Identified:
    """An id that Kana does not know: rows 5, 8 and 9."""
    if len(imports) == 1 and not shared:
        effects = rename(imports[0], payload.id, state)
        _fill(imports[0], payload)
        told = _told("the Stripe import took this userId", payload, "kana.identify.overwrite")
        return Identified(effects, True, told)
    _fill(state.add(payload.id, origin="segment"), payload)
    why = "a new user, beside a Stripe import and another user of the same email"
    return Identified((), True, _told(why, payload, "kana.identify.flagged") if imports else ())


def _row(known: User, shared: bool, terms: Terms) -> tuple[str, bool]:
    """The rule for a known user beside a Stripe import of the payload's email, and whether it
    merges. `shared`: a third user has the email too."""
    if known.email is None and not shared:
        return "kana.identify.merge", True  # row 7
    if known.email is None:
        return "kana.identify.no-email-shared", terms.no_email_shared == "merge"
    if shared:
        return "kana.identify.update", False  # row 10
    return "kana.identify.has-email", terms.has_email == "merge"


def sharing(email: str | None, state: State, terms: Terms) -> list[User]:
    """Users with this email, oldest first (rule kana.identify.email-case)."""
    if email is None:
        return []
    wanted = spelled(email, terms)
    return [
        user
        for user in state.oldest_first()
        if user.email is not None and spelled(user.email, terms) == wanted
    ]


def spelled(email: str, terms: Terms) -> str:
    """An email as it is compared."""
    return email.casefold() if terms.email_case == "ignore" else email


def _fill(user: User, payload: Payload) -> None:
    """Take what the payload brings; what it leaves out stays (rule kana.identify.empty)."""
    user.name = payload.name or user.name
    user.email = payload.email or user.email
    user.billing_id = payload.billing_id or user.billing_id


def _told(why: str, payload: Payload, rule: str) -> tuple[Violation, ...]:
    return (Violation("$.traits.email", why, payload.email, rule),)
