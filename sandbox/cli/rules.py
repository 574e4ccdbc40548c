"""`meterbox rules`: every rule of behaviour with its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, get_args

import click

from contracts.model import BadValue, Confidence, Rule, Switch
from sandbox.cli.output import EXIT_CODES, on_terminal, show, write, write_json

if TYPE_CHECKING:
    from rich.console import Group

TOLD = ("id", "sentence", "source", "read", "confidence", "switch")

__all__ = ["command"]

STYLES = {"documented": "green", "observed": "cyan", "sdk": "blue", "assumed": "yellow"}


@click.command(epilog=EXIT_CODES)
@click.argument("vendor", required=False)
@click.option(
    "--confidence",
    type=click.Choice(get_args(Confidence)),
    multiple=True,
    help="Only rules known this way; may be given more than once.",
)
@click.option("--lint", is_flag=True, help="What `validate --lint` looks for.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for programs.")
def command(vendor: str | None, confidence: tuple[str, ...], lint: bool, as_json: bool) -> None:
    """List the rules vendors are known to follow, and how we know.

    Piped, a rule is a line of fields between tabs: id, confidence, sentence, source, date read,
    switch. With --lint they are: id, level, what, why, what to do, source.
    """
    if lint:
        if vendor or confidence:
            raise BadValue("--lint", vendor or confidence[0], "of any vendor's; leave it out")
        _tell_advice(as_json)
        return
    found = [rule for rule in _rules(vendor) if not confidence or rule.confidence in confidence]
    if as_json:
        write_json([{name: asdict(rule)[name] for name in TOLD} for rule in found])
    elif on_terminal():
        _show(found)
    else:
        for rule in found:
            write("\t".join(_fields(rule)))


def _tell_advice(as_json: bool) -> None:
    from sandbox.lint import advice

    known = [{**asdict(one), "source": advice.SOURCE} for one in advice.read().values()]
    if as_json:
        write_json(known)
        return
    for one in known:
        if on_terminal():
            write((one["id"], "bold"), "  ", (one["level"], "magenta"))
            write(f"  {one['sentence']} {one['why']}\n  {one['fix']}\n")
        else:
            write("\t".join(one.values()))


def _rules(vendor: str | None) -> list[Rule]:
    from contracts.reader import read, vendors

    names = vendors() if vendor is None else [vendor]
    return [rule for name in names for rule in read(name).rules.values()]


def _fields(rule: Rule) -> Sequence[str]:
    switch = _told(rule.switch) if rule.switch else ""
    return rule.id, rule.confidence, rule.sentence, rule.source, rule.read, switch


def _told(switch: Switch) -> str:
    """`choice: off | live | test; default off`."""
    values = " | ".join(switch.values)
    default = str(switch.default).lower() if switch.kind == "boolean" else str(switch.default)
    return f"{switch.kind}{': ' if values else ''}{values}; default {default}"


def _show(rules: Sequence[Rule]) -> None:
    for rule in rules:
        show(_rendered(rule))
    counts = Counter(rule.confidence for rule in rules)
    told = ", ".join(f"{counts[name]} {name}" for name in get_args(Confidence) if counts[name])
    write(f"{len(rules)} rules: {told}" if rules else "No rules.")


def _rendered(rule: Rule) -> Group:
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    head = Text.assemble((rule.id, "bold"), "  ", (rule.confidence, STYLES[rule.confidence]))
    lines = [Text(rule.sentence), Text(f"{rule.source}; read {rule.read}", "dim")]
    if rule.switch is not None:
        lines.insert(1, Text.assemble("switch ", (_told(rule.switch), "magenta")))
    return Group(head, Padding(Group(*lines), (0, 0, 1, 2)))
