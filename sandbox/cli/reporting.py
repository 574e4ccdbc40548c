"""`--report FORMAT[=FILE]`: what a command found, in files and forms for whoever reads it next."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click

from contracts.model import BadValue, MeterboxError
from sandbox.reports.formats import FORMATS, render
from sandbox.reports.model import Report

__all__ = ["Unwritable", "Wanted", "report_option", "write_reports"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
SUMMARY = "GITHUB_STEP_SUMMARY"


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
        """Raises BadValue or Unwritable, before the work is done that would be reported on."""
        form, _, name = given.partition("=")
        if form not in FORMATS:
            near = get_close_matches(form, FORMATS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadValue("--report", form, f"one of {', '.join(FORMATS)}{hint}")
        file = Path(name) if name else None
        if file is not None and not file.parent.is_dir():
            raise Unwritable(file, "there is no such folder")
        return cls(form, file)


def report_option(command: Decorated) -> Decorated:
    """Give a command `--report`; it gets the `reports` that are wanted."""
    return click.option(
        "--report",
        "reports",
        multiple=True,
        metavar="FORMAT[=FILE]",
        callback=_read,
        help=f"Write a report: {', '.join(FORMATS)}. May be given again.",
    )(command)


def _read(_: click.Context, __: click.Parameter, given: Iterable[str]) -> tuple[Wanted, ...]:
    return tuple(map(Wanted.read, given))


def write_reports(report: Report, wanted: Sequence[Wanted], *, err: bool = False) -> None:
    """Write a report in each form that is wanted, to the error channel perhaps, where the standard
    output is another's. Raises Unwritable."""
    for want in wanted:
        told = render(report, want.form)
        if want.file is None:
            click.echo(told.encode(errors="backslashreplace"), nl=False, err=err)
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
