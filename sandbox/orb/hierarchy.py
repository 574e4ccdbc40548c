"""Parents and children among Orb's customers, one level deep (rule orb.customer.hierarchy)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any

from contracts.model import Violation
from sandbox.orb import errors
from sandbox.reply import Refusal

if TYPE_CHECKING:
    from sandbox.orb.rules import State

__all__ = ["shown", "tied", "untied"]

RULE = "orb.customer.hierarchy"
Parents = Mapping[str, str]


def shown(customer: Mapping[str, Any], state: State) -> dict[str, Any]:
    """A customer as Orb shows it, with its place among the others."""
    id, parents = customer["id"], state.parents
    parent = _brief(parents[id], state) if id in parents else None
    children = [_brief(child, state) for child, above in parents.items() if above == id]
    return {**customer, "hierarchy": {"parent": parent, "children": children}}


def _brief(id: str, state: State) -> dict[str, Any]:
    return {"id": id, "external_customer_id": state.customers[id]["external_customer_id"]}


def tied(
    id: str, wanted: Mapping[str, Any] | None, parents: Parents, known: Container[str]
) -> dict[str, str]:
    """Child -> parent once a customer, new or known, has the parent and children it asks for.
    Raises Refusal when it cannot have them."""
    after = dict(parents)
    asked = dict(wanted or {})
    if "parent_customer_id" in asked:
        after.pop(id, None)
        if asked["parent_customer_id"] is not None:
            after[id] = _other("parent_customer_id", asked["parent_customer_id"], id, known)
    for child in asked.get("child_customer_ids") or []:
        if parents.get(_other("child_customer_ids", child, id, known), id) != id:
            raise _refused("child_customer_ids", child, "is part of another hierarchy")
        after[child] = id
    _check(id, asked, after)
    return after


def untied(id: str, parents: Parents) -> dict[str, str]:
    """Child -> parent without this customer: its children have none any more."""
    return {child: parent for child, parent in parents.items() if id not in (child, parent)}


def _check(id: str, asked: Mapping[str, Any], after: Parents) -> None:
    """One level: nobody who has a parent is one."""
    if asked.get("parent_customer_id") is not None and after[id] in after:
        raise _refused("parent_customer_id", after[id], "is a child of another customer")
    if id in after and id in after.values():
        field = "child_customer_ids" if asked.get("child_customer_ids") else "parent_customer_id"
        raise _refused(field, id, "cannot be both a parent and a child")
    for child in asked.get("child_customer_ids") or []:
        if child in after.values():
            raise _refused("child_customer_ids", child, "is part of another hierarchy")


def _other(field: str, other: str, id: str, known: Container[str]) -> str:
    """A customer that is not this one, by id."""
    if other in known and other != id:
        return other
    finding = Violation(f"$.hierarchy.{field}", f"no other customer {other!r}", other, RULE)
    raise Refusal(errors.missing_resource("Customer", other), [finding])


def _refused(field: str, value: str, why: str) -> Refusal:
    finding = Violation(f"$.hierarchy.{field}", f"{value!r} {why}", value, RULE)
    return Refusal(errors.constraint(f"Customer {value} {why}."), [finding])
