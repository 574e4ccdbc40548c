"""The go-live gate on runs of Orb's official client: one that is evidence enough, and each gap."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orb
import pytest
from click.testing import CliRunner, Result

from contracts.reader import read
from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.cli.main import commands
from sandbox.faults import Fault
from sandbox.journal import Exchange
from sandbox.lint.usage import Usage as Seen
from sandbox.readiness.patience import waits
from sandbox.readiness.policy import BadPolicy, Policy
from sandbox.readiness.stories import Sight, Story
from sandbox.readiness.verdict import ASKED
from sandbox.reply import Reply, Request, Usage
from sandbox.server import Running
from sandbox.snapshot import take

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
Step = Callable[[orb.Orb, Account], Any]


@pytest.fixture(scope="module")
def house() -> Sandbox:
    return create_app(Options(vendors=["orb"]))


@pytest.fixture(scope="module")
def base_url(house: Sandbox) -> Iterator[str]:
    with Running(house) as server:
        yield f"{server.url}/orb/v1"


@pytest.fixture
def account(house: Sandbox) -> Account:
    found = house.accounts.open("orb", uuid.uuid4().hex)
    found.clock.freeze(NOON)
    return found


def event(key: str, ago: timedelta = HOUR, **more: Any) -> Any:
    return {
        "event_name": "api_calls",
        "idempotency_key": key,
        "timestamp": NOON - ago,
        "external_customer_id": "acme",
        "properties": {"request": key},
        **more,
    }


def ingest(client: orb.Orb, *events: Any, **more: Any) -> Any:
    return client.events.ingest(events=list(events), **more)


def customer(client: orb.Orb, _: Account) -> None:
    client.customers.create(name="Acme", email="a@acme.test", external_customer_id="acme")


def usage(client: orb.Orb, _: Account) -> None:
    ingest(client, event("a"), event("b"))


def again(client: orb.Orb, _: Account) -> None:
    ingest(client, event("a"))


def lost(client: orb.Orb, account: Account) -> None:
    never_again(client, account)
    ingest(client, event("lost"))


def slow_down(client: orb.Orb, account: Account) -> None:
    gave_up(client, account)
    ingest(client, event("throttled"))


def late(client: orb.Orb, account: Account) -> None:
    """Refused for its age, and brought in by a backfill."""
    with pytest.raises(orb.BadRequestError):
        ingest(client, event("old", 60 * HOUR))
    backfill = client.events.backfills.create(
        timeframe_start=NOON - 72 * HOUR,
        timeframe_end=NOON - 48 * HOUR,
        replace_existing_events=False,
    )
    ingest(client, event("old", 60 * HOUR), backfill_id=backfill.id)
    client.events.backfills.close(backfill.id)
    account.clock.advance(HOUR)
    client.events.backfills.fetch(backfill.id)


def ahead(client: orb.Orb, account: Account) -> None:
    """Refused while it lies ahead, and sent again when it does not."""
    with pytest.raises(orb.BadRequestError):
        ingest(client, event("early", -2 * HOUR))
    account.clock.advance(2 * HOUR)
    ingest(client, event("early", -2 * HOUR))


CLEAN: list[Step] = [customer, usage, again, lost, slow_down, late, ahead]


def too_late(client: orb.Orb, _: Account) -> None:
    """Refused for its age, and forgotten."""
    with pytest.raises(orb.BadRequestError):
        ingest(client, event("old", 60 * HOUR))


def misspelt(client: orb.Orb, _: Account) -> None:
    with pytest.raises(orb.BadRequestError):
        ingest(client, {**event("odd"), "event_nmae": "x"})


def gave_up(client: orb.Orb, account: Account) -> None:
    account.faults.add(Fault("status", endpoint="ingest", status=429))
    with pytest.raises(orb.RateLimitError):
        ingest(client, event("throttled"))


def never_again(client: orb.Orb, account: Account) -> None:
    account.faults.add(Fault("lost-reply", endpoint="ingest"))
    with pytest.raises(orb.APIConnectionError):
        ingest(client, event("lost"))


def new_key(client: orb.Orb, account: Account) -> None:
    """The same event under a key that was made for the second attempt."""
    account.faults.add(Fault("lost-reply", endpoint="ingest"))
    same: dict[str, Any] = {"properties": {"request": "r-1"}}
    with pytest.raises(orb.APIConnectionError):
        ingest(client, event("first-try", **same))
    ingest(client, event("second-try", **same))


def batch(client: orb.Orb, _: Account) -> None:
    """One event has the whole batch refused, and the others are forgotten."""
    with pytest.raises(orb.BadRequestError):
        ingest(client, event("good-1"), event("good-2"), event("too-old", 60 * HOUR))


def struck(client: orb.Orb, account: Account) -> None:
    """What broke the contract, and was answered by a fault."""
    account.faults.add(Fault("status-after", endpoint="ingest", status=500))
    with pytest.raises(orb.InternalServerError):
        ingest(client, {**event("odd"), "event_nmae": "x"})


def unheard(client: orb.Orb, account: Account) -> None:
    """A 500 that nobody minds: the event never arrives."""
    account.faults.add(Fault("status", endpoint="ingest", status=500))
    with pytest.raises(orb.InternalServerError):
        ingest(client, event("dropped"))


def stranger(client: orb.Orb, _: Account) -> None:
    """Usage of a customer who does not exist is taken, and never billed."""
    ingest(client, event("ghost", external_customer_id="nobody"))


def card(client: orb.Orb, _: Account) -> None:
    again = event("a", properties={"request": "changed"})
    ingest(client, again)


def without(*steps: Step) -> list[Step]:
    return [step for step in CLEAN if step not in steps]


@pytest.fixture
def record(base_url: str, account: Account, tmp_path: Path) -> Callable[[list[Step]], Path]:
    """Plays steps with the official client, which tries nothing again by itself so that nobody has
    to wait for it, and keeps the account in a file."""

    def record(steps: list[Step]) -> Path:
        with orb.Orb(api_key=account.key, base_url=base_url, max_retries=0) as client:
            for step in steps:
                step(client, account)
        file = tmp_path / "run.json"
        file.write_text(json.dumps(take(account)))
        return file

    return record


def ready(file: Path, *more: str, policy: str = "") -> Result:
    config = file.with_name("meterbox.toml")
    config.write_text(policy)
    asked = ["ready", "orb", str(file), "--config", str(config), *more]
    return CliRunner().invoke(commands, asked, prog_name="meterbox")


def test_a_run_that_shows_all_of_it_is_a_yes(
    record: Callable[[list[Step]], Path], tmp_path: Path
) -> None:
    page = tmp_path / "certificate.html"
    told = ready(record(CLEAN), "--certificate", str(page))
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (
        0,
        "Ready for Orb, as far as this run shows.",
    ), told.output
    assert "NO" not in told.stdout
    written = page.read_text()
    assert "Ready for Orb, as far as this run shows." in written
    for ask in ASKED.values():
        assert " ".join((ask.__doc__ or "").split()) in written.replace("&#39;", "'")


@pytest.mark.parametrize(
    ("steps", "question", "why"),
    [
        ([], "whole", "No event of usage was sent."),
        ([*CLEAN, misspelt], "contract", "'event_nmae' was unexpected"),
        ([*CLEAN, struck], "contract", "'event_nmae' was unexpected"),
        (without(late), "refusals", "orb.ingest.grace-period"),
        (without(ahead), "refusals", "orb.ingest.future-limit"),
        ([*CLEAN, batch], "conserved", "2 events are never billed: good-1 (api_calls of acme)"),
        (
            without(again, lost, slow_down),
            "duplicates",
            "No event that was taken came a second time.",
        ),
        (without(late), "late", "No event was late."),
        ([*without(late), too_late], "late", "1 late events are never billed: old (api_calls"),
        (without(lost), "lost-replies", "No reply to an event was lost."),
        (
            [*without(lost), never_again],
            "lost-replies",
            "1 events got no answer and were not sent again",
        ),
        (without(slow_down), "throttling", "No request was answered 429."),
        ([*without(slow_down), gave_up], "throttling", "given up after a 429: throttled"),
        ([*CLEAN, new_key], "keys", "under another key after they failed: second-try"),
        ([*CLEAN, unheard], "conserved", "1 events are never billed: dropped"),
        ([*CLEAN, stranger], "conserved", "ghost (api_calls of nobody)"),
        ([*CLEAN, card], "advice", "an earlier event with another body has the same key"),
    ],
)
def test_each_gap_is_a_no_with_its_reason(
    record: Callable[[list[Step]], Path], steps: list[Step], question: str, why: str
) -> None:
    told = ready(record(steps), "--report", "json")
    assert told.exit_code == 1, told.output
    report = json.loads(told.stdout)
    (check,) = [check for check in report["checks"] if check["group"] == question]
    assert check["verdict"] == "failed"
    errors = [finding for finding in check["findings"] if finding["level"] == "error"]
    assert any(why in f"{finding['rule']} {finding['message']}" for finding in errors), errors
    assert all(finding["fix"] for finding in errors)


def told_to_wait(came: timedelta) -> Step:
    """Told to wait for half a minute, the event comes again after so long."""

    def step(client: orb.Orb, account: Account) -> None:
        account.faults.add(Fault("status", endpoint="ingest", status=503, retry_after=30))
        with pytest.raises(orb.InternalServerError):
            ingest(client, event("told"))
        account.clock.advance(came)
        ingest(client, event("told"))

    return step


@pytest.mark.parametrize(
    ("steps", "verdict", "why"),
    [
        ([], "skipped", "not exercised: no answer to one said it"),
        ([timedelta()], "skipped", "not exercised: the clock stood still where one did"),
        ([timedelta(seconds=30)], "passed", "1 of 1 waits were kept"),
        ([timedelta(), timedelta(seconds=31)], "passed", "1 of 1 waits were kept"),
        ([timedelta(seconds=29), timedelta(seconds=30)], "failed", "1 of 2 waits were kept"),
    ],
)
def test_what_comes_again_before_the_time_it_was_told_is_a_no(
    record: Callable[[list[Step]], Path], steps: list[timedelta], verdict: str, why: str
) -> None:
    told = ready(record([customer, *map(told_to_wait, steps)]), "--report", "json")
    checks = {check["group"]: check for check in json.loads(told.stdout)["checks"]}
    check = checks["retry-after"]
    assert (check["verdict"], check["detail"]) == (verdict, why)
    messages = [finding["message"] for finding in check["findings"]]
    assert messages == (
        [
            "1 events came again before the time that they were told: told (api_calls of acme) at "
            "2026-01-15T12:00:29.000Z and not at 2026-01-15T12:00:30.000Z."
        ]
        if verdict == "failed"
        else []
    )


@pytest.mark.parametrize(("came", "kept"), [(9, False), (9.95, True), (10, True)])
@pytest.mark.parametrize("header", ["10", "Thu, 15 Jan 2026 12:00:10 GMT"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_is_told_in_seconds_or_as_a_date(
    status: int, header: str, came: float, kept: bool
) -> None:
    def tried(number: int, after: float, reply: Reply) -> Sight:
        at, request = NOON + timedelta(seconds=after), Request("POST", "/v1/ingest")
        exchange = Exchange(number, "orb", "h", at, "ingest", request, reply, (), ())
        return Sight(exchange, Seen("r", 1, "$", "k", None, "acme", "call", None, None, {}, ""))

    busy = Reply(status, headers=((b"Retry-After", header.encode()),))
    tries = [tried(1, 0, busy), tried(1, 0, busy), tried(2, came, Reply(200))]
    (wait,) = waits([Story("k", tries)])
    assert (wait.until, wait.kept) == (NOON + timedelta(seconds=10), kept)
    assert not list(waits([Story("k", tries[:2])]))
    odd = tried(1, 0, Reply(500, headers=busy.headers))
    assert not list(waits([Story("k", [odd, tries[2]])]))


def test_what_comes_again_under_another_key_is_billed_twice(
    record: Callable[[list[Step]], Path],
) -> None:
    told = ready(record([*CLEAN, new_key]))
    assert told.exit_code == 1
    assert "1 events are billed twice: second-try (api_calls of acme)." in told.stdout


def test_one_event_that_a_meter_counts_twice_is_billed_twice() -> None:
    def twice(*meters: str) -> bool:
        return Story("e", bills=[Usage("e", "acme", meter, 1) for meter in meters]).twice

    assert twice("calls", "calls")
    assert not twice("calls", "bytes")
    assert not twice("calls")


def test_what_is_expected_lets_nothing_else_go(record: Callable[[list[Step]], Path]) -> None:
    """Not the events that were refused because they came beside one that was late."""
    file = record([*CLEAN, batch])
    told = ready(file, policy='[ready.orb]\nexpected = ["orb.ingest.grace-period"]\n')
    assert told.exit_code == 1
    assert "2 events are never billed: good-1 (api_calls of acme), good-2" in told.stdout
    assert "1 were let go as expected" in told.stdout
    assert "(2 events were late)" in told.stdout


def test_a_recording_that_is_longer_than_what_is_kept_is_a_no(
    record: Callable[[list[Step]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = record(CLEAN)
    assert "its beginning is gone" not in ready(file).stdout
    monkeypatch.setattr("sandbox.journal.Journal.__init__.__defaults__", (3, 1_000_000))
    told = ready(file)
    assert told.exit_code == 1
    assert "its beginning is gone" in told.stdout


def test_the_policy_waives_expects_and_trusts(record: Callable[[list[Step]], Path]) -> None:
    file = record([*without(slow_down, late), too_late, misspelt])
    assert ready(file).exit_code == 1
    policy = """
[ready.orb]
expected = ["orb.ingest.grace-period", "orb.ingest.structure"]
waived = { throttling = "our volume is far below the limits" }
"""
    told = ready(file, policy=policy)
    assert told.exit_code == 0, told.output
    assert "waived: our volume is far below the limits" in told.stdout


def test_assumptions_are_told_and_refused_by_policy(
    record: Callable[[list[Step]], Path],
) -> None:
    file = record([*CLEAN, unfit])
    expected = '[ready.orb]\nexpected = ["orb.idempotency.length"]\n'
    told = ready(file, policy=expected)
    assert (told.exit_code, "Assumed, no public source: orb." in told.stdout) == (0, True), told
    strict = f'{expected}assumptions = "refuse"\n'
    told = ready(file, policy=strict)
    assert told.exit_code == 1
    assert "no public source says so" in told.stdout
    trusting = f'{strict}trusted = ["orb.idempotency.length", "orb.ingest.whole-batch"]\n'
    told = ready(file, policy=trusting)
    assert told.exit_code == 0, told.output


def unfit(client: orb.Orb, _: Account) -> None:
    with pytest.raises(orb.BadRequestError):
        client.customers.create(name="B", email="b@acme.test", idempotency_key="k" * 300)


def test_too_little_coverage_is_a_no(record: Callable[[list[Step]], Path]) -> None:
    file = record(CLEAN)
    assert ready(file, policy="[ready.orb.coverage]\nendpoints = 10\n").exit_code == 0
    told = ready(file, policy="[ready.orb.coverage]\nendpoints = 90\n")
    assert told.exit_code == 1
    assert "under the 90 % of the policy" in told.stdout


def test_a_run_is_taken_from_a_running_sandbox(
    record: Callable[[list[Step]], Path], account: Account, base_url: str
) -> None:
    file = record(CLEAN)
    asked = ["ready", "orb", "--key", account.key, "--url", base_url.removesuffix("/orb/v1")]
    told = CliRunner().invoke(commands, asked, prog_name="meterbox")
    assert told.exit_code == 0, told.output
    assert told.stdout == ready(file).stdout


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (
            '[ready.orb]\nexpected = ["orb.ingest.grace"]\n',
            "Did you mean 'orb.ingest.grace-period'",
        ),
        ('[ready.orb]\nwaived = { keyz = "x" }\n', "Did you mean 'keys'"),
        ("[ready.orb]\nwaived = { keys = 1 }\n", "should be the reason"),
        ('[ready.orb]\nexpects = ["x"]\n', "did you mean 'expected'"),
        ("[ready.hyperlin]\n", "Did you mean 'hyperline'"),
    ],
)
def test_a_policy_that_cannot_be_is_told(tmp_path: Path, policy: str, why: str) -> None:
    file = tmp_path / "run.json"
    file.write_text("{}")
    told = ready(file, policy=policy)
    assert told.exit_code == 2
    assert why in told.stderr


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"vendor": "kana"}', '{"snapshots": []}', '{"snapshots": 5}']
)
def test_what_is_no_run_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(text)
    told = ready(file)
    assert told.exit_code == 2
    assert "holds no recorded run" in told.stderr
    assert ready(tmp_path / "nothing.json").exit_code == 2


def test_which_of_several_files_is_no_recording_is_told(
    record: Callable[[list[Step]], Path], tmp_path: Path
) -> None:
    odd = tmp_path / "odd.json"
    odd.write_text('{"vendor": "orb"}')
    told = ready(record([usage]), str(odd))
    assert (told.exit_code, "odd.json: This is no snapshot" in told.stderr) == (2, True)


def test_a_policy_names_what_there_is() -> None:
    with pytest.raises(BadPolicy, match="no 'orb.nothing'"):
        Policy.read({"trusted": ["orb.nothing"]}, read("orb"), ASKED)
