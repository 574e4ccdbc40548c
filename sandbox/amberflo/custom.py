"""Records of custom schemas: which schema a request asks for, and the records read by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.conformance import json_path
from contracts.model import Violation
from sandbox.amberflo import errors
from sandbox.amberflo.reading import Reading
from sandbox.amberflo.records import Record, records
from sandbox.amberflo.rules import State
from sandbox.reply import Effects, Refusal, Request, Usage
from sandbox.room import Call

__all__ = ["Sorted", "Wanted", "sort", "wanted"]

DETECTED = "amberflo.ingest.custom-auto"
UNREAD = "amberflo.ingest.custom-unread"
UNKNOWN = "amberflo.ingest.custom-unknown"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The custom schema that a request asks for; without an id it is to be detected."""

    id: str | None


@dataclass(slots=True)
class Sorted:
    """What could be read, as the default schema has it, and what could not, with what is told."""

    read: list[Record] = field(default_factory=list)
    unread: list[Mapping[str, Any]] = field(default_factory=list)
    told: list[Violation] = field(default_factory=list)

    def effects(self) -> tuple[Effects, ...]:
        """What could not be read bills nothing (rule amberflo.ingest.custom-unread)."""
        usages = [Usage(_name(record), None, None, 0) for record in self.unread]
        return (Effects("unmatched", usages, UNREAD),) if usages else ()


def wanted(request: Request) -> Wanted | None:
    """The custom schema that a request asks for; None where it is the default one."""
    if not request.query_string:
        return None
    query = request.query
    if "ingestSchemaId" in query:
        return Wanted(query["ingestSchemaId"])
    return Wanted(None) if query.get("schemaDetection", "").upper() == "AUTO" else None


def sort(call: Call, schema: Wanted) -> Sorted:
    """The records of a body, read by the schema that is asked for."""
    given = records(call.body)
    odd = [n for n, record in enumerate(given) if not isinstance(record, dict)]
    if odd:
        found = [_no_object(n, given[n]) for n in odd]
        raise Refusal(errors.violating(found, call.body, call.endpoint), found)
    state: State = call.account.state
    if schema.id is not None and schema.id not in state.schemas:
        _refuse_unknown(call, schema.id)
    done = Sorted()
    seen: set[str] = set()
    for number, record in enumerate(given):
        reading = _reading(state, schema, record)
        if reading is None:
            done.unread.append(record)
            continue
        done.read.append(reading.record(record))
        done.told += _left_out(number, record, reading, seen)
    if done.unread:
        done.told.append(_unread(schema, len(done.unread)))
    return done


def _reading(state: State, schema: Wanted, record: Mapping[str, Any]) -> Reading | None:
    """How a record is read: by the one schema whose keys it has all, where none is named."""
    if schema.id is not None:
        return state.declared.get(schema.id)
    fitting = [one for one in state.declared.values() if one.keys <= record.keys()]
    return fitting[0] if len(fitting) == 1 else None


def _refuse_unknown(call: Call, id: str) -> None:
    if call.setting(UNKNOWN) == "reject":
        why = f"Ingest schema does not exist with 'id': {id}"
        lost = [Usage(_name(record), None, None, 0) for record in records(call.body)]
        effects = (Effects("rejected", lost, UNKNOWN),) if lost else ()
        raise Refusal(errors.invalid(why), [Violation("$", why, id, UNKNOWN)], effects)


def _left_out(
    number: int, record: Mapping[str, Any], reading: Reading, seen: set[str]
) -> Iterator[Violation]:
    """The keys that are not kept, each where it is first."""
    for key in sorted(record.keys() - reading.keys - seen):
        seen.add(key)
        why = f"{key!r} is not in the custom schema and is not kept"
        yield Violation(json_path((number, key)), why, record[key], "amberflo.ingest.custom-keys")


def _unread(schema: Wanted, count: int) -> Violation:
    if schema.id is None:
        why = f"{count} records fit no declared schema, or several; they bill nothing here"
        return Violation("$", why, "AUTO", DETECTED)
    why = f"what the schema means is not declared; {count} records bill nothing here"
    return Violation("$", why, schema.id, UNREAD)


def _no_object(number: int, value: Any) -> Violation:
    why = "a record is an object"
    return Violation(json_path((number,)), why, value, "amberflo.ingest.custom-schema")


def _name(record: Mapping[str, Any]) -> str:
    name = record.get("uniqueId")
    return name if isinstance(name, str) else ""
