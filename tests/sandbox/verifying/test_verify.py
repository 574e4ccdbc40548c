"""`meterbox verify` on real sockets: a sandbox, one that has drifted, and a mock of somebody's."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from contracts.cases import read_cases
from contracts.reader import read, vendors
from sandbox.app import Options, create_app
from sandbox.server import Running
from sandbox.verifying.guarding import LiveKey, RealVendor, allow, refuse_live_keys
from sandbox.verifying.transcript import Transcript
from tests.running import PROGRAM, environment
from tests.sandbox.verifying.conftest import Verify

Checks = Callable[[Result], dict[str, Any]]
LISTED = "customer-list-created-gt"
SOME = ("--only", "metric-create", "--only", LISTED, "--only", "backfill-c*")
MORE = (*SOME, "--only", "*unknown")
KEY = ("--api-key", "orb_test_1")


def test_a_sandbox_matches_in_all_of_a_vendors_cases(meterbox: Verify, server: Any) -> None:
    """Those that need its control API with them; the other vendors' are played behind nginx."""
    done = meterbox("verify", "segment", "--base-url", f"{server.url}/segment")
    assert done.exit_code == 0, done.output
    count = len(read_cases(read("segment")))
    assert f"{count} match, 0 differ, 0 are not comparable." in done.stdout


def test_each_drift_is_found_with_path_rule_and_what_it_means(
    meterbox: Verify, drifted_url: str, checks: Checks
) -> None:
    done = meterbox("verify", "orb", "--base-url", drifted_url, *MORE, "--report", "json")
    assert done.exit_code == 1, done.output
    found = checks(done)
    failed = {name for name, check in found.items() if check["verdict"] == "failed"}
    drifted = {LISTED, "metric-create", "backfill-create", "backfill-close-unknown"}
    assert drifted <= failed
    assert found["backfill-create-unknown-key"]["verdict"] == "passed"

    def of(name: str) -> dict[str, dict[str, Any]]:
        return {finding["path"]: finding for finding in found[name]["findings"]}

    assert of(LISTED)["status"]["message"] == "expected 200, got 203"
    assert of("metric-create")["status"]["message"] == "expected 201, got 400"
    assert {"$.close_time", "$.closed_at"} == set(of("backfill-create-whole"))
    assert of("backfill-close-unknown")["$.title"]["value"] == "Nothing is here."
    told = of(LISTED)["status"]
    assert told["rule"] in read("orb").rules
    assert all(told[name] for name in ("sentence", "source", "confidence", "read", "fix"))


def test_the_same_again_says_the_same(meterbox: Verify, drifted_url: str, checks: Checks) -> None:
    def found() -> dict[str, str]:
        done = meterbox("verify", "orb", "--base-url", drifted_url, *MORE, "--report", "json")
        return {name: check["verdict"] for name, check in checks(done).items()}

    assert found() == found()


def test_a_difference_means_one_thing_of_a_mock_and_another_of_the_vendor(
    meterbox: Verify, drifted_url: str
) -> None:
    """And what is assumed is told apart from what is documented."""
    rules = read("orb").rules
    only = ("--only", LISTED, "--only", "backfill-create")
    at = ("--base-url", drifted_url, *KEY, *only, "--pause", 0)
    mock = meterbox("verify", "orb", "--no-sandbox", *at).stdout
    live = meterbox("verify", "orb", "--live", *at).stdout
    assert {rule.confidence for rule in rules.values()} >= {"assumed", "documented"}
    assert "The vendor changed, or the source is wrong." in live
    assert "The vendor changed" not in mock
    assert "The target does not do as the vendor is known to." in mock


def test_elsewhere_only_what_can_be_told_is_told(
    meterbox: Verify, mock_url: str, checks: Checks
) -> None:
    """Cases share one account, on a clock that runs; no difference is made up of that."""
    at = ("--base-url", mock_url, *KEY)
    only = ("--only", "customer-[ce]*", "--only", "backfill-[cf]*", "--only", "grace*")
    for _ in range(2):  # the second time the account was used
        done = meterbox("verify", "orb", *at, *only, "--report", "json", "--max-requests", 5000)
        assert done.exit_code == 0, done.output
        found = checks(done)
        verdicts = [check["verdict"] for check in found.values()]
        assert verdicts.count("passed") > 20
        assert "failed" not in verdicts
    assert found["backfill-create-whole"]["verdict"] == "passed"  # which tells when it was made
    why = {check["detail"] for check in found.values() if check["verdict"] == "skipped"}
    assert "needs the clock turned, which only a sandbox does" in why
    assert any(reason.startswith("needs a fresh account") for reason in why)
    alone = [c["detail"] for c in found.values() if c["detail"].startswith("by its answer alone")]
    assert "by its answer alone: outcomes are behind it" in alone


def test_what_was_made_is_taken_away_and_what_cannot_be_is_told(
    meterbox: Verify, mock_url: str
) -> None:
    only = ("--only", "customer-create*", "--only", "metric-create", "--only", "ingest-*")
    at = ("--base-url", mock_url, "--api-key", "orb_test_tidy")
    done = meterbox("verify", "orb", *at, *only)
    assert done.exit_code == 0, done.output
    headers = {"authorization": "Bearer orb_test_tidy"}
    listed = httpx.get(f"{mock_url}/v1/customers", headers=headers, trust_env=False).json()
    assert listed["data"] == []
    assert re.search(r"Left at .*: \d+ × events", done.stderr)


def test_no_case_is_begun_that_the_most_requests_would_cut_short(
    meterbox: Verify, mock_url: str, checks: Checks
) -> None:
    at = ("--base-url", mock_url, "--api-key", "orb_test_few")
    done = meterbox(
        "verify", "orb", *at, "--only", "customer-f*", "--max-requests", 7, "--report", "json"
    )
    assert done.exit_code == 0, done.output
    why = [check["detail"] for check in checks(done).values()]
    assert "was not played: 7 requests are the most" in why


@pytest.mark.parametrize("vendor", ["orb", "kana", "hyperline"])
def test_a_vendor_itself_is_asked_only_when_that_is_said(meterbox: Verify, vendor: str) -> None:
    """Whichever vendor's host it is."""
    for host in read(vendor).hosts:
        done = meterbox("verify", "orb", "--base-url", f"https://{host.upper()}.", *KEY)
        assert done.exit_code == 2
        assert f"{host} is {read(vendor).title} itself. Say --live if that is meant" in done.stderr
    assert allow([f"https://{read(vendor).hosts[0]}"], live=True)
    assert not allow(["https://mock.example"], live=False)
    with pytest.raises(RealVendor):
        allow(["http://127.0.0.1:1", f"http://{read(vendor).hosts[-1]}:8080"], live=False)


def test_live_keys_are_refused_and_a_guess_can_be_overruled() -> None:
    kana, orb, guess = read("kana"), read("orb"), "k9" * 20
    with pytest.raises(LiveKey, match="looks like a live key of Kana") as refused:
        refuse_live_keys(kana, "prv_live_0123456789abcdef", sure=True)
    assert "0123456789" not in str(refused.value)
    with pytest.raises(LiveKey, match=r"assumed.*--test-key"):
        refuse_live_keys(orb, guess, sure=False)
    refuse_live_keys(orb, guess, sure=True)
    refuse_live_keys(kana, "prv_test_0123456789abcdef", sure=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--base-url", "nowhere"], "is not an address such as http://127.0.0.1:4020"),
        (["--base-url", "http://127.0.0.1:none"], "is not an address such as"),
        (["--base-url", "http://[::1"], "is not an address such as"),
        (["--base-url", "http://u:s3cret@x?y=1"], "'http://x?y=1' is not an address such as"),
        (["--base-url", "/v1=http://u:s3cret@x"], "'/v1=http://x' is not also an address"),
        (["--base-url", "/v1=http://127.0.0.1:1"], "also an address for all other paths"),
        (["--base-url", "http://127.0.0.1:1"], "a key of a test account"),
        (["--base-url", "http://127.0.0.1:1", *KEY, "--only", "ingest-one"], "No answer from"),
        (["--base-url", "http://127.0.0.1:1", "--sandbox"], "where a sandbox answers"),
        (["--base-url", "http://127.0.0.1:1", "--only", "pong"], "is not a case or a rule of Orb"),
        ([], "Say what is asked: --base-url URL, or --against FILE."),
        (["--against", "gone.ndjson"], "gone.ndjson: No such file or directory"),
    ],
)
def test_wrong_use_is_told_in_a_line(meterbox: Verify, arguments: list[str], said: str) -> None:
    done = meterbox("verify", "orb", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr


def test_a_sandbox_whose_control_api_is_closed_says_how_to_open_it(
    meterbox: Verify, guarded_url: str
) -> None:
    at = ("--base-url", guarded_url, "--only", "ingest-one")
    done = meterbox("verify", "orb", *at)
    assert done.exit_code == 2
    assert "--token" in done.stderr
    assert "--no-sandbox" in done.stderr
    assert meterbox("verify", "orb", *at, "--token", "t0ken").exit_code == 0


def test_a_sandbox_that_is_set_up_otherwise_is_told(meterbox: Verify) -> None:
    settings = {"orb.ingest.grace-period": "36h"}
    with Running(create_app(Options(vendors=["orb"], settings=settings))) as running:
        at = ("--base-url", f"{running.url}/orb")
        done = meterbox("verify", "orb", *at, "--only", "grace-*")
    assert done.exit_code == 1
    assert "set up otherwise: orb.ingest.grace-period = 1d12h. Cases may differ" in done.stderr


def test_nothing_compared_is_no_success(meterbox: Verify, mock_url: str) -> None:
    done = meterbox("verify", "orb", "--base-url", mock_url, *KEY, "--only", "grace-period-*")
    assert done.exit_code == 2
    assert "No case could be compared" in done.stderr


def test_an_interrupt_leaves_a_report_and_a_transcript_that_can_be_read(
    mock_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "t.ndjson"
    at = ["--base-url", mock_url, *KEY, "--transcript", str(file), "--pause", "0.05"]
    command = [*PROGRAM, "verify", "orb", *at, "--only", "customer-fetch*"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), text=True) as process:
        until = time.monotonic() + 30
        while time.monotonic() < until and (not file.exists() or file.read_text().count("\n") < 3):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Interrupted: the other cases had no turn." in told
    assert len(Transcript.read(file, read("orb")).cases) >= 2


@pytest.mark.parametrize("vendor", vendors())
def test_what_takes_things_away_is_there_and_its_path_is_known(vendor: str) -> None:
    contract = read(vendor)
    assert contract.removals
    for name, removal in contract.removals.items():
        assert contract.endpoint(name).method != "GET"
        for way in map(contract.endpoint, removal.by):
            assert set(re.findall(r"\{(\w+)\}", way.paths[0])) == set(removal.takes)
