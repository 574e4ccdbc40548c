"""One destination as events reach it: its queues, its translator, what it makes of an event."""

from __future__ import annotations

from collections import deque
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


@dataclass
class Queue:
    """What one origin has for one destination; `under_way` counts those that have begun."""

    waiting: deque[Delivery] = field(default_factory=deque)
    under_way: int = 0


@dataclass(frozen=True)
class Lane:
    """One destination, with a queue for each origin: who is slow keeps nobody else waiting."""

    destination: Destination
    translate: Translate | Dead
    title: str
    queues: dict[str, Queue] = field(default_factory=dict)

    @classmethod
    def to(cls, destination: Destination) -> Lane:
        """Settings that cannot be used are told with each event, as Segment does."""
        translate: Translate | Dead
        try:
            translate = translator(destination.vendor, destination.settings)
        except MeterboxError as fault:
            translate = Dead(str(fault), "INVALID_SETTINGS")
        return cls(destination, translate, read(destination.vendor).title)

    def add(self, delivery: Delivery) -> None:
        """Let a delivery wait for its turn among those of its origin."""
        self.queues.setdefault(delivery.origin, Queue()).waiting.append(delivery)

    def begin(self, origin: str, most: int) -> Delivery | None:
        """The delivery whose turn it is, under way from now on; None when `most` already are."""
        queue = self.queues.get(origin)
        if queue is None or not queue.waiting or queue.under_way >= most:
            return None
        queue.under_way += 1
        return queue.waiting.popleft()

    def end(self, origin: str) -> None:
        """One that was under way has gone as far as it goes now."""
        self.queues[origin].under_way -= 1
        self._tidy(origin)

    def forget(self, origin: str) -> None:
        """Let none of an origin wait any more; those under way still count."""
        if origin in self.queues:
            self.queues[origin].waiting.clear()
            self._tidy(origin)

    def _tidy(self, origin: str) -> None:
        queue = self.queues[origin]
        if not queue.waiting and not queue.under_way:
            del self.queues[origin]


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
