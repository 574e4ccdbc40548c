"""Users that come from elsewhere: customers of Stripe's, and tables of CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.model import Violation
from sandbox.kana.state import State, Terms, User
from sandbox.kana.users import Payload, identify, sharing
from sandbox.reply import Effects

__all__ = ["Customer", "Imported", "Read", "import_customer", "import_rows"]


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of Stripe's, as the import brings it."""

    email: str
    billing_id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """The user a Stripe customer came to; `differs` where that user keeps another billingId."""

    user: User
    new: bool
    differs: bool


@dataclass(slots=True)
class Read:
    """What a table did: ids that are new, changed and passed over, and what is to be said."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    effects: list[Effects] = field(default_factory=list)
    findings: list[Violation] = field(default_factory=list)


def import_customer(customer: Customer, state: State, terms: Terms) -> Imported:
    """A Stripe customer linked to the user with its billingId or email, or else a new user
    (rules kana.stripe.import and kana.stripe.match)."""
    user = _match(customer, state, terms)
    if user is not None:
        state.describe(user, billing_id=user.billing_id or customer.billing_id)
        return Imported(user, False, user.billing_id != customer.billing_id)
    user = state.add(customer.email, origin="stripe", identified=False)
    found = {"name": customer.name, "email": customer.email, "billing_id": customer.billing_id}
    state.describe(user, **found)
    return Imported(user, True, False)


def _match(customer: Customer, state: State, terms: Terms) -> User | None:
    billed = state.with_billing_id(customer.billing_id)
    if billed:
        return billed[0]
    alike = sharing(customer.email, state, terms)
    if len(alike) == 1 or (alike and terms.several_users == "oldest"):
        return alike[0]
    # The import writes its email where the id belongs (rule kana.stripe.id-taken).
    return state.users.get(customer.email)


def import_rows(rows: Sequence[Payload], state: State, terms: Terms) -> Read:
    """Take rows one after another, each as an identify call is taken (rule kana.csv.rows)."""
    read, before = Read(), set(state.users)
    for row in rows:
        if row.id in before and row.id not in state.users:
            read.passed.append(row.id)  # a row above made it another user
            continue
        done = identify(row, state, terms)
        (read.created if done.fresh else read.updated).append(row.id)
        read.effects += done.effects
        read.findings += done.findings
    return read
