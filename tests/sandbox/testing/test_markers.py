"""What `@pytest.mark.meterbox` sets, and how a marker that cannot be meant so is told."""

from __future__ import annotations

import pytest

from tests.sandbox.testing.conftest import Run


def test_the_marker_is_registered(run: Run) -> None:
    done = run("\ndef test_it(): ...\n", "--markers")
    done.stdout.fnmatch_lines(["@pytest.mark.meterbox(clock=..., faults=..., settings=..., seed=*"])


@pytest.mark.parametrize(
    "clock",
    [
        '"2026-01-15T12:00:00Z"',
        "datetime(2026, 1, 15, 12, tzinfo=UTC)",
        '{"freeze": "2026-01-15T12:00:00Z"}',
    ],
)
def test_clock(run: Run, clock: str) -> None:
    run(
        f"""
@pytest.mark.meterbox(clock={clock})
def test_it(orb, client):
    assert orb.clock.now == orb.clock.now == datetime(2026, 1, 15, 12, tzinfo=UTC)
    send(client, event("1", timestamp="2026-01-15T11:00:00Z"))
    orb.assert_billed("acme", "api_calls", 1)
"""
    ).assert_outcomes(passed=1)


def test_faults_by_kind_by_preset_and_as_they_are(run: Run) -> None:
    run(
        """
@pytest.mark.meterbox(faults="lost-reply")
def test_a_lost_reply_bills_once(orb, client):
    send(client, event("1"))
    assert orb.exchanges[0].fault == "lost-reply"
    orb.assert_billed("acme", "api_calls", 1)

@pytest.mark.meterbox(faults=["delay", {"kind": "status", "status": 503, "skip": 1}])
def test_several(orb):
    assert [fault["kind"] for fault in orb.faults] == ["delay", "status"]

@pytest.mark.meterbox(faults="lost-replies", seed=7)
def test_a_preset_takes_the_seed(orb):
    assert [fault["seed"] // 1000 for fault in orb.faults] == [7] * len(orb.faults) != []
"""
    ).assert_outcomes(passed=3)


def test_settings_go_to_the_vendor_whose_rule_it_is(run: Run) -> None:
    run(
        """
pytestmark = pytest.mark.meterbox(
    settings={"orb.ingest.grace-period": "24h", "kana.event.success": "200"})

def test_it(orb, kana):
    assert orb.settings["orb.ingest.grace-period"] == "1d"
    assert kana.settings["kana.event.success"] == "200"

@pytest.mark.meterbox(settings={"orb.ingest.grace-period": "48h"})
def test_the_nearest_wins(orb):
    assert orb.settings["orb.ingest.grace-period"] == "2d"
"""
    ).assert_outcomes(passed=2)


def test_a_seed_gives_the_same_identifiers_each_time(run: Run) -> None:
    """And an account as good as new, also on a server that knows it."""
    tests = """
@pytest.mark.meterbox(seed=7)
def test_it(orb, client):
    assert len(orb.exchanges) == 1
    assert orb.events == []
    send(client, event("1"))
    orb.clock.set("2026-01-15T12:00:00Z")
    print("customer", [e for e in orb.exchanges][0].response["body"].partition('"id":')[2][:20])
    orb.assert_billed("acme", "api_calls", 1)

@pytest.mark.meterbox(seed=8)
def test_another(orb, client):
    print("customer", orb.exchanges[0].response["body"].partition('"id":')[2][:20])
"""
    told = []
    for _ in range(2):
        done = run(tests, "-s")
        done.assert_outcomes(passed=2)
        told.append([line for line in done.outlines if "customer" in line])
    assert told[0] == told[1]
    assert len(set(told[0])) == 2


def test_profile(run: Run) -> None:
    run(
        """
@pytest.mark.meterbox(profile="contract", violations="ignore")
def test_it(orb, client):
    send(client, event("1", "90h"))
    assert orb.profile == "contract"
    orb.assert_billed("acme", "api_calls", 0)
"""
    ).assert_outcomes(passed=1)


def test_only_some_vendors(run: Run) -> None:
    run(
        """
@pytest.mark.meterbox(clock="2026-01-15T12:00:00Z", only="orb")
def test_it(orb, kana):
    assert orb.clock.now.year == 2026 and orb.clock.now.month == 1
    assert kana.clock.now != orb.clock.now
"""
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("fualts='delay'", "has no argument 'fualts'. Did you mean 'faults'?"),
        ("'delay'", "takes arguments by name only, not 'delay': meterbox(clock=..., *"),
        ("seed='7'", "seed='7' is not a whole number."),
        ("seed=True", "seed=True is not a whole number."),
        ("profile='contrct'", "profile='contrct' is not *Did you mean 'contract'?"),
        ("violations='warn'", "violations='warn' is not 'fail' or 'ignore'.*"),
        ("settings=['orb']", "settings=*'orb'* is not switches by rule."),
        ("only='orbb'", "only='orbb': there is no such vendor. Did you mean 'orb'?"),
        ("clock=7", "clock=7 is not a time to stand still at, or one act of the clock."),
    ],
)
def test_a_marker_that_cannot_be_meant_so_stops_the_run(
    run: Run, arguments: str, told: str
) -> None:
    done = run(f"\n@pytest.mark.meterbox({arguments})\ndef test_it(): ...\n")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    line = f"*ERROR: *::test_it: @pytest.mark.meterbox {told}"
    text = [*done.outlines, *done.errlines]
    pytest.LineMatcher(text).fnmatch_lines([line])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("faults='lost-replay'", "*kind: 'lost-replay' is not one of *lost-reply*"),
        ("settings={'orb.ingest.grace-perod': '1h'}", "*Did you mean 'orb.ingest.grace-period'?"),
        ("settings={'orb.ingest.grace-period': 'x'}", "*a length of time such as 12h or 5m*"),
        ("allow='orb.ingest.grace-perod'", "*did you mean 'orb.ingest.grace-period'?*"),
        ("clock='noon'", "*'noon' is not a time such as 2026-01-15T12:00:00Z*"),
        ("clock={'advanse': '1h'}", "*Did you mean 'advance'?*"),
    ],
)
def test_a_value_that_cannot_be_is_told_by_the_test(run: Run, arguments: str, told: str) -> None:
    done = run(f"\n@pytest.mark.meterbox({arguments})\ndef test_it(orb): ...\n")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([f"@pytest.mark.meterbox for orb: {told}"])


def test_an_ini_file_that_cannot_be_meant_so_is_told(run: Run) -> None:
    done = run("\ndef test_it(): ...\n", ini="meterbox_violations = warn")
    text = [*done.outlines, *done.errlines]
    pytest.LineMatcher(text).fnmatch_lines(["*meterbox_violations is one of fail, ignore."])
