"""The one account that a key opens at a vendor, or at what stands in for it: used with care."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from contracts.cases import Case, keep
from contracts.model import Contract, Endpoint, Removal
from sandbox.clock import Wall, wall
from sandbox.verifying.asking import Answer, Asked, asked
from sandbox.verifying.calling import Unreachable
from sandbox.verifying.playing import Player
from sandbox.verifying.target import Act, NotComparable
from translators.forwarding.outcome import retry_after

__all__ = ["Guest", "Manners", "Stay"]

THROTTLED = (429, 503)
GONE = (404, 410)
AGAIN = 3
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Manners:
    """How a vendor is asked: at most so many requests in all, and seconds between them."""

    most: int = 1_000
    pause: float = 0.0
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Stay:
    """All cases played on one account: how many requests that took, and what is left there."""

    contract: Contract
    key: str
    send: Callable[[Asked], Answer]
    manners: Manners = Manners()  # frozen
    wall: Wall = wall
    sent: int = 0
    left: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.player = Player(self.contract)

    def room_for(self, case: Case) -> None:
        """Begin no case that could not be brought to its end, and tidied up after.

        Raises NotComparable.
        """
        steps = [step for step in case.given if "request" in step]
        asked = [(step["request"], step.get("times", 1)) for step in steps]
        count = sum(times * (1 + self._ways(one)) for one, times in (*asked, (case.request, 1)))
        if self.sent + count > self.manners.most:
            raise self._enough()

    def ask(self, request: Asked) -> Answer:
        """Send one request. Raises Unreachable, or NotComparable when that would be too many."""
        if self.sent >= self.manners.most:
            raise self._enough()
        if self.sent and self.manners.pause:
            self.manners.sleep(self.manners.pause)
        self.sent += 1
        return self.send(request)

    def _ways(self, request: Mapping[str, Any]) -> int:
        """How many requests take away again what a request makes."""
        endpoint = self.player.endpoint(request["method"], request["path"])
        removal = endpoint and self.contract.removals.get(endpoint.name)
        return len(removal.by) if removal else 0

    def _enough(self) -> NotComparable:
        return NotComparable(f"was not played: {self.manners.most} requests are the most")


class Guest:
    """A case's visit to the account: `run` is its own, and what it makes is taken away after it."""

    sandbox = False

    def __init__(self, stay: Stay, run: str) -> None:
        self.key, self.run = stay.key, run
        self._stay = stay
        self._made: list[tuple[Removal, Any]] = []

    def now(self) -> datetime:
        return self._stay.wall()

    def machine(self) -> datetime | None:
        return None

    def act(self, name: Act, given: Any) -> Any:
        raise NotComparable(f"needs {name}, which only a sandbox does")

    def ask(self, request: Asked, expected: int | None) -> Answer:
        """Send a request; again, after as long as it says, where a vendor has enough of us."""
        answer = self._stay.ask(request)
        for _ in range(AGAIN):
            if answer.status not in THROTTLED or answer.status == expected:
                break
            self._stay.manners.sleep(_wait(answer, self.now()))
            answer = self._stay.ask(request)
        if answer.status == 429 and expected != 429:
            raise NotComparable("the target takes no more requests for now: it answers 429")
        self._note(request, answer)
        return answer

    def leave(self) -> None:
        """Take away what was made, the latest first; what cannot be is told by the stay."""
        while self._made:
            removal, told = self._made.pop()
            if not self._removed(removal, told):
                self._stay.left[removal.what] += 1

    def _note(self, request: Asked, answer: Answer) -> None:
        endpoint = self._stay.player.endpoint(request.method, request.path)
        removal = endpoint and self._stay.contract.removals.get(endpoint.name)
        if endpoint is None or not removal or not 200 <= answer.status < 300:
            return
        if endpoint.sdl is None or b"mutation" in (request.body or b""):
            self._made += [(removal, told) for told in _told(removal, answer)]

    def _removed(self, removal: Removal, told: Any) -> bool:
        contract = self._stay.contract
        status = 0
        for name in removal.by:
            endpoint = contract.endpoint(name)
            path = _path(endpoint, removal, told)
            if path is None:
                return False
            request = {"method": endpoint.method, "path": path}
            try:
                status = self._stay.ask(asked(contract, self.key, request)).status
            except (Unreachable, NotComparable):
                return False
        return 200 <= status < 300 or status in GONE


def _told(removal: Removal, answer: Answer) -> list[Any]:
    """What an answer says of each thing that was made."""
    try:
        told = answer.json()
        return [told] if removal.each is None else list(told[removal.each])
    except (LookupError, TypeError, ValueError):
        return [None]


def _path(endpoint: Endpoint, removal: Removal, told: Any) -> str | None:
    """Where something is taken away; None where the answer does not say what it is called."""
    try:
        found = keep(told, removal.takes)
    except (LookupError, TypeError, ValueError):
        return None
    return endpoint.paths[0].format(**{name: quote(v, safe="") for name, v in found.items()})


def _wait(answer: Answer, now: datetime) -> float:
    """Seconds to wait before asking again. Raises NotComparable where that is too long."""
    after = retry_after(answer.headers, now)
    seconds = 1.0 if after is None else after.total_seconds()
    if seconds > PATIENCE:
        raise NotComparable(f"the target takes no more requests for {seconds:.0f} s")
    return seconds
