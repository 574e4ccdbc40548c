"""Forwarder processes with a bug planted in them; without pytest, which takes long to import."""

from __future__ import annotations

from multiprocessing.connection import Connection
from time import sleep
from typing import Any

from sandbox.proving.child import Order, forward
from translators.forwarding.outbox import Delivery
from translators.forwarding.route import Route
from translators.forwarding.sqlite import SqliteOutbox

__all__ = ["acking_early", "deaf", "ended", "making_new_keys", "mute", "planted_key"]


def planted_key(opened: Any) -> Any:
    """Opens a delivery that was tried before with another idempotency key."""

    def again(route: Route, delivery: Delivery) -> Delivery:
        if not delivery.attempts:
            made: Delivery = opened(route, delivery)
            return made
        other = {**delivery.event, "messageId": f"{delivery.event['messageId']}-again"}
        whose = (delivery.number, delivery.origin, delivery.vendor)
        stands = (delivery.sent, delivery.attempts)
        renamed = Delivery(*whose, other, delivery.accepted, None, *stands)
        made = opened(route, renamed)
        made = Delivery(*whose, delivery.event, delivery.accepted, made.requests, *stands)
        return made

    return again


def making_new_keys(order: Order, line: Connection) -> None:
    setattr(Route, "opened", planted_key(Route.opened))  # noqa: B010
    forward(order, line)


def acking_early(order: Order, line: Connection) -> None:
    async def at_once(_: SqliteOutbox) -> None:
        """Says that events are safe before they are."""

    setattr(SqliteOutbox, "written", at_once)  # noqa: B010  # mypy minds otherwise
    forward(order, line)


def ended(_: Order, __: Connection) -> None:
    raise SystemExit(3)


def deaf(_: Order, line: Connection) -> None:
    """Says where it is, and never answers anything."""
    line.send(1)
    sleep(600)


def mute(_: Order, __: Connection) -> None:
    """Does not even say where it is."""
    sleep(600)
