"""Transcripts: no secret is in them, and what was answered can be judged again."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from contracts.cases import NOW
from contracts.reader import read
from sandbox.server import Running
from sandbox.verifying.asking import Answer, Asked
from sandbox.verifying.recorded import Recorded
from sandbox.verifying.target import NotComparable, Target
from sandbox.verifying.transcript import NoTranscript, Recording, Transcript, Writer, veil_over
from tests.sandbox.verifying.conftest import Verify

KEY = "orb_test_Zq7vB2xN8kLp"
ONLY = ("--only", "customer-create*", "--only", "backfill-c*", "--only", "webhook-endpoint*")


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def spellings(key: str) -> list[str]:
    """The key as it might be written, and as Basic authorization has it."""
    packed = [base64.b64encode(text.encode()).decode() for text in (key, f"{key}:", f":{key}")]
    return [key, *packed, *(text.rstrip("=") for text in packed)]


def test_a_transcript_is_a_line_a_case_and_holds_no_key(
    meterbox: Verify, mock_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "t.ndjson"
    at = ("--base-url", mock_url, "--api-key", KEY)
    done = meterbox("verify", "orb", *at, *ONLY, "--transcript", file)
    assert done.exit_code == 0, done.output
    head, *cases = lines(file)
    assert (head["vendor"], head["target"], head["sandbox"]) == ("orb", mock_url, False)
    asked = [entry for case in cases for entry in case.get("entries", ())]
    assert len(asked) > 20
    assert all("T" in e["now"] and e["milliseconds"] > 0 and e["answered"]["status"] for e in asked)
    told = file.read_text() + done.output
    assert [text for text in spellings(KEY) if text in told] == []
    assert "Bearer o…(" in told  # what is left of it


@pytest.mark.parametrize("vendor", ["kana", "segment", "hyperline"])
def test_no_form_of_a_key_is_in_a_transcript(vendor: str) -> None:
    """Whichever header it is sent in, and wherever an answer repeats it."""
    contract = read(vendor)
    key = contract.key("Zq7vB2xN8kLpTTT")
    veil = veil_over(contract, key)
    own = [e.auth.template.format(name=contract.name(key)) for e in contract.endpoints if e.auth]
    for secret in (key, *own):
        for text in spellings(secret)[:3]:
            body = json.dumps({"message": f"no such key {text}", "writeKey": text}).encode()
            headers = {"Authorization": f"Basic {text}", "X-Other": text}
            recording = Recording(_Echo(body), veil)
            recording.ask(Asked("POST", f"/v1/{text}", {"k": text}, headers, body), 200)
            recording.act("dashboard", {"name": "x", "json": {"key": text}})
            assert text not in json.dumps(recording.entries)


class _Echo:
    """Answers with what it is told to."""

    key, run, sandbox = "key", "run", True

    def __init__(self, body: bytes) -> None:
        self._body = body

    now = machine = staticmethod(lambda: read_at())

    def ask(self, request: Asked, expected: int | None) -> Answer:
        return Answer(200, {"x-echo": request.headers["X-Other"]}, self._body)

    def act(self, name: str, given: Any) -> Any:
        return given


def read_at() -> Any:
    from contracts.cases import NOW

    return NOW


def test_a_packed_body_is_not_written_down() -> None:
    target: Target = _Echo(b"\x1f\x8b\xff")
    recording = Recording(target, veil_over(read("segment"), "write_key_1"))
    recording.ask(Asked("POST", "/", None, {"X-Other": ""}, b"\x1f\x8b\xff\x00"), None)
    (entry,) = recording.entries
    assert entry["asked"]["body"] == "…(4 bytes that are no text)"
    assert entry["answered"]["body"] == "…(3 bytes that are no text)"


def test_what_was_recorded_is_judged_as_it_was_then(
    meterbox: Verify, orb_url: str, drifted_url: str, tmp_path: Path
) -> None:
    """Also what only a sandbox does, and what differed."""
    for url, code in ((orb_url, 0), (drifted_url, 1)):
        file, report = tmp_path / "t.ndjson", tmp_path / "r.json"
        asked = ("verify", "orb", "--base-url", url, *ONLY, "--transcript", file)
        assert meterbox(*asked, "--report", f"json={report}").exit_code == code
        then = _verdicts(report)
        again = meterbox("verify", "orb", "--against", file, *ONLY, "--report", f"json={report}")
        assert again.exit_code == code, again.output
        assert _verdicts(report) == then


def _verdicts(report: Path) -> dict[str, tuple[str, int]]:
    checks = json.loads(report.read_text())["checks"]
    return {check["name"]: (check["verdict"], len(check["findings"])) for check in checks}


def test_a_case_that_is_another_by_now_is_not_comparable(
    meterbox: Verify, orb_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "t.ndjson"
    only = ("--only", "customer-create", "--only", "metric-create", "--only", "customer-fetch")
    asked = ("verify", "orb", "--base-url", orb_url, *only, "--transcript", file)
    assert meterbox(*asked).exit_code == 0
    text = file.read_text().replace('"path": "/v1/customers"', '"path": "/v1/clients"')
    file.write_text(text)
    again = meterbox("verify", "orb", "--against", file, *only, "--only", "customer-currency")
    assert "1 match, 0 differ, 3 are not comparable" in again.stdout
    assert "2 not comparable: is another case than the one that was recorded" in again.stdout
    assert "1 not comparable: was not recorded" in again.stdout


@pytest.mark.parametrize(
    ("was", "now"),
    [('\\"name\\":', '\\"nmae\\":'), ('"query": ""', '"query": "limit=1"')],
)
def test_another_body_or_query_than_was_asked_is_not_comparable(
    meterbox: Verify, orb_url: str, tmp_path: Path, was: str, now: str
) -> None:
    file, only = tmp_path / "t.ndjson", ("--only", "metric-create", "--only", "customer-create")
    asked = ("verify", "orb", "--base-url", orb_url, *only, "--transcript", file)
    assert meterbox(*asked).exit_code == 0
    assert was in file.read_text()
    file.write_text(file.read_text().replace(was, now))
    again = meterbox("verify", "orb", "--against", file, *only)
    assert "0 match, 0 differ, 2 are not comparable" in again.stdout


def test_what_has_a_key_left_out_is_asked_again(
    meterbox: Verify, server: Running, tmp_path: Path
) -> None:
    """In header, path and body: all of a vendor's cases are judged as they were then."""
    file = tmp_path / "t.ndjson"
    asked = ("verify", "segment", "--base-url", f"{server.url}/segment")
    done = meterbox(*asked, "--transcript", file)
    again = meterbox("verify", "segment", "--against", file)
    assert (done.exit_code, again.exit_code) == (0, 0)
    assert re.findall(r"\d+ match.*", again.stdout) == re.findall(r"\d+ match.*", done.stdout)


def test_an_answer_of_which_nothing_is_recorded_is_not_comparable() -> None:
    entry = {
        "now": NOW.isoformat(),
        "asked": {"method": "GET", "path": "/v1/ping", "query": "", "headers": {}, "body": ""},
        "answered": {"status": 200, "headers": {}, "body": "…(3 bytes that are no text)"},
    }
    line = {"run": "r", "at": NOW.isoformat(), "entries": [entry]}
    target = Recorded(line, KEY, veil_over(read("orb"), KEY), sandbox=False)
    with pytest.raises(NotComparable, match="was answered more than is recorded"):
        target.ask(Asked("GET", "/v1/ping", None, {}, None), 200)


HEAD = {
    "kind": "meterbox transcript",
    "version": 1,
    "vendor": "orb",
    "target": "http://x",
    "sandbox": False,
    "live": False,
    "at": "2026-01-15T12:00:00Z",
}


def test_whatever_an_answer_says_its_line_is_one_line(tmp_path: Path) -> None:
    """Unicode has more ends of lines than JSON lines have, and halves of characters."""
    with Writer(tmp_path / "t", read("orb"), "http://x", sandbox=False, live=False) as writer:
        for name, text in (("a", "\u2028\x85\x0c"), ("b", "\ud83d"), ("c", "c")):
            writer.write({"case": name, "verdict": "not comparable", "why": text})
    told = Transcript.read(tmp_path / "t", read("orb")).cases
    assert [told[name]["why"] for name in told] == ["\u2028\x85\x0c", "\ud83d", "c"]


def test_a_line_that_was_not_written_whole_ends_a_transcript(tmp_path: Path) -> None:
    line = json.dumps({"case": "a", "verdict": "not comparable", "why": "b"})
    (tmp_path / "t").write_text(f"{json.dumps(HEAD)}\n{line}\n{line[:20]}")
    assert [*Transcript.read(tmp_path / "t", read("orb")).cases] == ["a"]


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"case": "b"}', '{"case": "b", "verdict": "match"}']
)
def test_a_damaged_line_is_told_and_not_taken_for_the_end(tmp_path: Path, damage: str) -> None:
    line = json.dumps({"case": "a", "verdict": "not comparable", "why": "b"})
    (tmp_path / "t").write_text(f"{json.dumps(HEAD)}\n{line}\n{damage}\n{line}\n")
    with pytest.raises(NoTranscript, match="t: line 3 is damaged. Record one with"):
        Transcript.read(tmp_path / "t", read("orb"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no transcript of ours"),
        ('{"events": []}\n', "is no transcript of ours"),
        ('{"kind": "meterbox transcript", "version": 9}\n', "is of version 9, and we read 1"),
        (
            '{"kind": "meterbox transcript", "version": 1, "vendor": "kana"}\n',
            "is of kana, not of orb",
        ),
        ('{"kind": "meterbox transcript", "version": 1, "vendor": "orb"}\n', "line 1 is damaged"),
    ],
)
def test_a_file_that_is_no_transcript_is_told(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(NoTranscript, match=f"t: {why}. Record one with"):
        Transcript.read(tmp_path / "t", read("orb"))
