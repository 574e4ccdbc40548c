"""Kana's users: created, updated and merged by identify calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.model import Violation
from sandbox.kana.merges import absorb, rename
from sandbox.kana.state import State, Terms, User
from sandbox.reply import Effects

__all__ = ["Identified", "Payload", "identify", "sharing", "spelled"]


@dataclass(frozen=True, slots=True)
class Payload:
    """What Kana reads of an identify call (rule kana.identify.fields), or of a row of CSV."""

    id: str
    name: str | None
    email: str | None
    billing_id: str | None
    origin: Literal["segment", "csv"] = "segment"


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether the user takes in the one Stripe import of its email, and by which rule or not."""

    rule: str
    takes: bool


@dataclass(frozen=True, slots=True)
class Identified:
    """Usage that moved to another user, whether there is a new id, and what is to be said."""

    effects: tuple[Effects, ...] = ()
    fresh: bool = False
    findings: tuple[Violation, ...] = ()


def identify(payload: Payload, state: State, terms: Terms) -> Identified:
    """Kana's table of ten rows, decided by userId and email (rules kana.identify.*)."""
    known, before = state.users.get(payload.id), state.successor(payload.id)
    same = [user for user in sharing(payload.email, state, terms) if user is not known]
    imports = [user for user in same if not user.identified]
    ruling = _ruling(payload, known, imports, len(imports) < len(same), terms)
    if known is None:
        user, effects = _arrive(payload, imports, ruling, state)
    else:
        user, effects = known, _update(known, payload, imports, ruling, state)
    told = _told(payload, imports, ruling) + _doubled(user, payload, state)
    if known is None and before is not None:
        why = f"is a new user: who had this id is {before!r} now, with all that was used"
        told += (Violation("$.userId", why, payload.id, "kana.merge.old-id"),)
    return Identified(effects, known is None, told)


def _ruling(
    payload: Payload, known: User | None, imports: Sequence[User], shared: bool, terms: Terms
) -> Ruling:
    """What becomes of the Stripe imports that have the payload's email. `shared`: somebody who is
    no import has it too, besides the user of the payload's id."""
    if len(imports) != 1 or (known is not None and not known.identified):
        return Ruling("kana.identify.several-imports", takes=False)
    ruling = _row(payload, known, shared, terms)
    billing_id = payload.billing_id or (known.billing_id if known is not None else None)
    if billing_id in (None, imports[0].billing_id) or not ruling.takes:
        return ruling
    return Ruling("kana.identify.two-customers", takes=terms.two_customers == "merge")


def _row(payload: Payload, known: User | None, shared: bool, terms: Terms) -> Ruling:
    """The row of the table where one Stripe import has the payload's email."""
    if known is None and shared:
        return Ruling("kana.identify.flagged", takes=False)  # row 9
    if known is None:
        return Ruling("kana.identify.overwrite", takes=True)  # row 8
    if known.email is None and not shared:
        return Ruling("kana.identify.merge", takes=True)  # row 7
    if known.email is None:
        return Ruling("kana.identify.no-email-shared", takes=terms.no_email_shared == "merge")
    if shared and spelled(known.email, terms) == spelled(payload.email or "", terms):
        return Ruling("kana.identify.own-email-shared", takes=False)
    if shared:
        return Ruling("kana.identify.update", takes=False)  # row 10
    return Ruling("kana.identify.has-email", takes=terms.has_email == "merge")


def _arrive(
    payload: Payload, imports: Sequence[User], ruling: Ruling, state: State
) -> tuple[User, tuple[Effects, ...]]:
    """An id that Kana does not know: given to the import, or to a new user."""
    effects: tuple[Effects, ...] = ()
    if ruling.takes:
        user = imports[0]
        effects = rename(user, payload.id, state, ruling.rule)
    else:
        user = state.add(payload.id, origin=payload.origin)
    _fill(user, payload, state)
    return user, effects


def _update(
    known: User, payload: Payload, imports: Sequence[User], ruling: Ruling, state: State
) -> tuple[Effects, ...]:
    _fill(known, payload, state)
    # What a CSV calls a user is what the export called it: for an import, its email.
    known.identified = known.identified or payload.origin != "csv"
    return absorb(imports[0], known, state, ruling.rule) if ruling.takes else ()


def sharing(email: str | None, state: State, terms: Terms) -> list[User]:
    """Users with this email, oldest first (rule kana.identify.email-case)."""
    if email is None:
        return []
    wanted = spelled(email, terms)
    return [
        user
        for user in state.with_email(email)
        if user.email is not None and spelled(user.email, terms) == wanted
    ]


def spelled(email: str, terms: Terms) -> str:
    """An email as it is compared."""
    return email.casefold() if terms.email_case == "ignore" else email


def _fill(user: User, payload: Payload, state: State) -> None:
    """Take what the payload brings; what it leaves out stays (rule kana.identify.empty)."""
    state.describe(user, name=payload.name, email=payload.email, billing_id=payload.billing_id)


def _told(payload: Payload, imports: Sequence[User], ruling: Ruling) -> tuple[Violation, ...]:
    if not imports:
        return ()
    ids = ", ".join(repr(user.billing_id) for user in imports)
    why = (
        f"the Stripe import of this email, billingId {ids}, is this user from now on"
        if ruling.takes
        else f"a Stripe import has this email, billingId {ids}, and stays a user of its own"
    )
    return (Violation("$.traits.email", why, payload.email, ruling.rule),)


def _doubled(user: User, payload: Payload, state: State) -> tuple[Violation, ...]:
    """Others with the billingId that the payload brings: one customer, billed as several."""
    if payload.billing_id is None:
        return ()
    others = [other.id for other in state.with_billing_id(payload.billing_id) if other is not user]
    why = f"{', '.join(map(repr, others))} has this billingId too, and stays a user of its own"
    rule = "kana.identify.billing-id-shared"
    found = Violation("$.traits.billingUserId", why, payload.billing_id, rule)
    return (found,) if others else ()
