"""Every view of the page, in the order of its navigation."""

from __future__ import annotations

from sandbox.page import accounts, deadletters, exchange, feed, journeys, ledger, playground, rules
from sandbox.page.page import View

__all__ = ["VIEWS"]

VIEWS: tuple[View, ...] = (
    feed.VIEW,
    exchange.VIEW,
    journeys.VIEW,
    playground.VIEW,
    ledger.VIEW,
    accounts.VIEW,
    deadletters.VIEW,
    rules.VIEW,
)
