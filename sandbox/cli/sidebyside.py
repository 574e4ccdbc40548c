"""How a comparison is shown: tables for people, one JSON object for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contracts.model import Rule
from contracts.reader import read, vendors
from sandbox.cli.comparison import Comparison
from sandbox.cli.output import new_table, show_wide, write
from sandbox.cli.payloads import Payload
from sandbox.fates import Fate
from sandbox.ledger import Total
from sandbox.metering import Number, exact, plain
from sandbox.reply import Usage
from sandbox.view import dumps
from translators.event import Event

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["document", "tables"]

Read = Sequence[tuple[Payload, Event]]
Places = dict[tuple[str | None, str | None], dict[str, Total]]
TONES = {"billed": "green", "not taken": "dim", "no usage": "dim"}
WIDTH = 120


def document(events: Read, comparison: Comparison) -> str:
    """All of it as JSON; quantities keep every digit."""
    rows = zip(events, comparison.fates, strict=True)
    told = {
        "events": [_row(payload, event, fates) for (payload, event), fates in rows],
        "totals": [
            {
                "customer": customer,
                "meter": meter,
                "vendors": {
                    vendor: {"quantity": total.quantity, "events": total.events}
                    for vendor, total in totals.items()
                },
            }
            for (customer, meter), totals in _places(comparison).items()
        ],
        "rules": {
            rule.id: {
                "sentence": rule.sentence,
                "confidence": rule.confidence,
                "source": rule.source,
            }
            for rule in _cited(fates for fates in comparison.fates)
        },
        "unset": comparison.unset,
    }
    return dumps(told).decode()


def _row(payload: Payload, event: Event, fates: Mapping[str, Fate]) -> dict[str, Any]:
    file, _, line = payload.place.rpartition(":")
    return {
        "file": file,
        "line": int(line),
        "at": payload.at,
        "event": _called(event),
        "customer": event.user_id,
        "differs": _differs(fates),
        "vendors": {
            vendor: {
                "outcome": fate.word,
                "billed": [
                    {"customer": u.customer, "meter": u.meter, "quantity": _number(u.quantity)}
                    for u in fate.billed
                ],
                "rules": fate.rules,
                "reason": fate.reason,
                "answers": fate.answers,
            }
            for vendor, fate in fates.items()
        },
    }


def tables(events: Read, comparison: Comparison) -> None:
    """What each event comes to at each vendor, what that adds up to, and the rules behind it."""
    differing = [fates for fates in comparison.fates if _differs(fates)]
    show_wide(_events_table(events, comparison), WIDTH)
    show_wide(_totals_table(comparison), WIDTH)
    if differing:
        show_wide(_rules_table(differing), WIDTH)
    for line in comparison.unset:
        write((f"Not set up: {line}", "yellow"))
    count = len(comparison.fates)
    write(f"{count} events, ", (f"{len(differing)} of them billed differently", "bold"), ".")


def _events_table(events: Read, comparison: Comparison) -> Table:
    from rich.text import Text

    table = new_table("Events, and what each vendor bills of them", "event", "vendor", "bills")
    table.add_column("by rule", overflow="fold", ratio=1)
    for (payload, event), fates in zip(events, comparison.fates, strict=True):
        table.add_section()
        line = payload.place.rpartition(":")[2]
        notes = [_called(event), f"line {line}, {'they differ' if _differs(fates) else 'the same'}"]
        for index, (vendor, fate) in enumerate(fates.items()):
            note = Text(notes[index] if index < len(notes) else "")
            bills = Text(_bills(event, fate), style=TONES.get(fate.word, "red"))
            table.add_row(note, read(vendor).title, bills, " ".join(fate.rules))
    return table


def _totals_table(comparison: Comparison) -> Table:
    titles = [read(vendor).title for vendor in comparison.accounts]
    table = new_table("What that adds up to", "customer", "meter")
    for title in titles:
        table.add_column(title, justify="right")
    for (customer, meter), totals in _places(comparison).items():
        cells = [totals[v].quantity if v in totals else "-" for v in comparison.accounts]
        table.add_row(str(customer), str(meter), *map(str, cells))
    return table


def _rules_table(differing: Sequence[Mapping[str, Fate]]) -> Table:
    table = new_table("The rules by which they differ", "rule", "known as", "what it says")
    for rule in _cited(differing):
        table.add_row(rule.id, rule.confidence, rule.sentence)
    return table


def _places(comparison: Comparison) -> Places:
    """Customer and meter -> what each vendor bills."""
    found: Places = {}
    for vendor, account in comparison.accounts.items():
        for total in account.ledger.totals():
            found.setdefault((total.customer, total.meter), {})[vendor] = total
    return dict(sorted(found.items(), key=lambda place: tuple(map(str, place[0]))))


def _cited(rows: Iterator[Mapping[str, Fate]] | Sequence[Mapping[str, Fate]]) -> list[Rule]:
    """Every rule that is named, once, in the order of the vendors."""
    named = {rule for fates in rows for fate in fates.values() for rule in fate.rules}
    every = {id: rule for vendor in vendors() for id, rule in read(vendor).rules.items()}
    return [rule for id, rule in every.items() if id in named]


def _differs(fates: Mapping[str, Fate]) -> bool:
    """Whether two vendors bill different quantities of it, or different customers."""
    first, *others = (fate.quantities for fate in fates.values())
    return any(other != first for other in others)


def _bills(event: Event, fate: Fate) -> str:
    """`2 ApiCalls`, and for whom if not for who did it; else why nothing."""
    return ", ".join(_usage(event, usage) for usage in fate.billed) or fate.word


def _usage(event: Event, usage: Usage) -> str:
    whose = "" if usage.customer == event.user_id else f" for {usage.customer}"
    return f"{_number(usage.quantity)} {usage.meter}{whose}"


def _number(quantity: Number) -> Number:
    return plain(exact(quantity))


def _called(event: Event) -> str:
    return f"{event.type} {event.name}" if event.name else event.type
