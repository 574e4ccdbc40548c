"""What is configured of vendors, checked against the vendors there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from contracts.model import MeterboxError, Rule, UnknownVendor, did_you_mean
from contracts.reader import read, vendors
from sandbox.account import setting
from sandbox.configfile import ConfigFault, Table
from sandbox.deliveries import Destination
from translators import settings as destination_settings
from translators.mapping import translated_vendors

__all__ = ["destinations", "local", "switches"]


def switches(given: Table) -> tuple[dict[str, Any], list[str]]:
    """Rule switches with their values, and what is wrong with the others."""
    known: dict[str, Rule] = {}
    for vendor in vendors() if given else ():
        known.update(read(vendor).rules)
    found: dict[str, Any] = {}
    problems = []
    for name, value in _dotted(given):
        try:
            found[name] = setting(_switched(name, known), value)
        except MeterboxError as fault:
            problems.append(f"sandbox.settings: {fault}")
    return found, problems


def _dotted(given: Table, above: str = "") -> Iterator[tuple[str, Any]]:
    """Rule ids with values: an id without quotes comes as tables, and no value is a table."""
    for name, value in given.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{above}{name}.")
        else:
            yield above + name, value


def _switched(name: str, known: Mapping[str, Rule]) -> Rule:
    rule = known.get(name)
    if rule is not None and rule.switch is not None:
        return rule
    if rule is not None:
        raise ConfigFault([f"the rule {name} has no switch"])
    near = did_you_mean(name, [rule.id for rule in known.values() if rule.switch is not None])
    hint = f"did you mean {near!r}?" if near else "`meterbox rules` lists them"
    raise ConfigFault([f"there is no rule {name!r}; {hint}"])


def destinations(given: Table) -> tuple[dict[str, Destination], list[str]]:
    """The enabled destinations, and what is wrong with the others.

    A vendor of which nothing is said is enabled if it needs nothing to be said.
    """
    billing = translated_vendors()
    found: dict[str, Destination] = {}
    problems = [
        f"destinations.{vendor}: {UnknownVendor(vendor, known=billing)}"
        for vendor in given
        if vendor not in billing
    ]
    for vendor in billing:
        if not given.get(vendor, {}).get("enabled", True):
            continue
        try:
            found[vendor] = _destination(vendor, given.get(vendor, {}))
        except ConfigFault as fault:
            if vendor in given:
                problems += [f"destinations.{vendor}.{problem}" for problem in fault.problems]
    return found, problems


def _destination(vendor: str, given: Table) -> Destination:
    """One destination. Raises ConfigFault, each problem beginning with its key."""
    base_url, key = given.get("base_url"), _key(given)
    if base_url is not None and key is None:
        raise ConfigFault([f"api_key: is needed for {base_url}; give api_key or api_key_file"])
    chosen = given.get("settings", local(vendor) if base_url is None else {})
    try:
        destination_settings.read(vendor, chosen)
    except MeterboxError as fault:
        raise ConfigFault([f"settings: {fault}"]) from fault
    return Destination(chosen, base_url, key)


def local(vendor: str) -> Mapping[str, Any]:
    """Settings that do no harm where nothing real is billed, if the translator offers some."""
    offered: Mapping[str, Any] = getattr(
        import_module(f"translators.{vendor}.settings"), "LOCAL", {}
    )
    return offered


def _key(given: Table) -> str | None:
    if "api_key_file" not in given:
        key: str | None = given.get("api_key")
        return key
    if "api_key" in given:
        raise ConfigFault(["api_key_file: is given beside api_key; give one of them"])
    file = Path(given["api_key_file"])
    try:
        found = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not text"
        raise ConfigFault([f"api_key_file: {file} cannot be read: {why}"]) from fault
    if not found:
        raise ConfigFault([f"api_key_file: {file} is empty"])
    return found
