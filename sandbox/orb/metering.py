"""What an event counts for by the metrics declared: filter and aggregation over its properties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sandbox.metering import literal
from sandbox.reply import Usage

__all__ = ["Aggregation", "Definition", "Metric", "metered"]

Aggregation = Literal["count", "sum", "max", "unique"]


@dataclass(frozen=True, slots=True)
class Definition:
    """Which events a metric counts, and what of them (rule orb.metric.declared)."""

    event_name: str
    filter: Mapping[str, Any]
    aggregation: Aggregation
    of: str | None = None

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether name and properties are those the metric asks for."""
        properties = event["properties"]
        return event["event_name"] == self.event_name and all(
            name in properties and literal(properties[name]) == literal(value)
            for name, value in self.filter.items()
        )

    def sql(self) -> str:
        """The definition in Orb's own terms: what it shows of a metric that has no SQL."""
        what = {
            "count": "count(*)",
            "sum": f"sum({self.of})",
            "max": f"max({self.of})",
            "unique": f"count(distinct {self.of})",
        }[self.aggregation]
        wanted = {"event_name": self.event_name, **self.filter}
        conditions = [f"{name} = {literal(value)}" for name, value in wanted.items()]
        return f"SELECT {what} FROM events WHERE {' AND '.join(conditions)}"


@dataclass(slots=True)
class Metric:
    """A metric as Orb shows it, and its definition where it can be counted here."""

    shown: dict[str, Any]
    created_at: datetime
    definition: Definition | None = None


def metered(
    event: Mapping[str, Any], customer: str | None, metrics: Iterable[Metric]
) -> tuple[Usage, ...]:
    """What the event counts for, metric by metric; if for none, one usage that is not billed."""
    found = tuple(
        _usage(event, customer, metric.shown["name"], metric.definition)
        for metric in metrics
        if metric.definition is not None and metric.definition.matches(event)
    )
    if found:
        return found
    key, name = event["idempotency_key"], event["event_name"]
    return (Usage(key, customer, name, 0, unbilled="orb.metric.unmatched"),)


def _usage(
    event: Mapping[str, Any], customer: str | None, meter: str, definition: Definition
) -> Usage:
    key, counted = event["idempotency_key"], definition.aggregation
    if counted == "count":
        return Usage(key, customer, meter, 1)
    value = event["properties"].get(definition.of)
    if counted == "unique":
        if value is None:
            return Usage(key, customer, meter, 0, unbilled="orb.metric.property")
        return Usage(key, customer, meter, 1, "unique", literal(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Usage(key, customer, meter, 0, unbilled="orb.metric.property")
    return Usage(key, customer, meter, value, counted)
