"""How long answers told a client to wait, and when it came again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sandbox.journal import Exchange
from sandbox.readiness.stories import Story
from translators.forwarding.outcome import retry_after

__all__ = ["Wait", "waits"]

BUSY = (429, 503)
"""Answers that may say when to come again."""
EARLY = timedelta(milliseconds=100)
"""By so much a timer goes off before its time, or two clocks part."""


@dataclass(frozen=True, slots=True)
class Wait:
    """An event that an answer, given `at` one time, wanted no more `until` another, and that `came`
    again all the same."""

    story: Story
    at: datetime
    until: datetime
    came: datetime

    @property
    def told(self) -> bool:
        """Whether the clock ran meanwhile, so that it tells how long the wait was."""
        return self.came != self.at

    @property
    def kept(self) -> bool:
        return self.until - self.came <= EARLY


def waits(stories: Iterable[Story]) -> Iterator[Wait]:
    """Every wait that an answer to an event asked for, if the event came again at all."""
    for story in stories:
        tries = list({sight.exchange.number: sight.exchange for sight in story.sights}.values())
        for before, after in pairwise(tries):
            length = _asked(before)
            if length is not None:
                yield Wait(story, before.at, before.at + length, after.at)


def _asked(exchange: Exchange) -> timedelta | None:
    if exchange.reply.status not in BUSY:
        return None
    given = exchange.reply.headers
    headers = {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in given}
    return retry_after(headers, exchange.at)
