"""Departures from a schema as values: every one of them, each with its path and its rule.

A compiled verdict comes first (`Schema.accepts`); only a body it refuses is diagnosed here, with
the reference validator, whose messages several vendors use to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import Any

from contracts.model import Violation, did_you_mean
from contracts.schema import Schema

__all__ = ["MOST", "json_path", "violations"]

MOST = 2_000
IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
LEAP_SECOND = re.compile(r"(?<=23:59:)60")


LONG = 64
"""Characters of a name beyond which it is not kept for the next time."""


def violations(body: Any, schema: Schema, *, rule: str) -> list[Violation]:
    """Every departure of `body` from `schema`, at most 2,000; an empty list when it conforms.

    `rule` is the rule id of a departure for which the schema names no rule of its own.
    """
    if schema.accepts(body):
        return []
    errors = list(islice(_validator(schema).iter_errors(body), MOST))
    found = [told for group in _by_place(errors) for told in _told(group, schema, rule)]
    # The verdict is the compiled validator's; should the reference see nothing, we still say no.
    return found or [Violation("$", "does not conform to the contract", body, rule)]


def json_path(parts: Sequence[str | int]) -> str:
    """`["events", 3, "a b"]` as `$.events[3]['a b']`."""
    return "$" + "".join(_step(part) for part in parts)


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return _name(part) if len(part) > LONG else _known(part)


def _name(part: str) -> str:
    return f".{part}" if IDENTIFIER.fullmatch(part) else f"[{part!r}]"


_known = lru_cache(4096)(_name)  # the same few names, in every event


def _by_place(errors: Sequence[Any]) -> Iterator[list[Any]]:
    """Errors grouped by the value they are about, in the order of the body."""
    groups: dict[tuple[str | int, ...], list[Any]] = {}
    for error in errors:
        groups.setdefault(tuple(error.absolute_path), []).append(error)
    yield from groups.values()


def _told(errors: Sequence[Any], schema: Schema, rule: str) -> Iterator[Violation]:
    missing = {_missing(e): e for e in errors if e.validator == "required"}
    for error in errors:
        if error.validator == "additionalProperties" and isinstance(error.validator_value, bool):
            yield from _unknown_keys(error, missing, _rule(error, schema, rule))
    for name, error in missing.items():
        yield _absent(error, name, _rule(error, schema, rule))
    for error in errors:
        if error.validator == "required":
            continue
        if error.validator == "additionalProperties" and isinstance(error.validator_value, bool):
            continue
        yield Violation(
            json_path(error.absolute_path),
            _message(error),
            error.instance,
            _rule(error, schema, rule),
            _numeral(error),
        )


def _unknown_keys(error: Any, missing: dict[str, Any], rule: str) -> Iterator[Violation]:
    """One violation for each unknown key; a missing key it resembles is folded into it."""
    known = error.schema.get("properties", {})
    for key in sorted(set(error.instance) - set(known)):
        near = did_you_mean(key, [name for name in known if name not in error.instance])
        folded = missing.pop(near, None) if near is not None else None
        yield Violation(
            json_path([*error.absolute_path, key]),
            f"Additional properties are not allowed ({key!r} was unexpected)",
            error.instance[key],
            rule,
            near,
            (folded.message,) if folded is not None else (),
        )


def _absent(error: Any, name: str, rule: str) -> Violation:
    """A missing key; where an unknown key resembles it, the finding points there."""
    known = error.schema.get("properties", {})
    near = did_you_mean(name, [key for key in error.instance if key not in known])
    if near is None:
        return Violation(json_path(error.absolute_path), error.message, error.instance, rule)
    place = json_path([*error.absolute_path, near])
    return Violation(place, error.message, error.instance[near], rule, name)


def _missing(error: Any) -> str:
    names: list[str] = error.validator_value
    return next(name for name in names if error.message.startswith(f"{name!r} is"))


def _message(error: Any) -> str:
    said = error.schema.get("x-message") if isinstance(error.schema, Mapping) else None
    text = str(said or error.message)
    return text if len(text) <= 500 else text[:499] + "…"


def _numeral(error: Any) -> str | None:
    """Text where a number is wanted, and the text is one: the likeliest mistake there is."""
    wanted = error.validator_value if error.validator == "type" else None
    if wanted not in ("number", "integer") or not isinstance(error.instance, str):
        return None
    text = error.instance.strip()
    return text if re.fullmatch(r"-?\d+(\.\d+)?", text) else None


def _rule(error: Any, schema: Schema, default: str) -> str:
    """The rule named nearest to the failing keyword, on the way down from the root."""
    node: Any = schema.document
    found = default
    for part in error.absolute_schema_path:
        if isinstance(node, Mapping):
            # The reference validator leaves references out of its paths.
            if "$ref" in node and part not in node:
                node = schema.document["$defs"][node["$ref"].removeprefix("#/$defs/")]
            found = node.get("x-rule", found)
        node = node[part]
    return str(found)


@cache
def _dialect() -> tuple[Any, Any]:
    """The reference validator and its format checker, imported at the first refusal.

    jsonschema takes a while to import, and a sandbox that has refused nothing does not need it.
    """
    import jsonschema
    from rfc3339_validator import validate_rfc3339

    checker = jsonschema.FormatChecker(formats=[])

    def date_time(value: object) -> bool:
        # RFC 3339 section 5.7 allows a leap second, and the compiled validator knows it.
        return not isinstance(value, str) or validate_rfc3339(LEAP_SECOND.sub("59", value.upper()))

    checker.checks("date-time")(date_time)
    return jsonschema.Draft202012Validator, checker


def _verdicts(schema: Schema) -> Callable[[Any], Callable[[Any], bool]]:
    """Gives the compiled verdict of a schema inside this one, which compiles it only once."""
    known: dict[int, Callable[[Any], bool]] = {}

    def verdict(wanted: Any) -> Callable[[Any], bool]:
        if id(wanted) not in known:
            known[id(wanted)] = schema.compiled(wanted)
        return known[id(wanted)]

    return verdict


@lru_cache(maxsize=256)
def _validator(schema: Schema) -> Any:
    """The reference validator, sparing array items that the compiled verdict accepts."""
    from jsonschema.validators import extend

    base, checker = _dialect()
    verdict = _verdicts(schema)

    def items(validator: Any, wanted: Any, instance: Any, _: Any) -> Iterator[Any]:
        if not isinstance(instance, list):
            return
        accepts = verdict(wanted)
        for index, item in enumerate(instance):
            if not accepts(item):
                yield from validator.descend(item, wanted, path=index)

    def extra(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        # The reference goes through a set here, whose order changes with every process.
        known = base.VALIDATORS["additionalProperties"]
        if not isinstance(wanted, dict) or not isinstance(instance, dict):
            yield from known(validator, wanted, instance, schema)
            return
        for key in instance:
            yield from known(validator, wanted, {key: instance[key]}, schema)

    own = {"items": items, "additionalProperties": extra}
    dialect: Any = extend(base, own)  # type: ignore[no-untyped-call]  # untyped there
    return dialect(schema.document, format_checker=checker)
