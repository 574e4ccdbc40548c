"""Kana's pages of users: who is there, who needs looking after, imports and merges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts.model import BadValue, Json
from sandbox.kana import imports, merges, rules, users
from sandbox.kana.pages import Arguments, note, only, text
from sandbox.kana.state import State, Terms, User

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["flags", "import_stripe", "list_users", "merge"]


def import_stripe(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{"customers": [{"billingId", "email", "name"?}, ...]} links or creates a user for each."""
    only(arguments, "customers")
    given = arguments.get("customers")
    if not isinstance(given, list):
        raise BadValue("customers", given, "a list of customers")
    customers = [_customer(entry) for entry in given]  # all are right before one is imported
    state: State = account.state
    terms = Terms.of(account.settings)
    done = [imports.import_customer(customer, state, terms) for customer in customers]
    if any(new for _, new in done):
        note(account, now, rules.retry(state, terms, now))
    return {
        "created": [user.id for user, new in done if new],
        "linked": [user.id for user, new in done if not new],
    }


def list_users(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} lists the users, oldest first."""
    only(arguments)
    state: State = account.state
    return [user.shown() for user in state.oldest_first()]


def flags(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} tells which users have no billingId, and which have the same email."""
    only(arguments)
    state: State = account.state
    everybody = state.oldest_first()
    terms = Terms.of(account.settings)
    unbilled = [user.id for user in everybody if user.billing_id is None]
    alike = [user.id for user in everybody if len(users.sharing(user.email, state, terms)) > 1]
    texts = {
        f"{len(unbilled)} users are not connected to a billing provider": unbilled,
        f"{len(alike)} users have the same email address": alike,
    }
    return {
        "withoutBillingId": unbilled,
        "sameEmail": alike,
        "texts": [text for text, found in texts.items() if found],
    }


def merge(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{"users": [id, id, ...]} merges them into the one that was created first."""
    only(arguments, "users")
    state: State = account.state
    survivor, effects = merges.join(_chosen(arguments.get("users"), state), state)
    note(account, now, effects)
    return survivor.shown()


def _customer(given: Any) -> imports.Customer:
    if not isinstance(given, Mapping):
        raise BadValue("customers", given, "a list of customers")
    only(given, "billingId", "email", "name")
    name = text(given, "name") if given.get("name") is not None else None
    return imports.Customer(text(given, "email"), text(given, "billingId"), name)


def _chosen(ids: Any, state: State) -> list[User]:
    if not isinstance(ids, list) or len(ids) < 2:
        raise BadValue("users", ids, "a list of two ids or more")
    for place, id in enumerate(ids):
        if not isinstance(id, str) or id not in state.users or id in ids[:place]:
            raise BadValue("users", id, f"one of {list(state.users)}, named once")
    return [state.users[id] for id in ids]
