"""Users that come from elsewhere: customers of Stripe's."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.kana.state import State, Terms, User
from sandbox.kana.users import sharing

__all__ = ["Customer", "import_customer"]


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of Stripe's, as the import brings it."""

    email: str
    billing_id: str
    name: str | None


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
