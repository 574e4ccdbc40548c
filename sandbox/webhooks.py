"""Webhooks of one account: who wants to be told, of what they are told, and how that went.

A room that has webhooks gives a module that satisfies Post. What is collected waits here until a
courier takes it; where there is none, as when a data folder is applied again, nothing is sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

from contracts.model import BadValue

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.reply import Decision

__all__ = ["Attempt", "Delivery", "Message", "Post", "Target", "Webhooks"]

KEPT = 1_000
TIMEOUT = 10.0
Outcome = Literal["pending", "delivered", "failed", "blocked", "stopped", "withheld"]


@dataclass
class Target:
    """Where an account wants to be told. `types` are all when None; `style` is the vendor's, and
    `timeout` how many seconds it gives for an answer."""

    id: str
    url: str
    secret: str = field(repr=False)
    created: datetime
    types: tuple[str, ...] | None = None
    style: str = ""
    enabled: bool = True
    timeout: float = TIMEOUT

    def wants(self, type: str) -> bool:
        return self.enabled and (self.types is None or type in self.types)


@dataclass(frozen=True, slots=True)
class Message:
    """What one target is told, as it is sent each time."""

    id: str
    type: str
    target: str
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: the status that came back, or why none did."""

    at: datetime
    status: int | None
    why: str = ""

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass
class Delivery:
    """A message on its way. Sent again, a message is another delivery.

    It is `blocked` where the target is none we may send to, `stopped` when the target is gone or
    disabled, and `withheld` when it comes from a data folder: that may have been sent before.
    """

    number: int
    message: Message
    resent: bool = False
    outcome: Outcome = "pending"
    attempts: list[Attempt] = field(default_factory=list)


class Post(Protocol):
    """A vendor's way with webhooks; a room's webhooks.py."""

    def collect(self, account: Account, decision: Decision | None, now: datetime) -> None:
        """Put messages about what has happened until `now` into the account's webhooks."""

    def headers(self, account: Account, target: Target, message: Message) -> Mapping[str, str]:
        """What is sent beside a message's body, signed for this attempt."""

    def waits(self, settings: Mapping[str, Any]) -> Sequence[timedelta]:
        """How long after each failed attempt the next is made; as many as there are retries."""


class Webhooks:
    """The targets, and the latest `kept` deliveries; older ones are dropped and counted.

    `known` are the ids of all targets there ever were, oldest first.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self.targets: dict[str, Target] = {}
        self.known: list[str] = []
        self.secrets: set[str] = set()
        self.deliveries: deque[Delivery] = deque(maxlen=kept)
        self.count = 0
        self._waiting: list[Delivery] = []

    @property
    def dropped(self) -> int:
        return self.count - len(self.deliveries)

    @property
    def waiting(self) -> bool:
        """Whether there is anything for a courier to take."""
        return bool(self._waiting)

    def add(self, target: Target) -> None:
        """A new target; its secret is never shown again."""
        self.targets[target.id] = target
        self.known.append(target.id)
        self.secrets.add(target.secret)

    def post(self, message: Message, *, resent: bool = False) -> Delivery:
        """Have a message delivered."""
        self.count += 1
        delivery = Delivery(self.count, message, resent)
        self.deliveries.append(delivery)
        self._waiting.append(delivery)
        return delivery

    def resend(self, number: object) -> Delivery:
        """Have the message of a delivery delivered once more. Raises BadValue."""
        for delivery in self.deliveries:
            if delivery.number == number and not isinstance(number, bool):
                return self.post(delivery.message, resent=True)
        raise BadValue("delivery", number, "the number of a delivery that is kept")

    def take(self) -> list[Delivery]:
        """What has been posted since the last time."""
        taken, self._waiting = self._waiting, []
        return taken

    def withhold(self) -> None:
        """Let nothing of what has been posted be sent."""
        for delivery in self.take():
            delivery.outcome = "withheld"
