"""What a run left behind: the vendors' ledgers, and how the forwarder says each event ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.account import Account
from sandbox.proving.case import Strike
from translators.forwarding.outbox import Delivery
from translators.forwarding.outcome import Dead, Filtered

__all__ = ["End", "Played", "ends"]


@dataclass(frozen=True, slots=True)
class End:
    """How the forwarder left one event at one vendor; `reason` is why it was not delivered."""

    settled: bool
    dead: bool
    reason: str


@dataclass(frozen=True)
class Played:
    """`ends` are by vendor and messageId, and None where the forwarder is not ours to ask.

    `stuck` is why the run did not come to its end, if it did not; `trace` has a line for each
    request that a vendor got, in order; `kills` is how often the forwarder died.
    """

    accounts: Mapping[str, Account]
    ends: Mapping[tuple[str, str], End] | None
    strikes: Sequence[Strike] = ()
    stuck: str | None = None
    trace: Sequence[str] = ()
    kills: int = 0


def ends(deliveries: Iterable[Delivery]) -> dict[tuple[str, str], End]:
    """How each event ended; one that was taken several times, all in all."""
    found: dict[tuple[str, str], End] = {}
    for delivery in deliveries:
        gone = isinstance(delivery.outcome, Dead | Filtered)
        name = delivery.vendor, str(delivery.event.get("messageId"))
        before = found.get(name, End(settled=True, dead=False, reason=""))
        reason = delivery.reason or before.reason
        found[name] = End(before.settled and delivery.settled, before.dead or gone, reason)
    return found
