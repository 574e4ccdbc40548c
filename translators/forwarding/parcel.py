"""What goes out in one request: one delivery's next request, or those of several together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from translators.forwarding.outbox import Delivery
from translators.forwarding.route import Batching
from translators.request import VendorRequest

__all__ = ["Parcel", "parcels", "together", "upcoming"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """Deliveries, oldest first, that stand or fall with one request; `late` ones go another way."""

    deliveries: tuple[Delivery, ...]
    request: VendorRequest
    late: bool = False


def parcels(
    deliveries: Iterable[Delivery], batching: Batching | None, *, ordered: bool
) -> list[Parcel]:
    """Translated deliveries in as few parcels as may be; `ordered`, none overtakes another."""
    if batching is None:
        return [together([delivery], None) for delivery in deliveries]
    groups: list[list[Delivery]] = []
    open_of: dict[Hashable, list[Delivery]] = {}
    for delivery in deliveries:
        kin = _kin(delivery, batching)
        group = open_of.get(kin) if kin is not None else None
        if group is None or len(group) >= batching.MOST:
            group = []
            groups.append(group)
            if ordered:
                open_of.clear()
            if kin is not None:
                open_of[kin] = group
        group.append(delivery)
    return [together(group, batching) for group in groups]


def together(deliveries: Sequence[Delivery], batching: Batching | None) -> Parcel:
    """Deliveries of one kin, or a single one, as one parcel."""
    requests = [upcoming(delivery) for delivery in deliveries]
    if len(requests) == 1 or batching is None:
        return Parcel(tuple(deliveries), requests[0])
    return Parcel(tuple(deliveries), batching.join(requests))


def _kin(delivery: Delivery, batching: Batching) -> Hashable | None:
    """None for what goes alone; one of several requests does, for they follow each other."""
    return batching.kin(upcoming(delivery)) if len(delivery.requests or ()) == 1 else None


def upcoming(delivery: Delivery) -> VendorRequest:
    """The request of a translated delivery whose turn it is."""
    assert delivery.requests is not None  # it is translated
    return delivery.requests[delivery.sent]
