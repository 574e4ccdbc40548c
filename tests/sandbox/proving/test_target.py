"""A forwarder that is somebody else's: what it is told, and what the ledgers say of it."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from contracts.reader import read
from sandbox.cli.main import commands
from tests.sandbox.proving.planted import event

FORWARDER = """
import json, os, sys
from urllib.request import Request, urlopen

tries, key, code = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
url = os.environ["METERBOX_ORB_URL"] + "/v1"
assert url == os.environ["ORB_BASE_URL"]  # which Orb's own clients read
headers = {"authorization": f"Bearer {os.environ['ORB_API_KEY']}"}
headers["content-type"] = "application/json"
for line in open(os.environ["METERBOX_EVENTS"]):
    event = json.loads(line)
    usage = {
        "event_name": event["event"],
        "external_customer_id": event["userId"],
        "timestamp": event["timestamp"],
        "properties": {},
    }
    for n in range(tries):
        own = {**usage, "idempotency_key": key.format(id=event["messageId"], n=n)}
        body = json.dumps({"events": [own]}).encode()
        try:
            urlopen(Request(f"{url}/ingest", body, headers)).close()
            break
        except OSError:
            pass
sys.exit(code)
"""


@pytest.fixture
def prove(tmp_path: Path):
    """Proves the forwarder above, told how often to try, which key to send, and how to end."""
    script, events = tmp_path / "forwarder.py", tmp_path / "events.ndjson"
    script.write_text(FORWARDER)
    events.write_text("".join(json.dumps(event(n)) + "\n" for n in range(12)))

    def run(tries: int, key: str, code: int = 0, command: str | None = None):
        target = command or f"{sys.executable} {script} {tries} {key} {code}"
        arguments = ["--events", str(events), "--only", "orb", "--faults", "lost-replies"]
        bundle = str(tmp_path / "repro.json")
        more = ["--seed", "3", "--target-command", target, "--bundle", bundle, "--json"]
        result = CliRunner().invoke(commands, ["prove", *arguments, *more])
        return result, json.loads(result.stdout) if result.exit_code < 2 else None

    return run


def test_one_that_retries_with_the_same_key_is_proven(prove) -> None:
    result, told = prove(9, "{id}")
    assert (result.exit_code, told["vendors"]["orb"]["billed"]) == (0, 12)
    assert told["struck"]


def test_keys_of_its_own_are_its_own_affair(prove) -> None:
    result, told = prove(9, "mine-{id}")
    assert (result.exit_code, told["vendors"]["orb"]["billed"]) == (0, 12)


def test_one_that_makes_a_key_for_each_try_doubles(prove) -> None:
    result, told = prove(9, "{id}-{n}")
    assert result.exit_code == 1
    assert {one["what"] for one in told["mismatches"]} == {"doubled"}


def test_one_that_fails_is_told_with_its_exit_code(prove) -> None:
    result, told = prove(9, "{id}", 3)
    assert result.exit_code == 1
    assert told["mismatches"][0]["found"] == "the command, with exit code 3"


def test_one_that_cannot_be_started_is_wrong_use(prove) -> None:
    result, _ = prove(1, "{id}", command="no-such-forwarder")
    assert result.exit_code == 2 or "cannot be started" in str(result.exception)


def test_clients_variables_are_in_the_contract() -> None:
    assert read("orb").environment == {"ORB_BASE_URL": "{url}/v1", "ORB_API_KEY": "{key}"}
    assert set(read("hyperline").environment) == {"HYPERLINE_API_URL", "HYPERLINE_API_KEY"}
