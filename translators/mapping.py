"""Finds a vendor's translator by its folder; machinery that names no vendor."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from contracts.model import UnknownVendor
from contracts.reader import vendors
from translators import settings
from translators.event import Event
from translators.request import Outcome

__all__ = ["Translate", "translate", "translated_vendors", "translator"]

Translate = Callable[[Event], Outcome]


def translated_vendors() -> list[str]:
    """Vendors that have a translator: those that bill, not the source."""
    return [name for name in vendors() if find_spec(f"translators.{name}") is not None]


def translate(vendor: str, event: Event, given: Mapping[str, Any]) -> Outcome:
    """What one event becomes at a vendor under these settings.

    Raises UnknownVendor, UnknownSetting or SettingsFault.
    """
    return translator(vendor, given)(event)


def translator(vendor: str, given: Mapping[str, Any]) -> Translate:
    """What turns events into a vendor's requests, the settings read once.

    Raises UnknownVendor, UnknownSetting or SettingsFault.
    """
    name = f"translators.{vendor}.mapping"
    if name not in sys.modules and vendor not in translated_vendors():
        raise UnknownVendor(vendor, known=translated_vendors())
    mapping = import_module(name)
    terms = settings.read(vendor, given)

    def translate(event: Event) -> Outcome:
        outcome: Outcome = mapping.translate(event, terms)
        return outcome

    return translate
