"""One destination as events reach it: its translator, and which of its requests go together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from contracts.conformance import violations
from contracts.model import MeterboxError
from contracts.reader import read
from translators.event import BadEvent, parse
from translators.forwarding.delivery import Target
from translators.forwarding.integrations import filtered
from translators.forwarding.outbox import Delivery
from translators.forwarding.outcome import Dead, Filtered
from translators.mapping import Translate, translator
from translators.request import Untranslatable, VendorRequest

__all__ = ["Batching", "Destination", "Route", "broken_rule"]


@dataclass(frozen=True, slots=True)
class Destination:
    """A vendor that events go to; `target` tells where, for each origin."""

    vendor: str
    settings: Mapping[str, Any]
    target: Callable[[str], Target]


class Batching(Protocol):
    """What `translators/<vendor>/batching.py` has, where a vendor takes several events at once."""

    MOST: int
    """Events that one request holds at most."""

    def kin(self, request: VendorRequest) -> Hashable | None:
        """What requests that may go together have in common; None for one that goes alone."""

    def join(self, requests: Sequence[VendorRequest]) -> VendorRequest:
        """One request instead of several of a kin, in their order."""

    def failed(self, answer: bytes, requests: Sequence[VendorRequest]) -> Sequence[int]:
        """Which of them, by their places, an answer that says yes to the others did not take."""


@dataclass(frozen=True)
class Route:
    """How one destination is served; settings that cannot be used are told with each event, as
    Segment does. `batching` is None where every event has a request of its own."""

    destination: Destination
    translate: Translate | Dead
    title: str
    batching: Batching | None

    @classmethod
    def to(cls, destination: Destination, *, batching: bool) -> Route:
        translate: Translate | Dead
        try:
            translate = translator(destination.vendor, destination.settings)
        except MeterboxError as fault:
            translate = Dead(str(fault), "INVALID_SETTINGS")
        together = _batching(destination.vendor) if batching else None
        return cls(destination, translate, read(destination.vendor).title, together)

    def opened(self, delivery: Delivery) -> Delivery:
        """The delivery with the requests its event becomes, or settled because there are none."""
        made = self._requests(delivery.event)
        if isinstance(made, tuple):
            return delivery.opened(made)
        return delivery.opened(()).came_to(made)

    def _requests(self, given: Mapping[str, Any]) -> tuple[VendorRequest, ...] | Dead | Filtered:
        try:
            event = parse(given)
        except BadEvent as fault:
            return Dead(str(fault), "MESSAGE_REJECTED")
        out = filtered(event.raw, self.title)
        if out is not None:
            return out
        if isinstance(self.translate, Dead):
            return self.translate
        made = self.translate(event)
        if isinstance(made, Untranslatable):
            code = "UNSUPPORTED_EVENT_TYPE" if made.unsupported else "MESSAGE_REJECTED"
            return Dead(f"{made.path}: {made.reason} [{made.rule}]", code, made.rule)
        return made.requests or Filtered("nothing of it is for this vendor", "NO_MATCHING_MAPPING")


def broken_rule(request: VendorRequest) -> str | None:
    """The first rule of the vendor's contract that a request breaks; None when it conforms."""
    endpoint = read(request.vendor).endpoint(request.endpoint)
    if endpoint.request is None or endpoint.request.accepts(request.body):
        return None
    found = violations(request.body, endpoint.request, rule=endpoint.rule)
    return found[0].rule if found else None


def _batching(vendor: str) -> Batching | None:
    name = f"translators.{vendor}.batching"
    if find_spec(name) is None:
        return None
    module: Any = import_module(name)
    made: Batching = module
    return made
