"""The settings of Segment's Orb destination (rule orb.segment.settings)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from translators.settings import SettingsFault

__all__ = ["LOCAL", "Settings"]

LOCAL = {
    "externalCustomerIdField": "userId",
    "propertiesMappingFields": {
        name: name
        for name in ("amount", "currency", "confirmation_time", "value", "region", "tokens")
    },
}
"""What a sandbox on this machine goes by when nothing is configured; a real account never does."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`propertiesMappingFields` maps a Segment property to the name it gets at Orb.

    The field settings name the key of the Segment event to read. Raises SettingsFault where the
    mapping holds anything but text (rule orb.segment.mapping-text).
    """

    externalCustomerIdField: str
    propertiesMappingFields: Mapping[str, str]
    eventNameField: str = "event"
    idempotencyKeyField: str = "messageId"

    def __post_init__(self) -> None:
        for name in ("externalCustomerIdField", "eventNameField", "idempotencyKeyField"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise SettingsFault(name, f"{value!r} is not the name of a field")
        mapping = self.propertiesMappingFields
        if not isinstance(mapping, Mapping):
            raise SettingsFault("propertiesMappingFields", f"{mapping!r} is not a text map")
        if len(set(map(str, mapping.values()))) != len(mapping):
            raise SettingsFault("propertiesMappingFields", "maps two properties to one name")
        for key, value in mapping.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise SettingsFault(
                    "propertiesMappingFields", f"{key!r}: {value!r} is not text to text"
                )
