"""Orb's customers: created, fetched by either id, listed, changed and deleted."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from contracts.model import BadValue, Violation
from sandbox.orb import errors
from sandbox.orb.force import customer_of, in_force, of_customer
from sandbox.orb.happenings import Happening
from sandbox.orb.hierarchy import shown, tied, untied
from sandbox.orb.listing import listed, moments
from sandbox.orb.particulars import changed, edited, new
from sandbox.orb.reflection import named
from sandbox.orb.rules import Deleted, State, attributed
from sandbox.orb.store import Version
from sandbox.reply import Decision, Effects, Refusal, Reply
from sandbox.room import Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.account import Account

__all__ = [
    "create",
    "delete",
    "fetch",
    "fetch_by_external_id",
    "issue_invoice",
    "list_all",
    "update",
    "update_by_external_id",
]

Customer = dict[str, Any]


def create(call: Call) -> Decision:
    """A new customer; events that waited for its external id are attributed to it."""
    state: State = call.account.state
    external_id = call.body.get("external_customer_id")
    _refuse_taken(call, external_id)
    customer = new(call.body, call.account.id(), call.now)
    id = customer["id"]
    state.parents = tied(id, call.body.get("hierarchy"), state.parents, state.customers)
    state.customers[id] = customer
    state.created.append(id)
    if external_id is not None:
        state.by_external_id[external_id] = id
    seen = shown(customer, state)
    state.happenings.append(Happening("customer.created", call.now, seen))
    effects = _attributed(call, external_id, id)
    return Decision(Reply.json(seen, 201), effects, _unknown_method(call.body))


def fetch(call: Call) -> Decision:
    """GET /customers/{customer_id}; one that is being deleted says so and no more."""
    state: State = call.account.state
    id = call.request.params["customer_id"]
    if id in state.customers:
        return Decision(Reply.json(shown(state.customers[id], state)))
    return _fetched_deleted(call, id, id)


def fetch_by_external_id(call: Call) -> Decision:
    state: State = call.account.state
    external_id = call.request.params["external_customer_id"]
    id = state.by_external_id.get(external_id)
    if id is not None:
        return Decision(Reply.json(shown(state.customers[id], state)))
    return _fetched_deleted(call, _deleted_by(state, external_id), external_id)


def list_all(call: Call) -> Decision:
    """GET /customers, newest first (rule orb.list)."""
    state: State = call.account.state
    fits = moments(call)
    rows = {
        id: customer
        for id, customer in state.customers.items()
        if fits(datetime.fromisoformat(customer["created_at"]))
    }
    return Decision(listed(call, state.created, rows, partial(shown, state=state)))


def update(call: Call) -> Decision:
    id = call.request.params["customer_id"]
    return _updated(call, _living(call, id, id))


def update_by_external_id(call: Call) -> Decision:
    external_id = call.request.params["external_customer_id"]
    return _updated(
        call, _living(call, call.account.state.by_external_id.get(external_id), external_id)
    )


def delete(call: Call) -> Decision:
    """DELETE /customers/{customer_id}: with the customer goes its usage (rule
    orb.customer.delete)."""
    state: State = call.account.state
    id = call.request.params["customer_id"]
    customer = _living(call, id, id)
    if id in state.invoiced:
        why = "Customers with issued invoices cannot be deleted."
        finding = Violation("$", why, id, "orb.customer.delete-invoiced")
        raise Refusal(errors.constraint(why), [finding])
    lost, stay = _usage(state, id)
    removed = named(lost, state)
    state.deleted[id] = Deleted(state.customers.pop(id), call.now)
    state.parents = untied(id, state.parents)
    external_id = customer["external_customer_id"]
    if external_id is not None:
        del state.by_external_id[external_id]
        state.held.setdefault(external_id, []).append((state.store.turn(call.now), id))
    rule = "orb.customer.delete"
    effects = (Effects("removed", removed, rule),) if lost else ()
    return Decision(
        Reply(204, b"", None), (*effects, *state.accepted([v.event for v in stay], rule))
    )


def issue_invoice(account: Account, arguments: Mapping[str, Any], _: datetime) -> Any:
    """{"customer_id": id}: the customer has an issued invoice from now on."""
    state: State = account.state
    id = arguments.get("customer_id")
    if list(arguments) != ["customer_id"] or not isinstance(id, str) or id not in state.customers:
        raise BadValue("customer_id", id, "that of a customer")
    state.invoiced.add(id)
    return {"customer_id": id}


def _refuse_taken(call: Call, external_id: str | None) -> None:
    """An external id is one customer's (rule orb.customer.duplicate)."""
    state: State = call.account.state
    taken = external_id in state.by_external_id
    rule = "orb.customer.duplicate"
    if not taken and call.setting("orb.customer.deleted-external-id") == "kept":
        taken = external_id is not None and _deleted_by(state, external_id) is not None
        rule = "orb.customer.deleted-external-id"
    if taken:
        why = f"A customer with external_customer_id {external_id} already exists."
        finding = Violation("$.external_customer_id", why, external_id, rule)
        raise Refusal(errors.duplicate_resource(why), [finding])


def _deleted_by(state: State, external_id: str) -> str | None:
    """The id of the customer last deleted that had this external id."""
    for id, gone in reversed(state.deleted.items()):
        if gone.customer["external_customer_id"] == external_id:
            return id
    return None


def _living(call: Call, id: str | None, asked: str) -> Customer:
    customer: Customer | None = call.account.state.customers.get(id)
    if customer is None:
        finding = Violation("$", f"no customer {asked!r}", asked, "orb.customer.not-found")
        raise Refusal(errors.missing_resource("Customer", asked), [finding])
    return customer


def _fetched_deleted(call: Call, id: str | None, asked: str) -> Decision:
    """While a customer is being deleted a fetch tells so (rule orb.customer.deleting)."""
    gone: Deleted | None = call.account.state.deleted.get(id)
    if gone is None or call.now - gone.at >= call.setting("orb.customer.deleting"):
        _living(call, None, asked)
    finding = Violation("$", "the customer is being deleted", id, "orb.customer.deleting")
    return Decision(Reply.json({"id": id, "deleted": True}), findings=(finding,))


def _updated(call: Call, customer: Customer) -> Decision:
    state: State = call.account.state
    id, before = customer["id"], customer["external_customer_id"]
    _refuse_fixed(call, customer, "external_customer_id", "orb.customer.external-id-fixed")
    _refuse_fixed(call, customer, "currency", "orb.customer.currency-fixed")
    after = changed(customer, call.body)
    external_id = after["external_customer_id"]
    if external_id != before:
        _refuse_taken(call, external_id)
        _refuse_invoiced(call, id, external_id)
    state.parents = tied(id, call.body.get("hierarchy"), state.parents, state.customers)
    state.customers[id] = after
    seen = shown(after, state)
    properties = {"previous_attributes": edited(customer, after)}
    state.happenings.append(Happening("customer.edited", call.now, seen, properties))
    effects: tuple[Effects, ...] = ()
    if external_id != before:
        state.by_external_id[external_id] = id
        call.account.ledger.recount()  # its usage goes by the external id from now on
        effects = _attributed(call, external_id, id)
    return Decision(Reply.json(seen), effects, _unknown_method(call.body))


def _refuse_fixed(call: Call, customer: Customer, name: str, rule: str) -> None:
    """Some things of a customer are set once."""
    asked, known = call.body.get(name), customer[name]
    if asked is not None and known is not None and asked != known:
        why = f"{name} cannot be changed once it is set."
        raise Refusal(errors.constraint(why), [Violation(f"$.{name}", why, asked, rule)])


def _refuse_invoiced(call: Call, id: str, external_id: str) -> None:
    if id in call.account.state.invoiced:
        why = "external_customer_id cannot be set once the customer has issued invoices."
        rule = "orb.customer.external-id-fixed"
        finding = Violation("$.external_customer_id", why, external_id, rule)
        raise Refusal(errors.constraint(why), [finding])


def _unknown_method(body: Mapping[str, Any]) -> tuple[Violation, ...]:
    """Payment methods are not emulated (rule orb.customer.payment-method)."""
    asked = body.get("default_payment_method_id")
    if asked is None:
        return ()
    why = "there are no payment methods here; nothing was set"
    rule = "orb.customer.payment-method"
    return (Violation("$.default_payment_method_id", why, asked, rule),)


def _attributed(call: Call, external_id: str | None, customer: str) -> tuple[Effects, ...]:
    """The events that waited for this external id, billed from now on."""
    if external_id is None or call.setting("orb.customer.attribution") == "never":
        return ()
    return attributed(call.account.state, external_id, customer)


def _usage(state: State, id: str) -> tuple[list[Version], list[Version]]:
    """The events that count for a customer, and those of others by the same event ids, which the
    ledger takes out along with them."""
    lost: list[Version] = []
    stay: list[Version] = []
    for every in of_customer(state, {id, state.customers[id]["external_customer_id"]} - {None}):
        counting = [version for version in every if in_force(version, state)]
        mine = [v for v in counting if customer_of(v.event, v.order, state) == id]
        lost += mine
        stay += [v for v in counting if mine and v not in mine and _exists(v, state)]
    return lost, stay


def _exists(version: Version, state: State) -> bool:
    return customer_of(version.event, version.order, state) in state.customers
