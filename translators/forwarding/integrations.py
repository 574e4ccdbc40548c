"""Segment's integrations object: which destinations an event is meant for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translators.forwarding.outcome import Filtered

__all__ = ["filtered"]


def filtered(event: Mapping[str, Any], name: str) -> Filtered | None:
    """Why an event is not for the destination of that catalog name; None when it is.

    `All` speaks for those not named, and names are case-sensitive (rule
    segment.delivery.integrations); an object counts as true, null as not there, and only false says
    no (rule segment.delivery.integrations-odd).
    """
    given = event.get("integrations")
    if not isinstance(given, Mapping):
        return None
    said_by = "All" if given.get(name) is None else name
    if given.get(said_by) is not False:
        return None
    return Filtered(f"integrations.{said_by} is false", "FILTERED_BY_INTEGRATIONS_OBJECT")
