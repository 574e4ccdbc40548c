"""One destination as events reach it: its queue, its translator, and what it makes of an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.model import MeterboxError
from contracts.reader import read
from translators.event import BadEvent, parse
from translators.forwarding.delivery import Target
from translators.forwarding.integrations import filtered
from translators.forwarding.outbox import Delivery
from translators.forwarding.outcome import Dead, Filtered
from translators.mapping import Translate, translator
from translators.request import Untranslatable, VendorRequest

__all__ = ["Destination", "Lane", "opened"]


@dataclass(frozen=True, slots=True)
class Destination:
    """A vendor that events go to; `target` tells where, for each origin."""

    vendor: str
    settings: Mapping[str, Any]
    target: Callable[[str], Target]


@dataclass(frozen=True)
class Lane:
    """One destination's queue, so that a slow vendor keeps no other waiting."""

    destination: Destination
    translate: Translate | Dead
    title: str
    ready: asyncio.Queue[Delivery | None] = field(default_factory=asyncio.Queue)

    @classmethod
    def to(cls, destination: Destination) -> Lane:
        """Settings that cannot be used are told with each event, as Segment does."""
        translate: Translate | Dead
        try:
            translate = translator(destination.vendor, destination.settings)
        except MeterboxError as fault:
            translate = Dead(str(fault), "INVALID_SETTINGS")
        return cls(destination, translate, read(destination.vendor).title)


def opened(delivery: Delivery, lane: Lane) -> Delivery:
    """The delivery with the requests its event becomes, or settled because there are none."""
    made = _requests(delivery.event, lane)
    if isinstance(made, tuple):
        return replace(delivery, requests=made)
    return replace(delivery, requests=(), outcome=made)


def _requests(given: Mapping[str, Any], lane: Lane) -> tuple[VendorRequest, ...] | Dead | Filtered:
    try:
        event = parse(given)
    except BadEvent as fault:
        return Dead(str(fault), "MESSAGE_REJECTED")
    out = filtered(event.raw, lane.title)
    if out is not None:
        return out
    if isinstance(lane.translate, Dead):
        return lane.translate
    made = lane.translate(event)
    if isinstance(made, Untranslatable):
        code = "UNSUPPORTED_EVENT_TYPE" if made.unsupported else "MESSAGE_REJECTED"
        return Dead(f"{made.path}: {made.reason} [{made.rule}]", code)
    return made.requests or Filtered("nothing of it is for this vendor", "NO_MATCHING_MAPPING")
