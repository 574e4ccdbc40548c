"""A function as its team wrote it, and the packages that are installed beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import orjson

from contracts.model import MeterboxError

__all__ = ["Lacking", "Source", "packages"]

Packages = Mapping[str, Mapping[str, str]]


class Lacking(MeterboxError):
    """The function uses what Segment's runtime has and this machine has not."""

    def __init__(self, source: Source, name: str) -> None:
        entry = packages()[name]
        package = "@".join(entry[part] for part in ("package", "version") if part in entry)
        told = f"{source.name} uses {name}, which Segment has"
        if not package:
            super().__init__(f"{told} and meterbox has not: send requests with fetch.")
        else:
            folder = source.folder
            super().__init__(
                f"{told} and {folder} has not: npm install --prefix {folder} {package}"
            )


@dataclass(frozen=True, slots=True)
class Source:
    """`name` is shown in errors; `folder` is where packages are looked for, and above it."""

    name: str
    text: str
    folder: Path

    def installed(self) -> dict[str, Path]:
        """By global, the folder of each package that is installed here."""
        found = {}
        for name, entry in packages().items():
            for folder in self._modules():
                if "package" in entry and (folder / entry["package"]).is_dir():
                    found[name] = (folder / entry["package"]).resolve()
                    break
        return found

    def readable(self) -> Iterator[Path]:
        """The folders that packages are read from, with what links inside them lead to."""
        yield from self._modules()
        yield from self.installed().values()

    def _modules(self) -> Iterator[Path]:
        """Where Node.js looks for packages, nearest first."""
        for folder in (self.folder, *self.folder.parents):
            if (folder / "node_modules").is_dir():
                yield (folder / "node_modules").resolve()


@cache
def packages() -> Packages:
    """What Segment installs for functions: by global, the package and its version.

    From Segment's documentation (rule segment.function.globals).
    """
    loaded: Packages = orjson.loads((files(__package__) / "packages.json").read_bytes())
    return loaded
