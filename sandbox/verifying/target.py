"""What cases are played against.

* MeterboxError
  x NotComparable    the target cannot show whether it does as the case says
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol

from contracts.model import MeterboxError
from sandbox.verifying.asking import Answer, Asked

__all__ = ["Act", "NotComparable", "Target"]

Act = Literal["settings", "advance", "fault", "dashboard", "findings", "totals", "outcomes"]
"""What only a sandbox does or tells."""


class NotComparable(MeterboxError):
    """Why a case says nothing about this target."""


class Target(Protocol):
    """One account of a vendor, or what passes for one, for one case.

    `key` is its credential and `run` what identifiers made here end in; `sandbox` is whether it
    does acts. A sandbox stamps some things with the time of its `machine`, which may not be that of
    the account; None where it is.
    """

    key: str
    run: str
    sandbox: bool

    def now(self) -> datetime:
        """The time there."""
        ...

    def machine(self) -> datetime | None: ...

    def ask(self, request: Asked, expected: int | None) -> Answer:
        """Send a request, to which that status is expected. Raises NotComparable or Unreachable."""
        ...

    def act(self, name: Act, given: Any) -> Any:
        """Do an act of a sandbox; `findings` are those of the exchange that is named."""
        ...
