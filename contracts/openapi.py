"""A contract as an OpenAPI 3.1 document, for clients' generators and for testing machines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from contracts.model import Auth, Contract, Endpoint, Rule
from contracts.schema import Schema

__all__ = ["openapi"]

PARAMETER = re.compile(r"\{(\w+)\}")
DEFS = "#/$defs/"
COMPONENTS = "#/components/schemas/"

Document = dict[str, Any]


def openapi(contract: Contract, base_url: str) -> Document:
    """The OpenAPI 3.1 document of one vendor, whose paths are relative to `base_url`.

    Schemas keep `x-rule` and `x-message`; the rules themselves are in `info`, under `x-rules`, and
    a GraphQL schema is at the operation that executes its documents, under `x-graphql-schema`.
    """
    components = _Components()
    schemes = _security_schemes(contract.auth)
    for endpoint in contract.endpoints:
        schemes |= _security_schemes(endpoint.auth or contract.auth)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": contract.title,
            "version": contract.checked,
            "description": "\n\n".join(contract.notes),
            "x-rules": [_rule(rule) for rule in contract.rules.values()],
        },
        "servers": [{"url": base_url}],
        "paths": _paths(contract, components),
        "components": {"schemas": components.schemas, "securitySchemes": schemes},
        "security": _security(contract.auth, _security_schemes(contract.auth)),
    }


def _rule(rule: Rule) -> Document:
    told: Document = {
        "id": rule.id,
        "sentence": rule.sentence,
        "confidence": rule.confidence,
        "source": rule.source,
        "read": rule.read,
    }
    if rule.switch is not None:
        switch: Document = {"kind": rule.switch.kind, "default": rule.switch.default}
        told["switch"] = switch | (
            {"values": list(rule.switch.values)} if rule.switch.values else {}
        )
    return told


def _paths(contract: Contract, components: _Components) -> Document:
    paths: Document = {}
    for endpoint in contract.endpoints:
        for number, path in enumerate(endpoint.paths, 1):
            id = endpoint.name if number == 1 else f"{endpoint.name}.{number}"
            operation = _operation(endpoint, path, id, components)
            paths.setdefault(path, {})[endpoint.method.lower()] = operation
    return paths


def _operation(endpoint: Endpoint, path: str, id: str, components: _Components) -> Document:
    operation: Document = {
        "operationId": id,
        "summary": endpoint.summary,
        "x-rule": endpoint.rule,
        "parameters": list(_parameters(endpoint, path)),
    }
    if endpoint.request is not None:
        content = {
            media: {"schema": _sent(endpoint.request, media, components)}
            for media in endpoint.media
        }
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = {
        str(status): _response(status, schema, endpoint.answers.get(status), components)
        for status, schema in sorted(endpoint.responses.items())
    }
    if endpoint.public:
        operation["security"] = []
    elif endpoint.auth is not None:
        operation["security"] = _security(endpoint.auth, _security_schemes(endpoint.auth))
    if endpoint.sdl is not None:
        operation["x-graphql-schema"] = endpoint.sdl
    return operation


def _parameters(endpoint: Endpoint, path: str) -> Iterator[Document]:
    for name in PARAMETER.findall(path):
        schema = {"type": "string", "minLength": 1}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name, schema in endpoint.query.items():
        yield {"name": name, "in": "query", "schema": schema}


def _sent(schema: Schema, media: str, components: _Components) -> Document:
    """A request body's schema; JSON that travels under another name is text that holds it."""
    reference = components.reference(schema)
    if media.endswith(("ndjson", "csv")):
        return {"type": "string", "contentMediaType": media}
    if media.startswith("text/"):
        text = {"type": "string", "contentMediaType": "application/json"}
        return {**text, "contentSchema": reference}
    return reference


def _response(
    status: int, schema: Schema | None, media: str | None, components: _Components
) -> Document:
    told: Document = {"description": _phrase(status)}
    if schema is not None and media is None:
        media = "application/json"
    if media is not None and status not in (204, 304):
        content = {} if schema is None else {"schema": components.reference(schema)}
        told["content"] = {media: content}
    return told


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _security_schemes(auth: Auth) -> Document:
    """Where a credential goes; one inside the body is no security scheme in OpenAPI's sense."""
    told: Document = {}
    for scheme in auth.schemes:
        kind, _, name = scheme.partition(":")
        if kind in ("bearer", "basic"):
            told[kind] = {"type": "http", "scheme": kind}
        elif kind == "raw":
            told[kind] = {"type": "apiKey", "in": "header", "name": "Authorization"}
        elif kind == "header":
            told[name] = {"type": "apiKey", "in": "header", "name": name}
    return told


def _security(auth: Auth, schemes: Mapping[str, Any]) -> list[Document]:
    """Any one of the schemes will do; none is needed where the body may hold the credential."""
    in_body = any(scheme.startswith("body:") for scheme in auth.schemes)
    ways: list[Document] = [{name: []} for name in schemes]
    return [*ways, {}] if in_body else ways


class _Components:
    """The schemas of a document: each file once, references between files rewritten."""

    def __init__(self) -> None:
        self.schemas: Document = {}
        self._originals: Document = {}

    def reference(self, schema: Schema) -> Document:
        """A reference to this schema, which is put among the components with all it refers to."""
        inside: Mapping[str, Any] = schema.document.get("$defs", {})
        itself = {key: value for key, value in schema.document.items() if key != "$defs"}
        root = self._name(schema.name, itself, schema.name)
        names = {name: self._name(name, node, schema.name) for name, node in inside.items()}
        for name, node in [(root, itself), *((names[name], inside[name]) for name in inside)]:
            if name not in self.schemas:
                self.schemas[name] = _rewritten(node, root, names)
        return {"$ref": COMPONENTS + root}

    def _name(self, name: str, node: Any, owner: str) -> str:
        """A component's name; a definition that shares one with another carries its owner's."""
        if self._originals.setdefault(name, node) == node:
            return name
        return self._name(f"{owner}.{name}", node, owner)


def _rewritten(node: Any, root: str, names: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_rewritten(item, root, names) for item in node]
    if not isinstance(node, dict):
        return node
    told = {key: _rewritten(value, root, names) for key, value in node.items()}
    target = node.get("$ref")
    if isinstance(target, str) and target.startswith("#"):
        told["$ref"] = _moved(target, root, names)
    return told


def _moved(target: str, root: str, names: Mapping[str, str]) -> str:
    """Where a reference inside a schema file leads in the document."""
    if not target.startswith(DEFS):
        return COMPONENTS + root + target[1:]
    name, slash, rest = target.removeprefix(DEFS).partition("/")
    return COMPONENTS + names[name] + slash + rest
