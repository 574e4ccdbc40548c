"""An exchange whole: what is wrong where, its bodies as files, and what is copied of it works."""

from __future__ import annotations

import html
import json
import re
import subprocess
from typing import Any

import httpx
import pytest

from contracts.cases import Case
from contracts.reader import read
from sandbox.app import create_app
from sandbox.auth import redacted
from sandbox.verifying.indoors import Indoors, Room
from sandbox.verifying.playing import Player
from tests.sandbox.page.traffic import HOSTILE, KEY, PLAIN, SECRET, Traffic, event

PAGE = "/_meterbox/page/exchanges/"
FEWER = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:hypothesispytest")


def shown(traffic: Traffic, name: str, more: str = "", status: int = 200) -> str:
    answer = httpx.get(traffic.url + PAGE + traffic.ids[name] + more, **PLAIN)
    assert answer.status_code == status
    return answer.text


def copied(traffic: Traffic, name: str, kind: str) -> str:
    found = re.search(rf'<pre id="copy-{kind}"[^>]*>(.*?)</pre>', shown(traffic, name), re.S)
    assert found is not None
    return html.unescape(found[1])


def test_a_finding_tells_its_rule_its_source_and_what_to_do(traffic: Traffic) -> None:
    told, rule = shown(traffic, "refused"), read("orb").rules["orb.ingest.structure"]
    assert html.escape(rule.sentence) in told
    assert f"read {rule.read}" in told
    assert f'class="tag c-{rule.confidence}"' in told
    assert "write &#39;event_name&#39; in the place of &#39;event_nmae&#39;" in told
    assert 'href="/?rule=orb.ingest.structure"' in told


def test_the_fate_of_each_event_is_told(traffic: Traffic) -> None:
    told = shown(traffic, "duplicate")
    assert told.count("</svg>duplicate") == 3
    assert told.count("</svg>accepted") == 1
    assert "4 events, 3 duplicate" in told


def test_no_secret_is_shown(traffic: Traffic) -> None:
    for name in ("accepted", "segment", "not billed"):
        told = shown(traffic, name)
        assert KEY not in told
        assert "page-amberflo" not in told
        assert "cGFnZS1rZXk6" not in told
    assert redacted(KEY) in shown(traffic, "accepted")
    assert SECRET not in shown(traffic, "in body") + shown(traffic, "in body", "/request.txt")


@pytest.mark.parametrize("side", ["request", "response"])
def test_a_body_is_a_file_that_no_browser_runs(traffic: Traffic, side: str) -> None:
    at = f"{traffic.url}{PAGE}{traffic.ids['hostile']}/{side}.txt"
    answer = httpx.get(at, **PLAIN)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    if side == "request":
        sent = [one["idempotency_key"] for one in json.loads(answer.text)["events"]]
        assert tuple(sent) == HOSTILE


def test_a_large_body_is_cut_on_the_page_and_whole_in_its_file(traffic: Traffic) -> None:
    told = shown(traffic, "large")
    assert len(told) < 200_000
    assert "more characters" in told
    whole = json.loads(shown(traffic, "large", "/request.txt"))
    assert len(whole["events"][0]["properties"]["text"]) == 1_000_000


def test_one_that_never_was_is_told_so(traffic: Traffic) -> None:
    for path in ("orb-none-1", "nobody", traffic.ids["fault"][:-1] + "999"):
        answer = httpx.get(traffic.url + PAGE + path, **PLAIN)
        assert answer.status_code == 404
        assert "No exchange" in answer.text
    shown(traffic, "fault", "/headers.txt", 404)


@pytest.mark.parametrize(
    "name", ["customer", "refused", "not billed", "segment", "in body", "stranger"]
)
def test_a_copied_command_does_it_again(traffic: Traffic, name: str) -> None:
    command = copied(traffic, name, "curl")
    keys = {"not billed": "page-amberflo", "segment": "page-key", "in body": SECRET}
    env = {"API_KEY": keys.get(name, KEY), "PATH": "/usr/bin:/bin", "NO_PROXY": "*"}
    silent = f'{command} -s -o /dev/null -w "%{{http_code}}"'
    done = subprocess.run(["sh", "-c", silent], env=env, capture_output=True, text=True, timeout=20)
    before = httpx.get(f"{traffic.url}/_meterbox/exchanges/{traffic.ids[name]}", **PLAIN)
    # A second customer of the same id is refused, and all else is as it was.
    wanted = 400 if name == "customer" else before.json()["status"]
    assert done.stdout == str(wanted), done.stderr + command
    assert env["API_KEY"] not in command


def test_what_is_hostile_is_quoted_for_the_shell(traffic: Traffic) -> None:
    odd = "'; touch owned; $(touch owned) `touch owned` \\ \" $API_KEY"
    traffic.ingest("quoted", event(odd))
    command = copied(traffic, "quoted", "curl").replace("curl ", "printf '%s\\n' ", 1)
    env = {"API_KEY": "the-key", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-c", command], env=env, capture_output=True, text=True, timeout=20
    )
    body = json.loads(done.stdout.splitlines()[-1])
    assert body["events"][0]["idempotency_key"] == odd.replace("$API_KEY", "the-key")


@pytest.mark.parametrize("name", ["refused", "hostile", "in body", "wrong key"])
def test_a_copied_test_passes(
    traffic: Traffic, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("METERBOX_URL", traffic.url)
    monkeypatch.delenv("CI", raising=False)
    text = copied(traffic, name, "pytest")
    # What comes before is not part of it: for events, a customer.
    text = text.replace("    answer = ", f"{CUSTOMER}    answer = ", 1) if "(orb)" in text else text
    pytester.makepyfile(text)
    done = pytester.runpytest_inprocess(*FEWER, "-p", "no:randomly")
    done.assert_outcomes(passed=1)


CUSTOMER = """    httpx.post(
        f"{orb.url}/v1/customers",
        headers={"authorization": f"Bearer {orb.api_key}"},
        json={"name": "A", "email": "a@b.test", "external_customer_id": "acme"},
    )
"""


@pytest.mark.parametrize("name", ["refused", "answered"])
def test_a_copied_case_holds(traffic: Traffic, name: str) -> None:
    document: dict[str, Any] = json.loads(copied(traffic, name, "case"))
    case = Case("copied", **{**document, "rules": tuple(document["rules"])})
    if name == "answered":  # customers that are not there again
        assert case.response["json"]["data"]
        return
    with Indoors.opened(create_app()) as indoors:
        room = Room(indoors, read("orb"), "somebody-else", "run")
        assert list(map(str, Player(read("orb")).play(case, room))) == []
