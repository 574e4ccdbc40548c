"""Orb's contract beside the form of the official API: paths, methods, fields, types, required sets.

`orb_surface.json` holds that form in our own words: of each operation its query, its good status,
and of each body the fields, their JSON types and which are required.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from contracts.model import Endpoint
from contracts.reader import read

SURFACE: dict[str, Any] = json.loads(Path(__file__).with_name("orb_surface.json").read_text())
ORB = {f"{e.method} {e.paths[-1]}": e for e in read("orb").endpoints}
NAMES = {int: "integer", str: "string", bool: "boolean", type(None): "null"}
# What the contract adds, for clients older than the form: the debug flag, and pages where there
# were some once.
OLDER_QUERY = {"POST /ingest": {"debug"}}
OLDER_FIELDS = {"debug", "pagination_metadata"}
operations = pytest.mark.parametrize("operation", SURFACE)


def resolved(node: Any, root: Mapping[str, Any]) -> Any:
    while "$ref" in node:
        node = root["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return node


def branches(node: Any, root: Mapping[str, Any]) -> list[Any]:
    """A schema's alternatives, one of which is the whole where it has none."""
    node = resolved(node, root)
    several = node.get("anyOf", node.get("oneOf"))
    if several is not None and "properties" not in node:
        return [one for branch in several for one in branches(branch, root)]
    chosen = "else" in node and "type" not in node
    return branches(node["else"], root) if chosen else [node]


def types(node: Any, root: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    for branch in branches(node, root):
        named = branch.get("type")
        if named is not None:
            found |= set([named] if isinstance(named, str) else named)
        elif "enum" in branch:
            found |= {NAMES[type(value)] for value in branch["enum"]}
        else:
            found.add("any")
    return found


def form(node: Any, root: Mapping[str, Any]) -> Any:
    return next(branch for branch in branches(node, root) if "properties" in branch)


def compare(wanted: Any, node: Any, root: Mapping[str, Any], *, answer: bool, at: str) -> list[str]:
    """Where our schema departs: a request must be the same, an answer may hold no less."""
    ours = form(node, root)
    fields, required = ours["properties"], set(ours.get("required", ()))
    departures = []
    if set(wanted["required"]) - required or (not answer and set(wanted["required"]) != required):
        departures.append(f"{at}: required {sorted(required)}")
    spare = set(fields) - set(wanted["fields"]) - (OLDER_FIELDS if answer else set())
    if spare or (not answer and set(fields) != set(wanted["fields"])):
        departures.append(f"{at}: fields {sorted(set(fields) ^ set(wanted['fields']))}")
    for name in fields.keys() & wanted["fields"].keys():
        mine, theirs = types(fields[name], root), set(wanted["fields"][name])
        if not (mine <= theirs if answer else mine == theirs):
            departures.append(f"{at}.{name}: {sorted(mine)}, not {sorted(theirs)}")
    for name, inner in wanted.get("items", {}).items():
        below = resolved(fields[name], root)
        departures += compare(
            inner, below.get("items", below), root, answer=answer, at=f"{at}.{name}"
        )
    return departures


@operations
def test_an_operation_is_there_with_its_query_and_its_status(operation: str) -> None:
    endpoint: Endpoint = ORB[operation]
    known = set(endpoint.query) - OLDER_QUERY.get(operation, set())
    assert known == set(SURFACE[operation].get("query", ()))
    assert [status for status in endpoint.responses if status < 300] == [
        SURFACE[operation]["status"]
    ]


@operations
def test_a_request_has_the_fields_types_and_required_ones_of_the_official_api(
    operation: str,
) -> None:
    wanted, schema = SURFACE[operation].get("request"), ORB[operation].request
    assert (wanted is None) == (schema is None)
    if schema is not None:
        assert compare(wanted, schema.document, schema.document, answer=False, at="$") == []


@operations
def test_an_answer_has_the_fields_types_and_required_ones_of_the_official_api(
    operation: str,
) -> None:
    wanted = SURFACE[operation].get("response")
    schema = ORB[operation].responses[SURFACE[operation]["status"]]
    assert (wanted is None) == (schema is None)
    if schema is not None:
        assert compare(wanted, schema.document, schema.document, answer=True, at="$") == []


def test_a_departure_of_our_contract_is_found() -> None:
    schema = ORB["POST /customers"].request
    assert schema is not None
    spoilt = json.loads(json.dumps(schema.document))
    spoilt["required"].remove("email")
    spoilt["properties"]["name"]["type"] = "integer"
    del spoilt["properties"]["metadata"]
    wanted = SURFACE["POST /customers"]["request"]
    assert compare(wanted, spoilt, spoilt, answer=False, at="$") == [
        "$: required ['name']",
        "$: fields ['metadata']",
        "$.name: ['integer'], not ['string']",
    ]
