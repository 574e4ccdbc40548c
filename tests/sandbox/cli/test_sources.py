"""Where a run reads on: every line that holds an event is taken in, and none is read as another."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.cli import sources
from sandbox.cli.payloads import UnusableFile
from sandbox.cli.sources import Shrunk, Source, pieces


def line(n: int) -> str:
    return f'{{"type":"track","messageId":"m-{n}"}}'


class Runs:
    """Runs over one file, each of which goes on where the last one was."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.positions: dict[str, int] = {}

    def over(self, text: str, most: int | None = None) -> list[str]:
        """The ids of what a run takes in of this text; `most` is how many pieces, until it dies."""
        self.file.write_text(text, newline="")

        async def run() -> list[str]:
            found: list[str] = []
            async with asyncio.timeout(10):
                source = Source.named(str(self.file), None)
                place = source.place()
                count = 0
                async for piece in pieces(source, place, self.positions.get(place or "", 0)):
                    found += [event["messageId"][2:] for event in piece.events]
                    if piece.position is not None:
                        self.positions[piece.position.source] = piece.position.offset
                    count += 1
                    if count == most:
                        break
            return found

        return asyncio.run(run())


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "events.ndjson")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("cut", range(len(line(0)) + 1))
def test_a_last_line_that_is_still_being_written_is_read_by_the_next_run(
    runs: Runs, cut: int, end: str
) -> None:
    whole = "".join(line(n) + end for n in (1, 2))
    first = runs.over(whole + line(3)[:cut])
    assert first + runs.over(whole + line(3) + end + line(4)) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("cut", range(1, len(line(1))))
def test_so_is_a_first_line(runs: Runs, cut: int) -> None:
    assert runs.over(line(1)[:cut]) == []
    assert runs.over(f"{line(1)}\n{line(2)}\n") == ["1", "2"]


@pytest.mark.parametrize("cut", range(1, len(line(2)) + 3))
def test_so_is_a_document_of_several_lines(runs: Runs, cut: int) -> None:
    documents = [f"{{\n{line(n)[1:]}\n" for n in (1, 2)]
    first = runs.over(documents[0] + documents[1][:cut])
    assert first + runs.over("".join(documents)) == ["1", "2"]


def test_blank_lines_and_such_that_hold_no_event_are_counted(runs: Runs) -> None:
    text = f"\n\n{line(1)}\n[]\n\n{line(2)}\n\n{{broken\n"
    assert runs.over(text) == ["1", "2"]
    assert runs.over(f"{text}\n{line(3)}\n") == ["3"]


@pytest.mark.parametrize("many", [2, 2_500])
def test_documents_on_one_line_are_all_read_though_a_run_dies_between_them(
    runs: Runs, many: int
) -> None:
    text = "".join(line(n) for n in range(many))
    seen = [*runs.over(text, most=1), *runs.over(text)]
    assert set(seen) == {str(n) for n in range(many)}


def test_another_file_by_the_same_name_is_read_from_its_start(runs: Runs) -> None:
    assert runs.over(f"{line(1)}\n{line(2)}\n") == ["1", "2"]
    assert runs.over(f"{line(3)}\n{line(4)}\n") == ["3", "4"]
    assert runs.over(f"{line(3)}\n{line(4)}\n{line(5)}\n") == ["5"]


def test_a_name_that_is_no_text_is_one_to_the_outbox() -> None:
    source = Source.named(os.fsdecode(b"/\xff.ndjson"), None)
    assert source.origin == r"file:/\xff.ndjson"


def test_a_file_that_lost_lines_is_refused(runs: Runs) -> None:
    runs.over(f"{line(1)}\n{line(2)}\n")
    with pytest.raises(Shrunk, match="has 1 lines, and 2 of it were read before"):
        runs.over(f"{line(1)}\n")


@pytest.mark.parametrize("fault", [OSError(5, "Input/output error"), RuntimeError("odd")])
def test_a_reader_that_fails_is_seen(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def failing(name: str) -> Any:
        yield from ()
        raise fault

    monkeypatch.setattr(sources, "blocks", failing)
    with pytest.raises(type(fault), match=str(fault.args[-1])):
        runs.over("")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no such file")
def test_a_file_that_cannot_be_read_to_its_end_is_told(runs: Runs) -> None:
    """Linux refuses to read this one in the middle of it."""
    memory = Source.named("/proc/self/mem", None)

    async def run() -> None:
        async for _ in pieces(memory, None, 0):
            pass

    with pytest.raises(UnusableFile, match="Input/output error"):
        asyncio.run(run())
