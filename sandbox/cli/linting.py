"""`--lint`: looks at payloads as they are judged, and at Segment events as they are translated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from contracts.layout import Layout
from contracts.model import Contract
from contracts.reader import read
from sandbox.cli.lintoptions import Known
from sandbox.cli.payloads import Block, Payload
from sandbox.lint.cause import Cause
from sandbox.lint.linter import Linter, borrowed, layout
from sandbox.lint.usage import Spot, known, reader
from translators.event import Event
from translators.request import Outcome, Translation

__all__ = ["LintedBodies", "LintedEvents", "Looked"]


class Looked:
    """What looks at payloads; without anything seen, nothing is found."""

    linter: Linter | None = None

    def causes(self) -> list[Cause]:
        """What was found by now, the worst first."""
        return [] if self.linter is None else self.linter.causes()

    def unjudged(self) -> list[str]:
        """What was not looked at, in sentences."""
        return [] if self.linter is None else self.linter.unjudged()


class LintedBodies(Looked):
    """Looks at bodies of one endpoint. Raises NoLayout where the contract cannot tell how."""

    def __init__(self, contract: Contract, endpoint: str, by: Known) -> None:
        self.linter: Linter = Linter(
            contract,
            layout(contract, endpoint),
            by.now,
            customers=by.customers,
            needs=by.needs,
            settings=by.settings,
        )

    def look(self, block: Block) -> None:
        look = self.linter.look
        for line, value in zip(block.lines, block.values, strict=True):
            look(value, block.file, line)


class LintedEvents(Looked):
    """Looks at Segment events that become requests with usage; of the others, at whom they name."""

    def __init__(self, contract: Contract, by: Known) -> None:
        self._contract, self._by = contract, by
        self._source = read("segment")
        self._namings = [known(naming) for naming in self._source.namings]
        self._named = set(by.customers)
        self._layouts = {name: one for one in contract.layouts for name in one.endpoints}
        self._readers = {name: reader(one) for name, one in self._layouts.items()}

    def look(self, payload: Payload, event: Event, outcome: Outcome) -> None:
        """Look at an event and what it became."""
        endpoints = _endpoints(outcome)
        usage = next((name for name in endpoints if name in self._layouts), None)
        if usage is None or not isinstance(outcome, Translation):
            self._know(event.raw)
            return
        linter = self.linter or self._begin(self._layouts[usage], outcome)
        file, _, line = payload.place.rpartition(":")
        linter.look(event.raw, file, int(line), payload.at)
        if self._by.needs:
            self._look_into(outcome, linter, Spot(file, int(line), payload.at))

    def _know(self, raw: Mapping[str, Any]) -> None:
        for id in (id for know in self._namings for id in know(raw)):
            if self.linter is None:
                self._named.add(id)
            else:
                self.linter.know(id)

    def _begin(self, destination: Layout, first: Translation) -> Linter:
        """Read events from now on as the mapping does, which the first one shows."""
        source = borrowed(self._source.layouts[0], destination)
        origins = {traced.field: traced.source for traced in first.trace}
        inside = f"{destination.inside}[0]." if destination.inside else ""
        key = _dotted(origins.get(inside + destination.key))
        customers = [_dotted(origins.get(inside + field)) for field in destination.customer]
        customer = next(filter(None, customers), None)
        if key is not None:
            source = replace(source, key=key)
        if customer is not None and customer not in source.customer:
            source = replace(source, customer=(customer,))
        self.linter = Linter(
            self._contract,
            source,
            self._by.now,
            source=self._source,
            customers=self._named,
            needs=self._by.needs,
            settings=self._by.settings,
        )
        return self.linter

    def _look_into(self, outcome: Translation, linter: Linter, spot: Spot) -> None:
        for request in outcome.requests:
            read_usage = self._readers.get(request.endpoint)
            if read_usage is not None:
                for usage in read_usage(request.body, spot.file, spot.line, "$"):
                    linter.metrics.see(usage, spot, lambda: outcome.dropped)


def _endpoints(outcome: Outcome) -> list[str]:
    return [r.endpoint for r in outcome.requests] if isinstance(outcome, Translation) else []


def _dotted(path: str | None) -> str | None:
    """`$.properties.id` as a layout has it; None where a name in it has dots or the like."""
    return None if path is None or "[" in path else path.removeprefix("$.")
