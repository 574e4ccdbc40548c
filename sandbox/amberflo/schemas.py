"""Amberflo's custom ingest schemas: kept as they come, and read as a person says they mean.

What stands inside a schema is not public. So the dashboard function `declare-ingest-schema` tells
which keys of a record are which fields of the default schema (rule amberflo.schema.declared).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts.model import BadValue, Violation
from sandbox.amberflo import errors
from sandbox.amberflo.formats import FIELDS
from sandbox.amberflo.reading import Reading
from sandbox.amberflo.rules import State
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["declare", "delete", "fetch", "listed", "store"]

ARGUMENTS = ("id", "fields", "dimensions", "constants")


def store(call: Call) -> Decision:
    """POST: a new schema, or another in the place of the one of that id."""
    id = call.body.get("id") or call.account.id(22)
    kept = {"id": id, "schema": call.body["schema"]}
    state: State = call.account.state
    state.schemas[id] = kept
    state.declared.pop(id, None)  # it said what another schema means
    why = "the schema is kept and not read: declare what it means, and its records are billed"
    finding = Violation("$.schema", why, kept["schema"], "amberflo.schema.form")
    return Decision(Reply.json(kept), findings=(finding,))


def listed(call: Call) -> Decision:
    """GET: all of them, or the one asked for (rule amberflo.schema.read)."""
    state: State = call.account.state
    id = call.request.query.get("id")
    return Decision(Reply.json([*state.schemas.values()] if id is None else _named(call, id)))


def fetch(call: Call) -> Decision:
    return Decision(Reply.json(_named(call, call.request.params["id"])))


def delete(call: Call) -> Decision:
    """DELETE, by path or by query (rule amberflo.schema.delete)."""
    id = call.request.params.get("id", call.request.query.get("id"))
    if id is None:
        why = "id names no ingest schema"
        finding = Violation("$", why, None, "amberflo.schema.delete")
        raise Refusal(errors.invalid(why), [finding])
    gone = _named(call, id)
    state: State = call.account.state
    for kept in (state.schemas, state.declared):
        kept.pop(gone.get("id", ""), None)
    return Decision(Reply.json(gone))


def declare(account: Account, arguments: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The dashboard function declare-ingest-schema: how records of a schema are read from now on.

    Raises BadValue.
    """
    for name in arguments:
        if name not in ARGUMENTS:
            raise BadValue(name, arguments[name], f"an argument; known: {', '.join(ARGUMENTS)}")
    id, state = arguments.get("id"), account.state
    if not isinstance(id, str) or id not in state.schemas:
        raise BadValue("id", id, "the id of a custom ingest schema; POST it first")
    reading = Reading(
        fields=_keys(arguments, "fields", FIELDS),
        dimensions=_keys(arguments, "dimensions"),
        constants=_constants(arguments),
    )
    if not reading.keys:
        raise BadValue("fields", arguments.get("fields"), "an object that names a key at least")
    state.declared[id] = reading
    return {"id": id, **{name: dict(getattr(reading, name)) for name in ARGUMENTS[1:]}}


def _keys(
    arguments: Mapping[str, Any], argument: str, known: tuple[str, ...] = ()
) -> dict[str, str]:
    given = arguments.get(argument) or {}
    if not isinstance(given, Mapping) or not all(isinstance(k, str) for k in given.values()):
        raise BadValue(argument, given, "an object of keys of a record")
    _refuse_others(argument, given, known)
    return dict(given)


def _constants(arguments: Mapping[str, Any]) -> dict[str, Any]:
    given = arguments.get("constants") or {}
    if not isinstance(given, Mapping):
        raise BadValue("constants", given, "an object of values of fields")
    _refuse_others("constants", given, FIELDS)
    return dict(given)


def _refuse_others(argument: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if known and name not in known:
            raise BadValue(f"{argument}.{name}", given[name], f"one of {', '.join(known)}")


def _named(call: Call, id: str) -> dict[str, Any]:
    """The schema of that id, whose path may end in a slash that is not the id's; or nothing."""
    state: State = call.account.state
    found = state.schemas.get(id) or state.schemas.get(id.removesuffix("/"))
    return found or {}
