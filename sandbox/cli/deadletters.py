"""`meterbox dead-letters`: what could not be delivered, and what is to become of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from contracts.model import MeterboxError
from sandbox.cli.keeping import counted, opened, outbox
from sandbox.cli.output import write, write_json

if TYPE_CHECKING:
    from translators.forwarding.letters import Which
    from translators.forwarding.outbox import Delivery

__all__ = ["command"]

SHOWN = 100
USER = re.compile(r"//[^/@\s]*@")


class NoLetter(MeterboxError):
    """There is no dead letter of that number."""

    def __init__(self, numbers: Iterable[int]) -> None:
        told = ", ".join(map(str, sorted(numbers)))
        super().__init__(f"No dead letter {told}. `meterbox dead-letters list` has them.")


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
    from translators.forwarding.letters import Which

    with opened(url) as letters:
        found = letters.dead(Which(vendor, origin))
        if as_json:
            for letter in found:
                _json(_told(letter))
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
    from translators.forwarding.letters import Which

    with opened(url) as letters:
        found = list(letters.dead(Which(vendor, origin, (number,))))
    if not found:
        raise NoLetter([number])
    for letter in found:
        if as_json:
            _json(_whole(letter))
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
    which = _which(numbers, vendor, origin, everything)
    with opened(url) as letters:
        _check(letters.dead(which), numbers, guard=not force)
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
    which = _which(numbers, vendor, origin, everything)
    with opened(url) as letters:
        _check(letters.dead(which), numbers, guard=False)
        count = letters.drop(which)
    _count(count, "dropped", "will never be made", as_json)


def _which(
    numbers: tuple[int, ...], vendor: str | None, origin: str | None, everything: bool
) -> Which:
    from translators.forwarding.letters import Which

    if not (numbers or vendor or origin or everything):
        raise click.UsageError("Say which: NUMBERS, --vendor, --origin or --all.")
    return Which(vendor, origin, numbers or None)


def _check(found: Iterable[Delivery], numbers: Sequence[int], *, guard: bool) -> None:
    """Raises NoLetter for a number that is none, and Unguarded for what may be billed twice."""
    from sandbox.clock import wall
    from translators.forwarding.letters import guarded, unsure

    missing, now = set(numbers), wall()
    for letter in found:
        missing.discard(letter.number)
        since = unsure(letter)
        if guard and since is not None:
            guarded(letter.vendor, since, now=now)
    if missing:
        raise NoLetter(missing)


def _count(count: int, name: str, what: str, as_json: bool) -> None:
    if as_json:
        write_json({name: count})
    else:
        write(f"{counted(count)} {what}.")


def _line(letter: Delivery) -> None:
    told = _told(letter)
    tries = "1 try" if told["tries"] == 1 else f"{told['tries']} tries"
    write(
        (f"{letter.number:>8}", "bold"),
        (f"  {letter.vendor:<10}", "magenta"),
        f"  {told['accepted']}  {tries:>8}  {_text(told['event'])}",
        (f"  {told['reason']}", "red"),
        (f"  {told['rule']}" if told["rule"] else "", "dim"),
    )


def _page(letter: Delivery) -> None:
    from json import dumps

    _line(letter)
    told = _whole(letter)
    write(f"from {told['origin']}")
    for attempt in told["attempts"]:
        write(
            f"  {attempt['time']}  {attempt['request']}",
            (f"  {attempt['status'] or 'no answer'}", "yellow"),
            f"  {attempt['answer'] or attempt['reason']}",
        )
    write(_text(dumps(told["body"], indent=2, ensure_ascii=False)))


def _json(fields: Mapping[str, Any]) -> None:
    """One line, even where the event has numbers and half characters that few readers take."""
    from translators.forwarding.record import document

    click.echo(document(fields))


def _text(given: object) -> str:
    """What can be printed of a text, with the rest as it is written in JSON."""
    return str(given).encode("utf-8", "backslashreplace").decode()


def _told(letter: Delivery) -> dict[str, Any]:
    from sandbox.clock import iso

    return {
        "number": letter.number,
        "vendor": letter.vendor,
        "origin": letter.origin,
        "event": letter.event.get("messageId"),
        "accepted": iso(letter.accepted),
        "tries": len(letter.attempts),
        "code": getattr(letter.outcome, "code", None),
        "rule": getattr(letter.outcome, "rule", None),
        "reason": letter.reason,
    }


def _whole(letter: Delivery) -> dict[str, Any]:
    """With its event and its tries; a secret among them is veiled as far as its name tells it."""
    from sandbox.clock import iso
    from sandbox.veil import Veil

    attempts = [
        {
            "time": iso(attempt.at),
            "request": USER.sub("//***@", attempt.line),
            "status": attempt.status,
            "answer": attempt.excerpt,
            "reason": getattr(attempt.outcome, "reason", None),
        }
        for attempt in letter.attempts
    ]
    return {**_told(letter), "attempts": attempts, "body": Veil(()).node(letter.event)}
