"""`meterbox replay-bundle`: runs again what a repro bundle holds, and compares the verdicts."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.cli.output import write, write_json

__all__ = ["command"]

EXITS = "Exit codes: 0 the verdict is the same; 1 it is another; 2 wrong use."


@click.command(epilog=EXITS)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--target-command", "target", metavar="CMD", help="The forwarder, for a bundle of one of yours."
)
@click.option("--json", "as_json", is_flag=True, help="The verdicts as one JSON object.")
@click.pass_context
def command(ctx: click.Context, file: Path, target: str | None, as_json: bool) -> None:
    """Run again what a repro bundle of `prove` holds, and compare the verdicts."""
    from sandbox.cli.proof import player
    from sandbox.proving.bundle import load
    from sandbox.proving.proof import prove

    bundle = load(file)
    if (target is not None) != (bundle.how == "target-command"):
        raise click.UsageError(f"The bundle is of a run {bundle.how}; mind --target-command.")
    play, _ = player(bundle.how, target)
    proof = prove(bundle.case, play, lenient=target is not None)
    now = proof.verdict.signature
    same = now == bundle.signature
    if as_json:
        write_json({"same": same, "verdict": now, "before": bundle.signature})
    else:
        write(f"The verdict is {'the same' if same else 'another'}: {_told(now)}.")
        if not same:
            write(f"It was: {_told(bundle.signature)}.")
        for mismatch in proof.verdict.mismatches[:5]:
            write((str(mismatch), "red"))
    ctx.exit(0 if same else 1)


def _told(signature: list[str]) -> str:
    return ", ".join(signature) or "proven"
