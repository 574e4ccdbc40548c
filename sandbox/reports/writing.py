"""Where a report is wanted: forms, and the files they go to."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from contracts.model import BadValue, MeterboxError
from sandbox.reports.formats import FORMATS, render
from sandbox.reports.model import Report

__all__ = ["Unwritable", "Wanted", "wanted", "write"]

SUMMARY = "GITHUB_STEP_SUMMARY"
DOCUMENTS = ("json", "junit", "sarif", "html")
"""Forms that are no longer what they are with something before them or after."""


class Unwritable(MeterboxError):
    """A report cannot be written where it is wanted."""

    def __init__(self, file: Path, why: object) -> None:
        super().__init__(f"--report: {file} cannot be written: {why}.")


@dataclass(frozen=True)
class Wanted:
    """A form of report and the file it goes to; None is the standard output."""

    form: str
    file: Path | None

    @classmethod
    def read(cls, given: str) -> Wanted:
        """From FORMAT or FORMAT=FILE. Raises BadValue or Unwritable, before the work is done that
        would be reported on."""
        form, _, name = given.partition("=")
        if form not in FORMATS:
            near = get_close_matches(form, FORMATS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadValue("--report", form, f"one of {', '.join(FORMATS)}{hint}")
        file = Path(name) if name else None
        if file is not None and not file.parent.is_dir():
            raise Unwritable(file, "there is no such folder")
        return cls(form, file)


def wanted(given: Iterable[str]) -> tuple[Wanted, ...]:
    """Every report that is wanted; no two are for one place. Raises BadValue or Unwritable."""
    found = tuple(map(Wanted.read, given))
    files = Counter(want.file.resolve() for want in found if want.file is not None)
    for file, times in files.items():
        if times > 1:
            raise BadValue("--report", str(file), "a file for each report, and not for several")
    said = [want.form for want in found if want.file is None]
    whole = [form for form in said if form in DOCUMENTS]
    if whole and len(said) > 1:
        alone = f"FORMAT=FILE: on the standard output {whole[0]} can only stand alone"
        raise BadValue("--report", ", ".join(said), alone)
    return found


def write(report: Report, wanted: Sequence[Wanted], say: Callable[[bytes], None]) -> None:
    """Write a report in each form that is wanted; `say` has those that go to no file.

    Raises Unwritable.
    """
    for want in wanted:
        told = render(report, want.form)
        if want.file is None:
            say(told.encode(errors="backslashreplace"))
        else:
            _write(want.file, told)
        summary = os.environ.get(SUMMARY)
        if want.form == "github" and summary:
            _write(Path(summary), render(report, "summary"), "a")


def _write(file: Path, told: str, mode: str = "w") -> None:
    try:
        with file.open(mode, encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(told)
    except OSError as fault:
        raise Unwritable(file, fault.strerror or fault) from fault
