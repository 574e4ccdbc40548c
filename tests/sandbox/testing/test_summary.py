"""What a run of tests comes to: reports in files, and how much was exercised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.testing.summary import merged
from tests.sandbox.testing.conftest import Run

# Without the vendor's client, which every worker would import.
PLAIN = """
import json
import urllib.error
import urllib.request
from datetime import datetime, UTC
import pytest

def send(orb, path, **body):
    headers = {"authorization": f"Bearer {orb.api_key}", "content-type": "application/json"}
    asked = urllib.request.Request(orb.base_url + path, json.dumps(body).encode(), headers)
    urllib.request.urlopen(asked).close()

def ingest(orb, key, **more):
    event = {"event_name": "api_calls", "timestamp": datetime.now(UTC).isoformat(), **more}
    customer = {"external_customer_id": "acme", "properties": {}}
    send(orb, "/ingest", events=[{**event, **customer, "idempotency_key": key}])

@pytest.fixture
def acme(orb):
    send(orb, "/customers", name="A", email="a@b.test", external_customer_id="acme")
"""
MIXED = """
def test_right(orb, acme):
    ingest(orb, "1")

def test_wrong(orb, acme):
    with pytest.raises(urllib.error.HTTPError) as caught:
        ingest(orb, "2", colour="red")
    caught.value.close()

def test_without_vendors():
    pass

@pytest.mark.skip
def test_left_out(orb):
    pass
"""


@pytest.fixture
def run(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # nor other plugins

    def ran(tests: str, *options: str) -> pytest.RunResult:
        return run(PLAIN + tests, "-p", "xdist", "-p", "sandbox.pytest_plugin", *options, shared="")

    return ran


def report(run: Run, file: Path, *more: str) -> tuple[pytest.RunResult, Any]:
    done = run(MIXED, f"--meterbox-report=json={file}", *more)
    return done, json.loads(file.read_text())


@pytest.mark.parametrize("spread", [(), ("-n", "2")], ids=["one process", "workers"])
def test_a_run_is_reported(run: Run, tmp_path: Path, spread: tuple[str, ...]) -> None:
    done, told = report(run, tmp_path / "report.json", *spread)
    done.assert_outcomes(passed=2, failed=1, skipped=1)
    assert told["subject"] == "2 tests asked vendors."
    assert told["totals"] == {"passed": 1, "failed": 1, "skipped": 0}
    checks = {check["name"].rpartition("::")[2]: check for check in told["checks"]}
    assert checks["test_right"]["findings"] == []
    assert "was answered 400: it was refused" in checks["test_wrong"]["detail"]
    (finding,) = checks["test_wrong"]["findings"]
    assert (finding["rule"], finding["path"]) == ("orb.ingest.structure", "$.events[0].colour")
    assert finding["fix"] == "leave $.events[0].colour out."
    covered = {one["kind"]: one for one in told["coverage"]}
    assert covered["endpoints"]["exercised"] == ["ingest", "create-customer"]
    assert "orb.ingest.structure" in covered["rules"]["exercised"]


def test_a_test_whose_worker_crashed_has_not_passed(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    crashing = "import os\n\ndef test_it(orb):\n    os._exit(3)\n"
    run(crashing, "-n", "1", f"--meterbox-report=json={file}")
    (check,) = json.loads(file.read_text())["checks"]
    assert check["verdict"] == "failed"
    assert "crashed while running" in check["detail"]


AGAIN = """
import pytest

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    made = yield
    if call.when == "call" and call.excinfo is not None:
        made.outcome = "rerun"
    return made

def pytest_report_teststatus(report):
    if report.outcome == "rerun":
        return "rerun", "R", "RERUN"
"""


def test_the_words_of_other_plugins_are_no_verdict(
    run: Run, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    pytester.makeconftest(AGAIN)
    failing = "def test_it(orb):\n    assert False\n"
    done = run(failing, f"--meterbox-report=json={file}")
    assert "INTERNALERROR" not in done.stdout.str()
    assert json.loads(file.read_text())["totals"]["failed"] == 0


def test_too_little_exercised_fails_a_run_that_passed(run: Run) -> None:
    passing = "def test_it(orb, acme):\n    ingest(orb, '1')\n"
    done = run(passing, "--meterbox-fail-under=endpoints=90")
    done.assert_outcomes(passed=1)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["meterbox: endpoints: 6.5 % exercised, under the 90 % wanted."])
    assert run(passing, "--meterbox-fail-under=endpoints=5").ret == pytest.ExitCode.OK


def test_every_form_is_written(run: Run, tmp_path: Path) -> None:
    forms = {"junit": "x.xml", "sarif": "x.sarif", "html": "x.html"}
    run(MIXED, *(f"--meterbox-report={form}={tmp_path / name}" for form, name in forms.items()))
    assert all("orb.ingest.structure" in (tmp_path / name).read_text() for name in forms.values())


@pytest.mark.parametrize(
    "option", ["--meterbox-report=jsno", "--meterbox-report=json=/no/x", "--meterbox-fail-under=x"]
)
def test_what_cannot_be_written_or_wanted_is_told_first(run: Run, option: str) -> None:
    done = run(MIXED, option)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "meterbox" in done.stderr.str()


def test_several_workers_and_vendors_are_one() -> None:
    def told(*names: str) -> list[dict[str, Any]]:
        missing = [name for name in ("a", "b", "c") if name not in names]
        return [{"kind": "endpoints", "exercised": list(names), "missing": missing}]

    (one,) = merged([{"orb": told("a")}, {"orb": told("c")}, {}])
    assert (sorted(one.known), sorted(one.exercised)) == (["a", "b", "c"], ["a", "c"])
    (two,) = merged([{"orb": told("a"), "kana": told("b")}])
    assert len(two.known) == 6
    assert sorted(two.exercised) == ["Kana: b", "Orb: a"]
