"""How commands speak: styled on a terminal, plain when piped, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

__all__ = [
    "EXIT_CODES",
    "Span",
    "console",
    "new_table",
    "on_terminal",
    "progress",
    "show",
    "show_wide",
    "write",
    "write_json",
]

EXIT_CODES = (
    "Exit codes: 0 all is well; 1 violations or refusals were found; "
    "2 wrong use, such as an unknown vendor or a missing file."
)
Span = str | tuple[str, str]
"""A text, or a text with the style a terminal shows it in."""


def on_terminal() -> bool:
    """Whether a person is looking at the standard output."""
    return sys.stdout.isatty()


def console() -> Console:
    """A console on the standard output of now."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False)


def show(renderable: RenderableType) -> None:
    """Print something of rich's."""
    screen = console()
    with screen.capture() as shown:
        screen.print(renderable)
    # Not printed by the console itself: a progress bar must see what is written above it.
    click.echo(shown.get(), nl=False)


def new_table(title: str, *columns: str) -> Table:
    """An empty table, drawn with lines that the place it goes to can show."""
    from rich import box
    from rich.table import Table

    shape = box.ROUNDED if on_terminal() else box.ASCII2
    made = Table(title=title, title_justify="left", title_style="bold", box=shape)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def show_wide(table: Table, width: int) -> None:
    """Print a table: on a terminal as wide as that is, elsewhere in so many columns."""
    from rich.console import Console

    given = None if on_terminal() else width
    Console(file=sys.stdout, width=given, highlight=False).print(table)


def write(*spans: Span) -> None:
    """One line; styles are shown on a terminal only."""
    if not on_terminal():
        click.echo("".join(span if isinstance(span, str) else span[0] for span in spans))
        return
    from rich.text import Text

    show(Text.assemble(*spans, overflow="fold"))


def write_json(value: Any) -> None:
    """One JSON value on one line."""
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE), nl=False)


@contextmanager
def progress(total: int | None, what: str) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left on the terminal's error channel; nothing elsewhere.

    It is advanced by bytes; `total` is None where nobody knows how much will come.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich import progress as bars
    from rich.console import Console

    rate, left = bars.TransferSpeedColumn(), bars.TimeRemainingColumn()
    columns = (bars.TextColumn(what), bars.BarColumn(), bars.DownloadColumn(), rate, left)
    bar = bars.Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=on_terminal()
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda size: bar.advance(task, size)
