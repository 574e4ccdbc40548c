"""`meterbox dead-letters`: what could not be delivered, and what is to become of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from sandbox.cli.keeping import counted, opened, outbox
from sandbox.cli.output import write, write_json

if TYPE_CHECKING:
    from translators.forwarding.letters import Which
    from translators.forwarding.outbox import Delivery

__all__ = ["command"]

SHOWN = 100


def chosen(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose by vendor and origin."""
    command = click.option("--origin", help="Only what came from there.")(command)
    command = click.option("--vendor", help="Only what was for this vendor.")(command)
    return outbox(command)


@click.group()
def command() -> None:
    """Show what could not be delivered, and deliver it after all or let go of it.

    A forwarder may be at work on the outbox meanwhile.
    """


@command.command("list")
@chosen
@click.option(
    "--most", type=int, default=SHOWN, show_default=True, help="Show no more than so many."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, and all of them.")
def list_(url: str, vendor: str | None, origin: str | None, most: int, as_json: bool) -> None:
    """List dead letters: number, vendor, when accepted, tries, event and reason."""
    from sandbox.letters import told
    from translators.forwarding.letters import Which

    with opened(url) as letters:
        found = letters.dead(Which(vendor, origin))
        if as_json:
            for letter in found:
                _json(told(letter))
            return
        for letter in islice(found, most):
            _line(letter)
        if next(found, None) is not None:
            write((f"There are more than {most}: --most shows more.", "dim"))


@command.command()
@click.argument("number", type=int)
@chosen
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each vendor.")
def show(number: int, url: str, vendor: str | None, origin: str | None, as_json: bool) -> None:
    """Show a dead letter: its event, every try, and what was answered."""
    from sandbox.letters import NoLetter, whole
    from translators.forwarding.letters import Which

    with opened(url) as letters:
        found = list(letters.dead(Which(vendor, origin, (number,))))
    if not found:
        raise NoLetter([number])
    for letter in found:
        if as_json:
            _json(whole(letter))
        else:
            _page(letter)


@command.command()
@click.argument("numbers", type=int, nargs=-1)
@chosen
@click.option("--all", "everything", is_flag=True, help="All there are.")
@click.option("--force", is_flag=True, help="Also what may be billed twice.")
@click.option("--json", "as_json", is_flag=True, help="Tell how many as a JSON object.")
def retry(
    numbers: tuple[int, ...],
    url: str,
    vendor: str | None,
    origin: str | None,
    everything: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Deliver dead letters after all: by NUMBERS, --vendor, --origin or --all of them.

    Their tries begin anew, with the same keys. What may have reached the vendor before, longer ago
    than the vendor is sure to know an event again, is refused without --force.
    """
    from sandbox.clock import wall
    from sandbox.letters import check

    which = _which(numbers, vendor, origin, everything)
    with opened(url) as letters:
        check(letters.dead(which), numbers, lambda _: wall(), guard=not force)
        count = letters.retry(which)
    _count(count, "retried", "will be tried again", as_json)


@command.command()
@click.argument("numbers", type=int, nargs=-1)
@chosen
@click.option("--all", "everything", is_flag=True, help="All there are.")
@click.option("--json", "as_json", is_flag=True, help="Tell how many as a JSON object.")
def drop(
    numbers: tuple[int, ...],
    url: str,
    vendor: str | None,
    origin: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Let go of dead letters for good: by NUMBERS, --vendor, --origin or --all of them."""
    from sandbox.clock import wall
    from sandbox.letters import check

    which = _which(numbers, vendor, origin, everything)
    with opened(url) as letters:
        check(letters.dead(which), numbers, lambda _: wall(), guard=False)
        count = letters.drop(which)
    _count(count, "dropped", "will never be made", as_json)


def _which(
    numbers: tuple[int, ...], vendor: str | None, origin: str | None, everything: bool
) -> Which:
    from translators.forwarding.letters import Which

    if not (numbers or vendor or origin or everything):
        raise click.UsageError("Say which: NUMBERS, --vendor, --origin or --all.")
    return Which(vendor, origin, numbers or None)


def _count(count: int, name: str, what: str, as_json: bool) -> None:
    if as_json:
        write_json({name: count})
    else:
        write(f"{counted(count)} {what}.")


def _line(letter: Delivery) -> None:
    from sandbox.letters import told

    line = told(letter)
    tries = "1 try" if line["tries"] == 1 else f"{line['tries']} tries"
    write(
        (f"{letter.number:>8}", "bold"),
        (f"  {letter.vendor:<10}", "magenta"),
        f"  {line['accepted']}  {tries:>8}  {_text(line['event'])}",
        (f"  {line['reason']}", "red"),
        (f"  {line['rule']}" if line["rule"] else "", "dim"),
    )


def _page(letter: Delivery) -> None:
    from json import dumps

    from sandbox.letters import whole

    _line(letter)
    page = whole(letter)
    write(f"from {page['origin']}")
    for attempt in page["attempts"]:
        write(
            f"  {attempt['time']}  {attempt['request']}",
            (f"  {attempt['status'] or 'no answer'}", "yellow"),
            f"  {attempt['answer'] or attempt['reason']}",
        )
    write(_text(dumps(page["body"], indent=2, ensure_ascii=False)))


def _json(fields: Mapping[str, Any]) -> None:
    """One line, even where the event has numbers and half characters that few readers take."""
    from translators.forwarding.record import document

    click.echo(document(fields))


def _text(given: object) -> str:
    """What can be printed of a text, with the rest as it is written in JSON."""
    return str(given).encode("utf-8", "backslashreplace").decode()
