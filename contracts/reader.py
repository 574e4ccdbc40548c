"""Reads vendors' contracts from their folders. The folders are the only list of vendors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from contracts.folders import folders
from contracts.layout import Layout, Naming, Need
from contracts.model import (
    Auth,
    Contract,
    ContractFault,
    Endpoint,
    Limit,
    Live,
    Memory,
    Removal,
    Rule,
    Switch,
    UnknownVendor,
)
from contracts.schema import Schema

__all__ = ["add_vendors", "read", "read_folder", "vendors"]

PACKAGES = ("contracts", "sandbox", "translators", "fixtures")


def vendors() -> list[str]:
    """Names of all vendors, sorted: every folder of this package that holds a contract.json."""
    return sorted({folder.name for folder in folders()})


@cache
def read(vendor: str) -> Contract:
    """The contract of one vendor. Raises UnknownVendor, or ContractFault naming the file."""
    for folder in folders():
        if folder.name == vendor:
            return read_folder(folder)
    raise UnknownVendor(vendor, known=vendors())


def add_vendors(root: Path) -> None:
    """Also find vendors in `root`, a folder laid out as this project: contracts/x, sandbox/x, ...

    Raises ContractFault when `root` holds no contracts.
    """
    if not list(root.glob("contracts/*/contract.json")):
        raise ContractFault(root, "holds no contracts/<vendor>/contract.json")
    for package in PACKAGES:
        paths = import_module(package).__path__
        if (root / package).is_dir() and str(root / package) not in paths:
            paths.append(str(root / package))


def read_folder(folder: Path) -> Contract:
    """The contract in `folder`. Raises ContractFault naming the file that is wrong."""
    file = folder / "contract.json"
    document = _json(file)
    try:
        return _contract(folder, document)
    except KeyError as missing:
        raise ContractFault(file, f"lacks {missing}") from missing
    except TypeError as fault:
        raise ContractFault(file, str(fault)) from fault


def _contract(folder: Path, document: dict[str, Any]) -> Contract:
    schemas = _Schemas(folder)
    rules = {rule.id: rule for rule in _rules(folder)}
    return Contract(
        vendor=folder.name,
        title=document["title"],
        role=document["role"],
        hosts=tuple(document["hosts"]),
        auth=_auth(document["auth"]),
        endpoints=tuple(_endpoint(entry, document, schemas) for entry in document["endpoints"]),
        rules=rules,
        limits=tuple(
            Limit(**{**limit, "endpoints": tuple(limit["endpoints"])})
            for limit in document.get("limits", [])
        ),
        checked=document["checked"],
        example=document["example"],
        notes=tuple(document.get("notes", [])),
        folder=folder,
        overlooked=frozenset(document.get("overlooked", [])),
        counts={rule: tuple(told) for rule, told in document.get("counts", {}).items()},
        mounts=document.get("mounts", {}),
        environment=document.get("environment", {}),
        base=document.get("base", ""),
        removals=_removals(document.get("removals", {})),
        deduplicates=_memory(document.get("deduplicates"), rules, folder),
        live=_live(document.get("live"), folder),
        layouts=_layouts(document, rules, folder),
        namings=tuple(map(Naming.read, document.get("customers", []))),
        needs=tuple(map(Need.read, document.get("needs", []))),
    )


def _live(entry: Mapping[str, Any] | None, folder: Path) -> Live | None:
    if entry is None:
        return None
    live = Live(**entry)
    try:
        re.compile(live.pattern)
    except re.error as fault:
        raise ContractFault(folder / "contract.json", f"live: no pattern: {fault}") from fault
    return live


def _removals(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Removal]:
    return {
        name: Removal(**{**told, "by": tuple(told.get("by", ()))}) for name, told in entries.items()
    }


def _memory(
    entry: Mapping[str, Any] | None, rules: Mapping[str, Rule], folder: Path
) -> Memory | None:
    if entry is None:
        return None
    memory = Memory(**entry)
    for name in (memory.rule, memory.lasts):
        if name is not None and name not in rules:
            raise ContractFault(folder / "contract.json", f"deduplicates: there is no rule {name}")
    switch = None if memory.lasts is None else rules[memory.lasts].switch
    if memory.lasts is not None and (switch is None or switch.kind != "duration"):
        raise ContractFault(folder / "contract.json", f"deduplicates: {memory.lasts} is no length")
    return memory


def _layouts(
    document: Mapping[str, Any], rules: Mapping[str, Rule], folder: Path
) -> tuple[Layout, ...]:
    found = tuple(map(Layout.read, document.get("usage", [])))
    for rule in (rule for layout in found for rule in layout.rules):
        if rule not in rules:
            raise ContractFault(folder / "contract.json", f"usage: there is no rule {rule}")
    return found


def _auth(entry: Mapping[str, Any]) -> Auth:
    return Auth(**{**entry, "schemes": tuple(entry["schemes"])})


def _endpoint(entry: Mapping[str, Any], document: Mapping[str, Any], schemas: _Schemas) -> Endpoint:
    bodies: dict[int, Schema | None] = {}
    media: dict[int, str] = {}
    for status, answer in {**document.get("responses", {}), **entry["responses"]}.items():
        if isinstance(answer, str):
            answer = {"schema": answer}
        bodies[int(status)] = schemas.read(answer["schema"]) if "schema" in answer else None
        media[int(status)] = answer.get("media", "application/json")
    return Endpoint(
        name=entry["name"],
        method=entry["method"],
        paths=tuple(_paths(entry, document)),
        summary=entry["summary"],
        rule=entry["rule"],
        request=schemas.read(entry["request"]) if "request" in entry else None,
        event=schemas.read(entry["event"]) if "event" in entry else None,
        wanted=schemas.read(entry["wanted"]) if "wanted" in entry else None,
        public=entry.get("public", False),
        media=tuple(entry.get("media", ["application/json"])),
        query=entry.get("query", {}),
        responses=bodies,
        answers=media,
        auth=_auth(entry["auth"]) if "auth" in entry else None,
        sdl=schemas.sdl(entry["graphql"]) if "graphql" in entry else None,
    )


def _paths(entry: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    """Every spelling of an endpoint's path: with each prefix, and with a slash where tolerated."""
    for prefix in entry.get("prefixes", document.get("prefixes", [""])):
        for path in entry["paths"]:
            yield prefix + path
            if document.get("trailing_slash") and not path.endswith("/"):
                yield prefix + path + "/"


def _rules(folder: Path) -> Iterator[Rule]:
    for entry in _json(folder / "rules.json"):
        switch = entry.pop("switch", None)
        try:
            if switch is not None:
                switch = Switch(**{**switch, "values": tuple(switch.get("values", []))})
            yield Rule(switch=switch, **{**entry, "tests": tuple(entry.get("tests", ()))})
        except TypeError as fault:
            raise ContractFault(folder / "rules.json", f"{entry.get('id')}: {fault}") from fault


class _Schemas:
    """The schema files of one vendor; a file refers to another as `{"$ref": "event.json"}`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "schemas"
        self._files: dict[str, tuple[Any, list[str]]] = {}

    def read(self, name: str) -> Schema:
        document, others = self._file(name)
        bundle: dict[str, Any] = {}
        self._bundle(others, bundle)
        return Schema(name, {**document, "$defs": bundle} if bundle else document)

    def sdl(self, name: str) -> str:
        """A GraphQL schema file of the vendor."""
        return _text(self._folder / f"{name}.graphql")

    def _bundle(self, names: list[str], bundle: dict[str, Any]) -> None:
        for name in names:
            if name not in bundle:
                bundle[name] = {}  # first, so that files may refer to each other in circles
                bundle[name], others = self._file(name)
                self._bundle(others, bundle)

    def _file(self, name: str) -> tuple[Any, list[str]]:
        """A file as part of a bundle, and the names of those that it refers to. Read once: many
        endpoints share their parts."""
        if name not in self._files:
            others: list[str] = []
            document = _rewritten(_json(self._folder / f"{name}.json"), others)
            self._files[name] = document, others
        return self._files[name]


def _rewritten(node: Any, others: list[str]) -> Any:
    if isinstance(node, list):
        return [_rewritten(item, others) for item in node]
    if not isinstance(node, dict):
        return node
    target = node.get("$ref")
    if isinstance(target, str) and target.endswith(".json"):
        name = target.removesuffix(".json")
        others.append(name)
        return {**node, "$ref": f"#/$defs/{name}"}
    return {key: _rewritten(value, others) for key, value in node.items()}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as missing:
        raise ContractFault(file, "does not exist") from missing


def _json(file: Path) -> Any:
    try:
        return json.loads(_text(file))
    except ValueError as fault:
        raise ContractFault(file, f"is not JSON: {fault}") from fault
