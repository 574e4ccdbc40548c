"""The folders of vendors: the only list of them, read without reading what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

__all__ = ["folders"]


def folders() -> Iterator[Path]:
    """Every folder of this package that holds a contract.json, by package path and name."""
    for root in import_module("contracts").__path__:
        for file in sorted(Path(root).glob("*/contract.json")):
            yield file.parent
