"""`--report FORMAT[=FILE]`: what a command found, in files and forms for whoever reads it next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sandbox.reports.formats import FORMATS
from sandbox.reports.model import Report
from sandbox.reports.writing import Unwritable, Wanted, wanted, write

if TYPE_CHECKING:
    from sandbox.coverage import Least

__all__ = ["Unwritable", "Wanted", "fail_under_option", "report_option", "write_reports"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


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


def fail_under_option(command: Decorated) -> Decorated:
    """Give a command `--fail-under`; it gets the `least` that must be covered."""
    return click.option(
        "--fail-under",
        "least",
        multiple=True,
        metavar="[KIND=]PERCENT",
        callback=_least,
        help=(
            "How much must be exercised of the contracts of vendors that were used, in all or of "
            "endpoints, fields, rules, error-answers or faults. May be given again."
        ),
    )(command)


def _read(_: click.Context, __: click.Parameter, given: Iterable[str]) -> tuple[Wanted, ...]:
    return wanted(given)


def _least(_: click.Context, __: click.Parameter, given: Sequence[str]) -> Least:
    from sandbox.coverage import Least

    return Least(given)


def write_reports(report: Report, reports: Sequence[Wanted], *, err: bool = False) -> None:
    """Write a report in each form that is wanted, to the error channel perhaps, where the standard
    output is another's. Raises Unwritable."""
    write(report, reports, partial(click.echo, nl=False, err=err))
