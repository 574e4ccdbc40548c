"""What a translator gives: requests for the vendor, or why there can be none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from translators.trace import Traced

__all__ = ["Outcome", "Translation", "Untranslatable", "VendorRequest"]


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """One call of the vendor's API, without host and credential, which delivery adds.

    `endpoint` is the name in the vendor's contract, `path` the vendor's own, `key` what the vendor
    deduplicates by (None where it does not).
    """

    vendor: str
    endpoint: str
    method: str
    path: str
    body: Any
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Translation:
    """The requests one event becomes, why each field is what it is, and what was left out.

    `explain` and `left_out` find the latter two, which nobody asks for while events are delivered.
    """

    requests: tuple[VendorRequest, ...]
    explain: Callable[[], tuple[Traced, ...]] = tuple
    left_out: Callable[[], tuple[str, ...]] = tuple

    @property
    def trace(self) -> tuple[Traced, ...]:
        """Each field of the requests, and what it came from."""
        return self.explain()

    @property
    def dropped(self) -> tuple[str, ...]:
        """Paths of the event that no field came from."""
        return self.left_out()


@dataclass(frozen=True, slots=True)
class Untranslatable:
    """No request can be made of this event: where and why, and by which rule.

    `unsupported` says that the vendor takes no events of this type at all.
    """

    path: str
    reason: str
    rule: str
    unsupported: bool = False


Outcome = Translation | Untranslatable
