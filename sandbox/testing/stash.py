"""What tests and their run keep in pytest's own places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sandbox.testing.account import VendorAccount
    from sandbox.testing.exchanges import Exchange

__all__ = ["COVERED", "TROUBLES", "Covered", "Troubles"]

Troubles = list[tuple["VendorAccount", "Exchange"]]
"""Requests that a test did not look at and should have, since its last report."""
Covered = dict[str, list[dict[str, Any]]]
"""By vendor: what was exercised, as the control API tells it."""
TROUBLES = pytest.StashKey[Troubles]()
COVERED = pytest.StashKey[Covered]()
