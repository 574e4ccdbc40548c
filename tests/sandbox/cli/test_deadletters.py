"""`meterbox dead-letters`, `replay` and `prune`, on both engines: in words and as JSON."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sandbox.cli.main import commands
from tests.translators.forwarding.engines import DURABLE, Engine, of
from translators.forwarding.outcome import Attempt, Dead, Delivered, Outcome, Retry

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
DEAD = Dead("400: no such customer", "400", "orb.ingest.customer")
DOWN = Retry(None, "503: down", "503")
Run = Callable[..., Result]


@pytest.fixture(params=DURABLE)
def engine(request: Any, tmp_path: Path) -> Engine:
    return of(request, tmp_path)


@pytest.fixture
def run(engine: Engine) -> Run:
    """Runs a command on the outbox."""

    def ran(*arguments: str) -> Result:
        return CliRunner().invoke(commands, [*arguments, "--outbox", engine.url])

    return ran


def event(n: int) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "call",
        "userId": "acme",
        "messageId": f"m-{n}",
        "context": {"apiKey": "hush"},
    }


def settled(
    engine: Engine,
    outcome: Outcome,
    *numbers: int,
    vendor: str = "orb",
    at: datetime = NOW,
    tries: Any = (DEAD,),
) -> None:
    attempts = tuple(
        Attempt(at, timedelta(), "POST http://me:hush@v.test/ingest", tried, 400, "no customer")
        for tried in tries
    )

    async def settle() -> None:
        outbox = await engine.open()
        outbox.add("file:usage", [vendor], [event(n) for n in numbers], at)
        found = await outbox.claim(vendor, "file:usage", at, 99)
        await outbox.put([replace(each, outcome=outcome, attempts=attempts) for each in found])
        await outbox.close()

    asyncio.run(settle())


def waiting(engine: Engine) -> int:
    async def count() -> int:
        outbox = await engine.open()
        try:
            return await outbox.waiting()
        finally:
            await outbox.close()

    return asyncio.run(count())


def told(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def failed(result: Result) -> str:
    """What a command says that was wrongly used."""
    assert result.exit_code == 2, result.output
    return result.stderr


def numbers(run: Run) -> list[str]:
    return [str(letter["number"]) for letter in told(run("dead-letters", "list", "--json"))]


def test_dead_letters_are_listed_with_their_reasons(engine: Engine, run: Run) -> None:
    settled(engine, DEAD, 1, 2)
    settled(engine, DEAD, 3, vendor="kana")
    settled(engine, Delivered(), 4)
    found = told(run("dead-letters", "list", "--json"))
    assert [(letter["vendor"], letter["event"]) for letter in found] == [
        ("kana", "m-3"),
        ("orb", "m-1"),
        ("orb", "m-2"),
    ]
    assert {k: v for k, v in found[1].items() if k not in ("number", "accepted")} == {
        "vendor": "orb",
        "origin": "file:usage",
        "event": "m-1",
        "tries": 1,
        "code": "400",
        "rule": "orb.ingest.customer",
        "reason": "400: no such customer",
    }
    lines = run("dead-letters", "list", "--vendor", "orb", "--most", "1").output.splitlines()
    assert "1 try  m-1  400: no such customer  orb.ingest.customer" in lines[0]
    assert lines[1:] == ["There are more than 1: --most shows more."]
    assert run("dead-letters", "list", "--origin", "elsewhere").output == ""


def test_a_dead_letter_is_shown_without_the_secrets_in_it(engine: Engine, run: Run) -> None:
    settled(engine, DEAD, 1)
    [number] = numbers(run)
    shown = run("dead-letters", "show", number).output
    assert "POST http://***@v.test/ingest  400  no customer" in shown
    assert '"messageId": "m-1"' in shown
    assert "from file:usage" in shown
    [whole] = told(run("dead-letters", "show", number, "--json"))
    assert whole["body"] == {**event(1), "context": {"apiKey": "…(4)"}}
    assert "hush" not in shown + json.dumps(whole)


def test_dead_letters_are_retried_by_number_vendor_or_all(engine: Engine, run: Run) -> None:
    settled(engine, DEAD, 1, 2, 3)
    settled(engine, DEAD, 4, vendor="kana")
    _, first, *_ = numbers(run)
    done = run("dead-letters", "retry", first)
    assert (done.exit_code, done.output) == (0, "1 delivery will be tried again.\n")
    assert told(run("dead-letters", "retry", "--vendor", "kana", "--json")) == [{"retried": 1}]
    assert waiting(engine) == 2
    assert told(run("dead-letters", "retry", "--all", "--json")) == [{"retried": 2}]
    assert numbers(run) == []


def test_dead_letters_are_dropped(engine: Engine, run: Run) -> None:
    settled(engine, DEAD, 1, 2, 3)
    [first, *_] = numbers(run)
    assert run("dead-letters", "drop", first).output == "1 delivery will never be made.\n"
    assert told(run("dead-letters", "drop", "--all", "--json")) == [{"dropped": 2}]
    assert (numbers(run), waiting(engine)) == ([], 0)


@pytest.mark.parametrize("act", ["retry", "drop"])
def test_nothing_is_done_unless_it_is_said_which(engine: Engine, run: Run, act: str) -> None:
    settled(engine, DEAD, 1)
    [number] = numbers(run)
    assert "Say which: NUMBERS, --vendor, --origin or --all." in run("dead-letters", act).stderr
    missing = run("dead-letters", act, number, "998", "999")
    assert "No dead letter 998, 999. `meterbox dead-letters list` has them." in failed(missing)
    assert numbers(run) == [number]


def test_what_may_have_been_billed_is_not_retried_unless_forced(engine: Engine, run: Run) -> None:
    settled(engine, DEAD, 1, at=NOW - 20 * HOUR, tries=(DOWN, DEAD))
    settled(engine, DEAD, 2, at=NOW - 20 * HOUR)
    refused = run("dead-letters", "retry", "--all")
    assert "Orb is sure to know an event for 12h only" in failed(refused)
    assert waiting(engine) == 0
    assert told(run("dead-letters", "retry", "--all", "--force", "--json")) == [{"retried": 2}]


def test_a_window_is_replayed(engine: Engine, run: Run) -> None:
    settled(engine, Delivered(), 1, at=NOW - 3 * HOUR)
    settled(engine, Delivered(), 2, 3, at=NOW - HOUR)
    settled(engine, Delivered(), 4, at=NOW - HOUR, vendor="kana")
    window = ("--from", (NOW - 2 * HOUR).isoformat(), "--to", NOW.isoformat())
    done = run("replay", "--destination", "orb", *window)
    assert (done.exit_code, done.output) == (0, "2 deliveries to orb will be made again.\n")
    again = run("replay", "--destination", "orb", "--from", "4h", "--to", "0s", "--json")
    assert told(again) == [{"replayed": 1}]
    assert waiting(engine) == 3


def test_a_window_that_the_vendor_may_not_know_again_is_refused_unless_forced(
    engine: Engine, run: Run
) -> None:
    settled(engine, Delivered(), 1, at=NOW - 20 * HOUR)
    settled(engine, Delivered(), 2, vendor="kana")
    window = ("--from", "24h", "--to", "0s")
    refused = run("replay", "--destination", "orb", *window)
    assert "Orb is sure to know an event for 12h only" in failed(refused)
    refused = run("replay", "--destination", "kana", *window)
    assert "Kana does not say how long it knows an event again (rule kana" in failed(refused)
    assert waiting(engine) == 0
    forced = run("replay", "--destination", "orb", *window, "--force", "--json")
    assert told(forced) == [{"replayed": 1}]


def test_what_is_old_is_pruned(engine: Engine, run: Run) -> None:
    settled(engine, Delivered(), 1, at=NOW - 50 * HOUR)
    settled(engine, DEAD, 2, at=NOW - 50 * HOUR)
    settled(engine, Delivered(), 3)
    assert run("prune", "--older-than", "2d").output == "1 delivery let go.\n"
    assert told(run("prune", "--older-than", "2d", "--json")) == [{"pruned": 0}]
    assert len(numbers(run)) == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("dead-letters", "show", "7"), "No dead letter 7. `meterbox dead-letters list` has them."),
        (
            ("replay", "--from", "noon", "--to", "0s", "--destination", "orb"),
            "--from: 'noon' is not a time with its offset, as 2026-11-21T12:00:00Z, or 2h ago.",
        ),
        (
            ("replay", "--from", "2h", "--to", "2026-11-21T12:00:00", "--destination", "orb"),
            "--to: '2026-11-21T12:00:00' is not a time with its offset,",
        ),
        (
            ("replay", "--from", "2h", "--to", "0s", "--destination", "orbb"),
            "No contract for 'orbb'. Did you mean 'orb'?",
        ),
        (("prune", "--older-than", "long"), "--older-than: 'long' is not a length of time such as"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    engine: Engine, run: Run, arguments: Any, line: str
) -> None:
    settled(engine, Delivered(), 1)
    said = failed(run(*arguments))
    assert line in said
    assert len(said.splitlines()) == 1


def test_without_an_outbox_nothing_is_made(tmp_path: Path) -> None:
    url = str(tmp_path / "none.sqlite3")
    result = CliRunner().invoke(commands, ["dead-letters", "list", "--outbox", url])
    assert f"There is no outbox at {url}." in failed(result)
    assert not (tmp_path / "none.sqlite3").exists()
