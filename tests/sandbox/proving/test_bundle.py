"""A bundle says all there is to a case: what is read is what was written."""

from pathlib import Path

from sandbox.proving.bundle import load, written
from sandbox.proving.proof import prove
from sandbox.proving.rehearsal import rehearsed
from tests.sandbox.proving.planted import case, struck


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    strikes = (struck("orb", 2, "late-reply", seconds=0.5), struck("kana", 1, "reset"))
    given = case(3, "flaky", "outage", strikes=strikes, seed=9, kills=4, scale=0.5)
    proof = prove(given, rehearsed)
    file = tmp_path / "repro.json"
    file.write_text(written(proof, "processes"))
    bundle = load(file)
    assert bundle.case == given
    assert (bundle.how, bundle.signature) == ("processes", [])
