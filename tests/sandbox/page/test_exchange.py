"""An exchange whole: what is wrong where, its bodies as files, and what is copied of it works."""

from __future__ import annotations

import html
import json
import re
import subprocess
from contextlib import closing
from http.client import HTTPConnection
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


@pytest.mark.parametrize(
    "query", ["created_at[gte]=2026-01-01T00:00:00Z", "limit=7&x={1,2}", "limit=7&x=[1-3]"]
)
def test_a_copied_command_asks_for_the_very_address(traffic: Traffic, query: str) -> None:
    """Where curl itself would take brackets for many addresses, or for none."""
    port = int(traffic.url.rpartition(":")[2])
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as client:
        client.request(
            "GET", f"/orb/v1/customers?{query}", headers={"authorization": "Bearer globs"}
        )
        answer = client.getresponse()
        traffic.ids["brackets"] = answer.headers["x-meterbox-exchange"]
    env = {"API_KEY": "globs", "PATH": "/usr/bin:/bin", "NO_PROXY": "*"}
    command = copied(traffic, "brackets", "curl")
    subprocess.run(["sh", "-c", f"{command} -s"], env=env, capture_output=True, timeout=30)
    at = f"{traffic.url}/_meterbox/accounts/orb/globs/exchanges?last=2"
    done = httpx.get(at, **PLAIN).json()["exchanges"][-2:]
    assert [one["path"] for one in done] == ["/v1/customers"] * 2
    assert done[0]["id"] == traffic.ids["brackets"]
    assert done[0]["status"] == done[1]["status"] == answer.status


def test_what_was_brought_back_is_quoted_for_the_shell_and_for_python(traffic: Traffic) -> None:
    """A snapshot is a file from anybody, and says by which method something was asked."""
    traffic.send("asked", "GET", "/orb/v1/ping", headers={"authorization": "Bearer brought-back"})
    at = f"{traffic.url}/_meterbox/accounts/orb/brought-back"
    taken = httpx.get(f"{at}/snapshot", **PLAIN).json()
    taken["history"][-1]["method"] = 'X"; touch owned #'
    httpx.post(f"{at}/snapshot", json=taken, **PLAIN).raise_for_status()
    (last,) = httpx.get(f"{at}/exchanges?last=1", **PLAIN).json()["exchanges"]
    traffic.ids["asked"] = last["id"]
    assert "-X 'X\"; touch owned #'" in copied(traffic, "asked", "curl")
    assert '"X\\"; touch owned #"' in copied(traffic, "asked", "pytest")


@pytest.mark.parametrize("depth", [200, 600, 1000])
def test_what_is_nested_deeply_is_shown_and_copied_as_text(traffic: Traffic, depth: int) -> None:
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    body = '{"a":' * depth + "[1]" + "}" * depth
    traffic.send("deep", "POST", "/orb/v1/ingest", content=body, headers=headers)
    assert "touch" not in shown(traffic, "deep")
    assert body in copied(traffic, "deep", "curl")
    compile(copied(traffic, "deep", "pytest"), "copied", "exec")  # as Python takes it
    assert json.loads(copied(traffic, "deep", "case"))["request"]["path"] == "/v1/ingest"


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
