"""Kana's pages of users: who is there, who needs looking after, imports and merges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts.model import BadValue, Json
from sandbox.kana import imports, merges, rules, tables, users
from sandbox.kana.pages import Arguments, note, only, text
from sandbox.kana.state import State, Terms, User

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = [
    "delete",
    "export_csv",
    "flags",
    "import_csv",
    "import_stripe",
    "list_users",
    "merge",
    "texts",
]


def import_stripe(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{"customers": [{"billingId", "email", "name"?}, ...]} links or creates a user for each;
    `differing` tells the users that keep a billingId of another customer."""
    only(arguments, "customers")
    given = arguments.get("customers")
    if not isinstance(given, list):
        raise BadValue("customers", given, "a list of customers")
    customers = [_customer(entry) for entry in given]  # all are right before one is imported
    state: State = account.state
    terms = Terms.of(account.settings)
    done = [imports.import_customer(customer, state, terms) for customer in customers]
    if any(one.new for one in done):
        note(account, now, rules.retry(state, terms, now))
    return {
        "created": [one.user.id for one in done if one.new],
        "linked": [one.user.id for one in done if not one.new],
        "differing": [
            {"billingId": customer.billing_id, "userId": one.user.id, "has": one.user.billing_id}
            for customer, one in zip(customers, done, strict=True)
            if one.differs
        ],
    }


def import_csv(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{"csv": "id,billingId,name,email\\n..."} creates, updates or merges a user for each row;
    all rows are right before one is taken. `findings` tells what was, or was not, merged."""
    only(arguments, "csv")
    rows = tables.parse(text(arguments, "csv"))
    state: State = account.state
    terms = Terms.of(account.settings)
    read = imports.import_rows(rows, state, terms)
    note(account, now, tuple(read.effects))
    if read.created:
        note(account, now, rules.retry(state, terms, now))
    told = [{"message": found.message, "rule": found.rule} for found in read.findings]
    return {
        "created": read.created,
        "updated": read.updated,
        "passedOver": read.passed,
        "findings": told,
    }


def export_csv(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} tells the users as CSV, oldest first; imported again as it is, it changes nothing."""
    only(arguments)
    state: State = account.state
    return {"csv": tables.written(state.oldest_first())}


def list_users(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} lists the users, oldest first."""
    only(arguments)
    state: State = account.state
    return [user.shown() for user in state.oldest_first()]


def flags(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} tells which users have no billingId, and which have the same email."""
    only(arguments)
    unbilled, alike = _flagged(account)
    return {"withoutBillingId": unbilled, "sameEmail": alike, "texts": texts(account)}


def texts(account: Account) -> list[str]:
    """The flags as Kana's page counts them, which it does where there are none too."""
    unbilled, alike = _flagged(account)
    return [
        f"{len(unbilled)} users are not connected to a billing provider",
        f"{len(alike)} users have the same email address",
    ]


def _flagged(account: Account) -> tuple[list[str], list[str]]:
    """The ids of users without a billingId, and of users whose email another has too."""
    everybody = account.state.oldest_first()
    terms = Terms.of(account.settings)
    emails = Counter(users.spelled(user.email, terms) for user in everybody if user.email)
    alike = [u.id for u in everybody if u.email and emails[users.spelled(u.email, terms)] > 1]
    return [user.id for user in everybody if user.billing_id is None], alike


def merge(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{"users": [id, id, ...]} merges them into the one that was created first, and tells it;
    `dropped` are the values of the others that it has not."""
    only(arguments, "users")
    state: State = account.state
    chosen = _chosen(arguments.get("users"), state)
    before = [user.shown() for user in chosen]
    survivor, effects = merges.join(chosen, state, Terms.of(account.settings))
    note(account, now, effects)
    left = survivor.shown()
    return {**left, "dropped": [_lost(user, left) for user in before if _lost(user, left)]}


def delete(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{"user": id} deletes a user, and tells it as it was."""
    only(arguments, "user")
    id, state = text(arguments, "user"), account.state
    if id not in state.users:
        raise BadValue("user", id, f"one of {list(state.users)}")
    told = state.users[id].shown()
    note(account, now, merges.delete(state.users[id], state, Terms.of(account.settings)))
    return told


def _customer(given: Any) -> imports.Customer:
    if not isinstance(given, Mapping):
        raise BadValue("customers", given, "a list of customers")
    only(given, "billingId", "email", "name")
    name = text(given, "name") if given.get("name") is not None else None
    return imports.Customer(text(given, "email"), text(given, "billingId"), name)


def _lost(user: Mapping[str, Json], left: Mapping[str, Json]) -> dict[str, Json]:
    kept = ("id", "billingId", "name", "email")
    return {key: user[key] for key in kept if user[key] not in (None, left[key])}


def _chosen(ids: Any, state: State) -> list[User]:
    if not isinstance(ids, list) or len(ids) < 2:
        raise BadValue("users", ids, "a list of two ids or more")
    for place, id in enumerate(ids):
        if not isinstance(id, str) or id not in state.users or id in ids[:place]:
            raise BadValue("users", id, f"one of {list(state.users)}, named once")
    return [state.users[id] for id in ids]
