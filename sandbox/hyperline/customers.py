"""Hyperline's customers: created alone or by the batch, or brought into being by an event; changed,
archived, and deleted at last."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from contracts.model import Violation
from sandbox.hyperline import errors
from sandbox.hyperline.fates import farewells, fates
from sandbox.hyperline.happenings import Happening
from sandbox.hyperline.holdings import Wanted, held
from sandbox.hyperline.moments import moment
from sandbox.hyperline.particulars import changed, new, shown
from sandbox.hyperline.state import Customer, State, Waiting
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

__all__ = [
    "archive",
    "create",
    "create_batch",
    "delete",
    "fetch",
    "imported",
    "portal",
    "unarchive",
    "update",
]


def create(call: Call) -> Decision:
    """POST /v1/customers: a new customer, unless its external id is taken."""
    found = _taken(call, call.body.get("external_id"), "$.external_id")
    if found is not None:
        raise Refusal(errors.taken(found.value), [found])
    return Decision(Reply.json(shown(_created(call, call.body), 1), 201))


def create_batch(call: Call) -> Decision:
    """POST /v1/customers/batch: each by itself (rule hyperline.customer.batch)."""
    successes: list[Any] = []
    failed: list[Any] = []
    findings: list[Violation] = []
    for index, given in enumerate(call.body["customers"]):
        name = {"batch_customer_id": given["batch_customer_id"]}
        at = f"$.customers[{index}].external_id"
        found = _taken(call, given.get("external_id"), at)
        if found is None:
            successes.append({**shown(_created(call, given), 1), **name})
        else:
            failed.append({**name, "message": errors.taken_message(found.value)})
            findings.append(found)
    answer = {"successes": successes, "errors": failed}
    return Decision(Reply.json(answer, 201), findings=tuple(findings))


def imported(call: Call, external_id: str) -> None:
    """A customer that an event names and nobody has set up (hyperline.ingest.unknown-customer)."""
    state: State = call.account.state
    given = {"external_id": external_id, "name": external_id}
    customer = new(given, call.account.id(14, "cus_"), call.now)
    customer |= {"type": "automatically_created", "status": "imported"}
    state.add(customer)
    state.pending.add(customer["id"])
    _tell(call, "customer.created", customer)


def fetch(call: Call, version: int) -> Decision:
    return Decision(Reply.json(shown(_found(call), version)))


def update(call: Call) -> Decision:
    """PUT /v1/customers/{id}: what is left out stays (rule hyperline.customer.update)."""
    state: State = call.account.state
    customer = _found(call)
    external_id = call.body.get("external_id")
    if external_id != customer["external_id"]:
        found = _taken(call, external_id, "$.external_id")
        if found is not None:
            raise Refusal(errors.taken(external_id), [found])
    after = changed(customer, call.body, call.now)
    state.replace(after)
    if after["external_id"] != customer["external_id"]:
        call.account.ledger.recount()  # its usage goes by the new external id
    _tell(call, "customer.updated", after)
    return Decision(Reply.json(shown(after, 1)))


def archive(call: Call) -> Decision:
    """PUT /v1/customers/{id}/archive (rule hyperline.customer.archive)."""
    state: State = call.account.state
    customer = _found(call)
    if customer["id"] in state.archived:
        return Decision(Reply.json(shown(customer, 1)))
    after = _moved(call, customer, "archived")
    state.archived.add(after["id"])
    _tell(call, "customer.archived", after)
    return Decision(Reply.json(shown(after, 1)))


def unarchive(call: Call) -> Decision:
    """PUT /v1/customers/{id}/unarchive: what came meanwhile is billed (rule
    hyperline.customer.unarchive)."""
    state: State = call.account.state
    customer = _found(call)
    if customer["id"] not in state.archived:
        return Decision(Reply.json(shown(customer, 1)))
    status = "imported" if customer["id"] in state.pending else "active"
    after = _moved(call, customer, status)
    state.archived.discard(after["id"])
    _tell(call, "customer.recovered", after)
    waited, rule = state.released(after["id"]), "hyperline.customer.unarchive"
    effects = tuple(fates(state, "accepted", waited, rule, Waiting.usage))
    return Decision(Reply.json(shown(after, 1)), effects)


def delete(call: Call) -> Decision:
    """DELETE /v1/customers/{id}: an archived one, with its usage (rules hyperline.customer.delete
    and hyperline.customer.delete-active)."""
    state: State = call.account.state
    customer = _found(call)
    if customer["id"] not in state.archived:
        rule = "hyperline.customer.delete-active"
        finding = Violation("$", "the customer is not archived", customer["status"], rule)
        raise Refusal(errors.not_archived(int(call.setting(rule))), [finding])
    events = held(state, Wanted(customer=customer["id"]))
    effects = farewells(state, events, "hyperline.customer.delete")
    gone = {**customer, "deleted_at": moment(call.now)}
    state.remove(gone)
    _tell(call, "customer.deleted", gone)
    return Decision(Reply(204, b"", None), effects)


def portal(call: Call) -> Decision:
    """GET /v1/customers/{id}/portal: a URL that leads nowhere (rule hyperline.customer.portal)."""
    customer = _found(call)
    token = sha256(f"{call.account.origin.seed}:{customer['id']}".encode()).hexdigest()[:32]
    return Decision(Reply.json({"url": f"https://portal.hyperline.invalid/{token}"}))


def _created(call: Call, given: Customer) -> Customer:
    customer = new(given, call.account.id(14, "cus_"), call.now)
    call.account.state.add(customer)
    _tell(call, "customer.created", customer)
    return customer


def _taken(call: Call, external_id: str | None, path: str) -> Violation | None:
    """Why a customer cannot have this external id (rule hyperline.customer.duplicate)."""
    state: State = call.account.state
    if external_id is None or external_id not in state.by_external_id:
        return None
    why = f"a customer has the external_id {external_id!r} already"
    if state.by_external_id[external_id] in state.pending:
        why += ", made for an event; on the dashboard, pending-customers activates it"
    return Violation(path, why, external_id, "hyperline.customer.duplicate")


def _found(call: Call) -> Customer:
    asked = call.request.params["id"]
    customer: Customer | None = call.account.state.customers.get(asked)
    if customer is None:
        finding = Violation("$", f"no customer {asked!r}", asked, "hyperline.customer.not-found")
        raise Refusal(errors.customer_not_found(), [finding])
    return customer


def _moved(call: Call, customer: Customer, status: str) -> Customer:
    after = {**customer, "status": status, "updated_at": moment(call.now)}
    call.account.state.replace(after)
    return after


def _tell(call: Call, type: str, customer: Customer) -> None:
    state: State = call.account.state
    state.happenings.append(Happening(type, call.now, shown(customer, 1)))
