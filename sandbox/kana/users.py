"""Kana's users: created, updated and merged by identify calls, by hand, and from Stripe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.model import Violation
from sandbox.kana.state import State, Terms, User
from sandbox.reply import Effects

__all__ = [
    "Customer",
    "Identified",
    "Payload",
    "identify",
    "import_customer",
    "join",
    "sharing",
    "spelled",
]


@dataclass(frozen=True, slots=True)
class Payload:
    """What Kana reads of an identify call (rule kana.identify.fields)."""

    id: str
    name: str | None
    email: str | None
    billing_id: str | None


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of Stripe's, as the import brings it."""

    email: str
    billing_id: str
    name: str | None


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
        return Identified(_absorb(imports[0], known, state, rule), findings=told)
    why = "a Stripe import has this email and was not merged"
    return Identified(findings=_told(why, payload, rule) if imports else ())


def _arrive(payload: Payload, imports: Sequence[User], shared: bool, state: State) -> Identified:
    """An id that Kana does not know: rows 5, 8 and 9."""
    if len(imports) == 1 and not shared:
        effects = _rename(imports[0], payload.id, state)
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


def import_customer(customer: Customer, state: State, terms: Terms) -> tuple[User, bool]:
    """A Stripe customer linked to the user with its billingId or email, or else a new user; and
    whether it is new (rules kana.stripe.import and kana.stripe.match)."""
    users = state.oldest_first()
    matching = [user for user in users if user.billing_id == customer.billing_id]
    matching += sharing(customer.email, state, terms)
    # The import writes its email where the id belongs (rule kana.stripe.id-taken).
    matching += [user for user in users if user.id == customer.email]
    if matching:
        user = matching[0]
        user.billing_id = user.billing_id or customer.billing_id
        return user, False
    user = state.add(customer.email, origin="stripe", identified=False)
    user.name, user.email, user.billing_id = customer.name, customer.email, customer.billing_id
    return user, True


def join(users: Sequence[User], state: State) -> tuple[User, tuple[Effects, ...]]:
    """Merge users by hand: the one created first survives (rule kana.merge.oldest)."""
    oldest, *others = sorted(users, key=lambda user: user.born)
    effects: tuple[Effects, ...] = ()
    for other in others:
        id, identified = other.id, other.identified
        effects += _absorb(other, oldest, state, "kana.merge.oldest")
        if identified and not oldest.identified:  # rule kana.merge.fields
            effects += _rename(oldest, id, state, "kana.merge.fields")
    return oldest, effects


def _absorb(gone: User, left: User, state: State, rule: str) -> tuple[Effects, ...]:
    """`gone` becomes part of `left`, which keeps its own fields and fills its gaps
    (rules kana.identify.carries and kana.merge.fields)."""
    left.name = left.name or gone.name
    left.email = left.email or gone.email
    left.billing_id = left.billing_id or gone.billing_id
    del state.users[gone.id]
    return _move(gone.id, left.id, state, rule)


def _rename(
    user: User, id: str, state: State, rule: str = "kana.identify.overwrite"
) -> tuple[Effects, ...]:
    old, user.id, user.identified = user.id, id, True
    state.users[id] = state.users.pop(old)
    return _move(old, id, state, rule)


def _move(old: str, new: str, state: State, rule: str) -> tuple[Effects, ...]:
    """Usage and unmapped events go with their user (rule kana.ledger.moves)."""
    for event in state.unmapped:
        if event.user == old:
            event.user = new
    moved = {
        name: replace(usage, customer=new) for name, usage in state.recorded.pop(old, {}).items()
    }
    state.recorded.setdefault(new, {}).update(moved)
    return (Effects("updated", list(moved.values()), rule),) if moved else ()


def _fill(user: User, payload: Payload) -> None:
    """Take what the payload brings; what it leaves out stays (rule kana.identify.empty)."""
    user.name = payload.name or user.name
    user.email = payload.email or user.email
    user.billing_id = payload.billing_id or user.billing_id


def _told(why: str, payload: Payload, rule: str) -> tuple[Violation, ...]:
    return (Violation("$.traits.email", why, payload.email, rule),)
