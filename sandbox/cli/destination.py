"""A Segment destination as the command line names it: a vendor and its settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

import fixtures
from contracts.model import BadValue, MeterboxError
from contracts.reader import read
from sandbox.cli.payloads import UnusableFile
from sandbox.clock import parse
from translators.mapping import Translate, translated_vendors, translator
from translators.settings import SettingsFault, missing

__all__ = [
    "MissingSettings",
    "NoTranslator",
    "destination",
    "given_settings",
    "moment",
    "refuse_strangers",
    "settings_options",
    "vendor_settings",
    "vendor_settings_option",
]

EXACT = 2**53
"""Up to here every reader of JSON has the same whole number."""
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class NoTranslator(MeterboxError):
    """The vendor is known, and Segment events are not translated for it."""

    def __init__(self, vendor: str, *, known: Sequence[str]) -> None:
        super().__init__(f"{vendor} has no translator. Vendors that have: {', '.join(known)}.")


class MissingSettings(MeterboxError):
    """Settings the vendor's destination cannot do without, with an example of each."""

    def __init__(self, vendor: str, names: Sequence[str]) -> None:
        examples = " ".join(_example(vendor, name) for name in names)
        super().__init__(
            f"{vendor} needs {', '.join(names)}; there is no default. "
            f"For example: {examples} (or --settings FILE.json)"
        )


def settings_options(command: Decorated) -> Decorated:
    """The options --setting and --settings, which come as `pairs` and `settings`."""
    from_file = click.option(
        "--settings", metavar="FILE", help="The destination's settings, as a JSON object."
    )
    one = click.option(
        "--setting",
        "pairs",
        metavar="NAME=VALUE",
        multiple=True,
        help="A setting of the destination; NAME.KEY=VALUE for one entry of a map.",
    )
    return one(from_file(command))


def vendor_settings_option(command: Decorated) -> Decorated:
    """The option --setting of commands for several vendors, which comes as `pairs`."""
    return click.option(
        "--setting",
        "pairs",
        metavar="VENDOR.NAME=VALUE",
        multiple=True,
        help="A setting of a vendor's destination; VENDOR.NAME.KEY=VALUE for one entry of a map.",
    )(command)


def destination(vendor: str, pairs: Sequence[str], file: str | None) -> Translate:
    """What turns Segment events into this vendor's requests. Raises MeterboxError."""
    read(vendor)
    if vendor not in translated_vendors():
        raise NoTranslator(vendor, known=translated_vendors())
    given = given_settings(pairs, file)
    try:
        return translator(vendor, given)
    except SettingsFault as fault:
        lacking = missing(vendor, given)
        raise MissingSettings(vendor, lacking) if lacking else fault from fault


def given_settings(pairs: Sequence[str], file: str | None) -> dict[str, Any]:
    """Settings from a file, and over them those given one by one. Raises MeterboxError."""
    given = {} if file is None else _from_file(file)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise BadValue("--setting", pair, "a NAME=VALUE")
        name, dot, key = name.partition(".")
        if not dot:
            given[name] = _value(text)
        else:
            entries = given.get(name, {})
            if not isinstance(entries, dict):
                raise BadValue("--setting", pair, f"possible: {name} is not a map")
            given[name] = {**entries, key: _value(text)}
    return given


def vendor_settings(vendor: str, pairs: Sequence[str]) -> dict[str, Any]:
    """What the destinations of a sandbox are set to, and over it what is given for this one."""
    from sandbox.wiring import local

    mine = [pair.partition(".")[2] for pair in pairs if pair.partition(".")[0] == vendor]
    return {**local(vendor), **given_settings(mine, None)}


def refuse_strangers(pairs: Sequence[str]) -> None:
    """A setting belongs to a vendor. Raises BadValue."""
    known = translated_vendors()
    for pair in pairs:
        if pair.partition(".")[0] not in known or "." not in pair.partition("=")[0]:
            raise BadValue("--setting", pair, f"VENDOR.NAME=VALUE of {', '.join(known)}")


def moment(text: str, option: str = "--at") -> datetime:
    """A time as an option gives it. Raises BadValue."""
    if text == "now":
        return datetime.now(UTC)
    try:
        return parse(text)
    except (ValueError, OverflowError) as fault:
        raise BadValue(option, text, "a time such as 2026-01-15T12:00:00Z, or now") from fault


def _value(text: str) -> Any:
    """JSON where it is JSON, else the text itself: `--setting name=userId` needs no quotes.

    A number that is not written back as it was given is a text, such as a key of many digits.
    """
    try:
        value = json.loads(text)
    except ValueError:
        return text
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return text if number and (repr(value) != text or abs(value) > EXACT) else value


def _from_file(name: str) -> dict[str, Any]:
    try:
        settings = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as fault:
        raise UnusableFile(name, fault) from fault
    except ValueError as fault:
        raise MeterboxError(f"{name}: is not JSON: {fault}") from fault
    if not isinstance(settings, dict):
        raise MeterboxError(f"{name}: settings are a JSON object")
    return settings


def _example(vendor: str, name: str) -> str:
    """How a setting is given, with the value it has in one of the vendor's golden cases."""
    for settings in _golden_settings(vendor):
        value = settings.get(name)
        if isinstance(value, Mapping) and value:
            key, entry = next(iter(value.items()))
            return f"--setting {name}.{key}={_spelled(entry)}"
        if value is not None:
            return f"--setting {name}={_spelled(value)}"
    return f"--setting {name}=VALUE"


def _golden_settings(vendor: str) -> Iterator[Mapping[str, Any]]:
    for root in fixtures.__path__:
        for file in sorted(Path(root).glob(f"{vendor}/golden/*.json")):
            case = json.loads(file.read_text(encoding="utf-8"))
            if "settings_fault" not in case:
                yield case.get("settings", {})


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
