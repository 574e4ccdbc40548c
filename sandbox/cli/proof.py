"""How a proof is carried out and shown: a table for people, one JSON object for programs."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from contracts.reader import read
from sandbox.cli.output import new_table, show, write, write_json
from sandbox.proving.bundle import How, written
from sandbox.proving.case import Case
from sandbox.proving.proof import Play, Proof, prove, smallest
from sandbox.proving.rehearsal import rehearsed

__all__ = ["player", "shown"]

TRIES, ROUNDS = 400, 12
ROWS = {
    "events": "sent",
    "expected": "to be billed",
    "billed": "billed once",
    "refused": "refused by a rule",
    "nothing": "of no usage",
    "dead": "dead, with a reason",
    "lost": "lost",
    "doubled": "doubled",
    "changed": "billed otherwise",
    "unasked": "billed unasked",
}
WRONG = ("lost", "doubled", "changed", "unasked")
TOLD = 5


def player(how: How, target: str | None) -> tuple[Play, int]:
    """What plays a case, and how many times it may be played to find a smaller one."""
    if how == "in-process":
        return rehearsed, TRIES
    if target is not None:
        from sandbox.proving.target import played_by

        return partial(played_by, target), ROUNDS
    from sandbox.proving.processes import played

    return played, ROUNDS


def shown(case: Case, how: How, target: str | None, bundle: Path, *, as_json: bool) -> bool:
    """Prove a case and tell the verdict; whether it is proven."""
    play, tries = player(how, target)
    lenient = target is not None
    proof = prove(case, play, lenient=lenient)
    least = None
    if not proof.verdict.proven:
        least, how = _least(proof, how, play, tries, lenient=lenient)
        bundle.write_text(written(least, how), encoding="utf-8")
    if as_json:
        write_json(_document(proof, bundle if least else None))
    else:
        _table(proof)
        _tell(proof)
        if least is not None:
            _tell_least(least, bundle)
    return proof.verdict.proven


def _least(proof: Proof, how: How, play: Play, tries: int, *, lenient: bool) -> tuple[Proof, How]:
    """The smallest case that goes wrong alike; in this process, if it does so there too."""
    if how == "processes":
        rehearsal = prove(replace(proof.case, kills=0), rehearsed)
        if set(rehearsal.verdict.signature) & set(proof.verdict.signature):
            return smallest(rehearsal, rehearsed, tries=TRIES), "in-process"
    return smallest(proof, play, tries=tries, lenient=lenient), how


def _document(proof: Proof, bundle: Path | None) -> dict[str, Any]:
    return {
        "proven": proof.verdict.proven,
        "vendors": {vendor: dict(tally) for vendor, tally in proof.verdict.tallies.items()},
        "requests": len(proof.played.trace),
        "struck": len(proof.played.strikes),
        "kills": proof.played.kills,
        "mismatches": [asdict(mismatch) for mismatch in proof.verdict.mismatches[:100]],
        "bundle": None if bundle is None else str(bundle),
        "unset": proof.unset,
    }


def _table(proof: Proof) -> None:
    tallies = proof.verdict.tallies
    table = new_table("", "events")
    for vendor in tallies:
        table.add_column(read(vendor).title, justify="right")
    for word, told in ROWS.items():
        cells = [tally[word] for tally in tallies.values()]
        style = "red" if word in WRONG and any(cells) else None
        table.add_row(told, *(f"{cell:,}" for cell in cells), style=style)
    show(table)


def _tell(proof: Proof) -> None:
    played, verdict = proof.played, proof.verdict
    killed = f", the forwarder killed {played.kills:,} times" if played.kills else ""
    write(f"{len(played.trace):,} requests, {len(played.strikes):,} struck by faults{killed}.")
    for line in proof.unset[:TOLD]:
        write((f"Not set up: {line}", "yellow"))
    for mismatch in verdict.mismatches[:TOLD]:
        write((str(mismatch), "red"))
    if len(verdict.mismatches) > TOLD:
        write(f"... and {len(verdict.mismatches) - TOLD:,} more.")
    if verdict.proven:
        write(("Proven: nothing is lost, and nothing is billed twice.", "green"))


def _tell_least(least: Proof, bundle: Path) -> None:
    case = least.case
    faults = len(case.strikes) + len(case.faults)
    size = f"{len(case.events):,} events, {faults:,} faults, {case.kills:,} kills"
    write(f"The smallest case found has {size}: {bundle}")
    write(f"`meterbox replay-bundle {bundle}` runs it again.")
