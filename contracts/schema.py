"""A self-contained JSON Schema 2020-12 document with its compiled verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jsonschema_rs

__all__ = ["Schema"]


@dataclass(frozen=True, eq=False)
class Schema:
    """One schema, its references bundled under `$defs`; equal to itself only.

    Nodes may carry `x-rule` (the rule a departure there breaks) and `x-message` (what to say of
    it, where the keyword's own message would not be understood).
    """

    name: str
    document: Mapping[str, Any]

    @cached_property
    def accepts(self) -> Callable[[Any], bool]:
        """The compiled verdict: True when a parsed JSON value conforms. Formats are checked."""
        return self.compiled(self.document)

    def compiled(self, node: Any) -> Callable[[Any], bool]:
        """The verdict of a schema inside this one, which may refer to this one's `$defs`."""
        if isinstance(node, bool):
            return lambda _: node
        whole = {**node, "$defs": self.document.get("$defs", {})}
        return jsonschema_rs.Draft202012Validator(whole, validate_formats=True).is_valid
