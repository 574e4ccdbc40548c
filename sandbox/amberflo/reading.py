"""How records of a custom schema are read: which of their keys are which fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.amberflo.formats import valued
from sandbox.amberflo.records import Record

__all__ = ["Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """`fields` is field of the default schema -> key of the record, `dimensions` name -> key, and
    `constants` field -> what it is in every record."""

    fields: Mapping[str, str]
    dimensions: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)

    @property
    def keys(self) -> set[str]:
        """The keys of a record that are read; all others are left out."""
        return {*self.fields.values(), *self.dimensions.values()}

    def record(self, given: Mapping[str, Any]) -> Record:
        """The record of the default schema that `given` is; what it lacks is left out."""
        record = dict(self.constants)
        for name, key in self.fields.items():
            if given.get(key) not in (None, ""):
                record[name] = _value(name, given[key])
        dimensions = {
            name: given[key]
            for name, key in self.dimensions.items()
            if given.get(key) not in (None, "")
        }
        return record | ({"dimensions": dimensions} if dimensions else {})


def _value(name: str, value: Any) -> Any:
    """The cells of a table are text, whatever they hold."""
    return valued(name, value) if isinstance(value, str) else value
