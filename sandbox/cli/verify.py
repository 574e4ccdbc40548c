"""`meterbox verify`: the contract cases against a sandbox, a mock of yours, or the vendor."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from contracts.model import BadValue, Contract
from sandbox.cli.output import EXIT_CODES, write
from sandbox.cli.reporting import Wanted, report_option, write_reports

if TYPE_CHECKING:
    from contracts.cases import Case
    from sandbox.verifying.verification import Judged
    from sandbox.verifying.visit import Visit

__all__ = ["command"]

INTERRUPTED = 130
FEW = 4
FILE = click.Path(path_type=Path, dir_okay=False)
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


TARGET = (
    click.option(
        "--base-url",
        "urls",
        multiple=True,
        metavar="[/PATH=]URL",
        help="What is asked; again with a path for what is asked elsewhere.",
    ),
    click.option("--against", type=FILE, metavar="FILE", help="Judge what a transcript tells."),
    click.option(
        "--api-key",
        "key",
        envvar="METERBOX_API_KEY",
        default="",
        help="Of a test account. A sandbox needs none: there each case has its own.",
    ),
    click.option(
        "--test-key",
        is_flag=True,
        help="The key is for tests, though it may look otherwise.",
    ),
    click.option("--live", is_flag=True, help="It is the vendor, and that is meant."),
    click.option(
        "--sandbox/--no-sandbox",
        default=None,
        help="Use a sandbox's control API or not.  [default: where there is one]",
    ),
    click.option("--token", envvar="METERBOX_TOKEN", help="That control API's token."),
)
"""What is asked, and how."""
MANNERS = (
    click.option(
        "--max-requests",
        "most",
        type=click.IntRange(min=1),
        default=1_000,
        show_default=True,
        help="Ask no more than this, but of a sandbox.",
    ),
    click.option(
        "--pause",
        type=click.FloatRange(min=0),
        help="Seconds between requests.  [default: 0; with --live 0.2]",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=10.0,
        show_default=True,
        help="Seconds to wait for an answer.",
    ),
)
"""What keeps the asking within bounds."""


def _given(options: Iterable[Callable[[Any], Any]]) -> Callable[[Decorated], Decorated]:
    """Give a command these options, in this order."""

    def given(command: Decorated) -> Decorated:
        for option in reversed([*options]):
            command = option(command)
        return command

    return given


@click.command(epilog=EXIT_CODES)
@click.argument("vendor")
@_given(TARGET)
@click.option(
    "--only", multiple=True, metavar="PATTERN", help="Cases named so, or about a rule named so."
)
@_given(MANNERS)
@click.option("--transcript", type=FILE, metavar="FILE", help="Write down what was said.")
@report_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    vendor: str,
    only: tuple[str, ...],
    transcript: Path | None,
    reports: tuple[Wanted, ...],
    **how: Any,
) -> None:
    """Play a vendor's contract cases against a sandbox, a mock of yours, or the vendor.

    Each matches, differs or is not comparable: what a sandbox alone can do, such as turning a
    clock, is left out elsewhere, and so is what another's use of the account would change. What is
    made is taken away again as far as the vendor has a way.
    """
    from contracts.reader import read
    from sandbox.verifying.verification import chosen

    contract = read(vendor)
    cases = chosen(contract, only)
    with _visit(contract, cases, transcript, **how) as visit:
        if visit.warning:
            click.echo(f"meterbox: {visit.warning}", err=True)
        results, interrupted = _played(contract, cases, visit, transcript)
    _tell(contract, visit, results, reports, interrupted=interrupted)
    if interrupted:
        ctx.exit(INTERRUPTED)
    verdicts = {judged.verdict for judged in results}
    if verdicts == {"not comparable"}:
        raise click.UsageError("No case could be compared: see why above.")
    ctx.exit(1 if "differs" in verdicts else 0)


@contextmanager
def _visit(
    contract: Contract,
    cases: Sequence[Case],
    transcript: Path | None,
    *,
    urls: Sequence[str],
    against: Path | None,
    most: int,
    pause: float | None,
    **how: Any,
) -> Iterator[Visit]:
    from sandbox.verifying.guest import Manners
    from sandbox.verifying.visit import Terms, called, recalled

    if (against is None) is not bool(urls):
        raise click.UsageError("Say what is asked: --base-url URL, or --against FILE.")
    if against is not None:
        if transcript is not None:
            raise BadValue("--transcript", str(transcript), "for what is a transcript already")
        yield recalled(contract, against)
        return
    manners = Manners(most, (0.2 if how["live"] else 0.0) if pause is None else pause)
    with called(contract, cases, urls, Terms(manners=manners, **how)) as visit:
        yield visit


def _played(
    contract: Contract, cases: Sequence[Case], visit: Visit, transcript: Path | None
) -> tuple[list[Judged], bool]:
    """What came of the cases, and whether somebody interrupted them."""
    from sandbox.verifying.transcript import Writer, veil_over
    from sandbox.verifying.verification import Noted, verified

    where = veil_over(contract, visit.key).text(visit.where)
    writing = (
        nullcontext()
        if transcript is None
        else Writer(transcript, contract, where, sandbox=visit.sandbox, live=visit.live)
    )
    results: list[Judged] = []
    with writing as writer:
        noted = None if writer is None else Noted(visit.host, writer, contract)
        going = verified(contract, cases, noted or visit.host)
        try:
            with _watched(going, len(cases), contract.title) as shown:
                for judged in shown:
                    results.append(judged)
                    if noted is not None:
                        noted.note(judged)
        except KeyboardInterrupt:
            return results, True
    return results, False


@contextmanager
def _watched(going: Iterator[Judged], count: int, title: str) -> Iterator[Iterator[Judged]]:
    """With a bar, where a person looks."""
    if not sys.stderr.isatty():
        yield going
        return
    with click.progressbar(going, count, title, file=sys.stderr) as shown:
        yield iter(shown)


def _tell(
    contract: Contract,
    visit: Visit,
    results: Sequence[Judged],
    wanted: Sequence[Wanted],
    *,
    interrupted: bool,
) -> None:
    from sandbox.verifying.transcript import veil_over
    from sandbox.verifying.wording import reported

    veil = veil_over(contract, visit.key)
    ended = " Interrupted: the other cases had no turn." if interrupted else ""
    report = reported(contract, results, visit.where, veil, live=visit.live, ended=ended)
    if all(want.file is not None for want in wanted):
        _explain(results)
        write_reports(report, [Wanted("human", None)])
    write_reports(report, wanted)
    if visit.stay is not None and visit.stay.left:
        left = ", ".join(f"{count} × {what}" for what, count in visit.stay.left.most_common())
        click.echo(f"Left at {visit.where}, for want of a way to take it back: {left}.", err=True)


def _explain(results: Sequence[Judged]) -> None:
    """Why cases were not comparable, the most common reasons first."""
    reasons = Counter(judged.why.partition(":")[0] for judged in results if judged.why)
    for why, count in reasons.most_common(FEW):
        write((f"{count} not comparable: {why}.", "dim"))
    if len(reasons) > FEW:
        write((f"And {len(reasons) - FEW} other reasons: --report json has them all.", "dim"))
