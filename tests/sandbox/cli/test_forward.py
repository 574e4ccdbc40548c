"""`meterbox forward` as a process: what it has taken in outlives it, and is billed once."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.reader import read
from tests.forked import PIPE, Forked
from tests.running import Up, environment, meterbox
from tests.waiting import until

NAME = "demo"


def events(count: int, first: int = 0, **more: Any) -> list[dict[str, Any]]:
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    call = {"type": "track", "event": "call", "userId": "acme", "timestamp": now, **more}
    return [{**call, "messageId": f"m-{n}"} for n in range(first, first + count)]


def write(file: Path, lines: list[Any], mode: str = "w") -> str:
    with file.open(mode) as stream:
        stream.writelines(
            f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines
        )
    return str(file)


class Vendors:
    """The vendors of a sandbox as the forwarder's account sees them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=f"{url}/_meterbox/accounts", trust_env=False)
        switch = {"amberflo.ingest.unknown-customer": "billed"}
        settings = f"{self.account('amberflo')}/settings"
        self.client.patch(settings, json=switch).raise_for_status()

    def __enter__(self) -> Vendors:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, a minute at most."""
        until(holds, seconds=60)

    def asked(self, vendor: str) -> bool:
        """Whether something has arrived at a vendor."""
        return bool(self.client.get(f"{self.account(vendor)}/exchanges").json()["exchanges"])

    def mend(self, vendor: str) -> None:
        self.client.delete(f"{self.account(vendor)}/faults").raise_for_status()

    def account(self, vendor: str) -> str:
        return f"/{vendor}/{read(vendor).key(NAME)}"

    def fault(self, vendor: str, **fault: Any) -> None:
        self.client.post(f"{self.account(vendor)}/faults", json=fault).raise_for_status()

    def billed(self, vendor: str) -> dict[str, Any]:
        told = self.client.get(f"{self.account(vendor)}/ledger").json()
        return {total["meter"]: total["quantity"] for total in told["totals"]}


@pytest.fixture
def outbox(tmp_path: Path) -> str:
    return str(tmp_path / "outbox.sqlite3")


def forward(*arguments: str, outbox: str, stdin: str | None = None) -> Any:
    env = environment()
    return meterbox("forward", *arguments, "--outbox", outbox, "--json", env=env, input=stdin)


class Forwarding:
    """A running `meterbox forward`."""

    def __init__(self, *arguments: str, outbox: str) -> None:
        command = ("forward", *arguments, "--outbox", outbox, "--json")
        self.process = Forked(*command, stdout=PIPE, stdin=PIPE, env=environment(), text=True)

    def line(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def end(self, how: int) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=60)

    def __enter__(self) -> Forwarding:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        for stream in (self.process.stdout, self.process.stdin):
            assert stream is not None
            stream.close()


def test_a_file_is_delivered_once_however_often_it_is_forwarded(
    tmp_path: Path, outbox: str
) -> None:
    file = write(tmp_path / "events.ndjson", events(300))
    with Up() as up, Vendors(up.url) as vendors:
        to = ("--to", f"orb={up.url}/orb", "--to", f"amberflo={up.url}/amberflo")
        first = forward(file, *to, outbox=outbox)
        assert first.returncode == 0, first.stderr
        told = {"orb": {"delivered": 300}, "amberflo": {"delivered": 300}}
        assert json.loads(first.stdout) == {"vendors": told, "waiting": 0, "unread": 0}
        write(tmp_path / "events.ndjson", events(5, 300), "a")
        again = json.loads(forward(file, *to, outbox=outbox).stdout)
        assert again["vendors"] == {"orb": {"delivered": 5}, "amberflo": {"delivered": 5}}
        assert (vendors.billed("amberflo"), vendors.billed("orb")) == ({"call": 305}, {})


def test_lines_that_hold_no_event_are_told_and_the_others_are_delivered(
    tmp_path: Path, outbox: str
) -> None:
    one, two = events(2)
    file = write(tmp_path / "events.ndjson", [one, "{broken", two, [1], {"type": "shout"}])
    with Up() as up:
        result = forward(file, "--to", f"amberflo={up.url}/amberflo", outbox=outbox)
    assert result.returncode == 1
    told = json.loads(result.stdout)
    assert told == {
        "vendors": {"amberflo": {"dead": 1, "delivered": 2}},
        "waiting": 0,
        "unread": 2,
    }
    first, second = result.stderr.splitlines()
    assert first.startswith(f"{file}:2: the body is not JSON")
    assert second == f"{file}:4: is no object"


@pytest.mark.parametrize(
    ("late", "told"), [("dead", {"dead": 1, "delivered": 1}), ("backfill", {"delivered": 2})]
)
def test_what_is_too_old_is_dead_or_goes_into_a_backfill(
    late: str, told: dict[str, int], tmp_path: Path, outbox: str
) -> None:
    old, young = events(2)
    old["timestamp"] = "2026-01-01T00:00:00.000Z"
    file = write(tmp_path / "events.ndjson", [old, young])
    with Up() as up:
        result = forward(file, "--to", f"orb={up.url}/orb", "--late", late, outbox=outbox)
    assert json.loads(result.stdout)["vendors"] == {"orb": told}


def test_what_is_stopped_with_ctrl_c_goes_on_where_it_was(tmp_path: Path, outbox: str) -> None:
    file = write(tmp_path / "events.ndjson", events(50))
    with Up() as up, Vendors(up.url) as vendors:
        to = ("--to", f"amberflo={up.url}/amberflo")
        vendors.fault("amberflo", kind="status", status=503, times=None)
        with Forwarding(file, *to, outbox=outbox) as forwarding:
            vendors.until(lambda: vendors.asked("amberflo"))
            assert forwarding.end(signal.SIGINT) == 130
            assert forwarding.line() == {"vendors": {}, "waiting": 50, "unread": 0}
        vendors.mend("amberflo")
        assert forward(file, *to, outbox=outbox).returncode == 0
        assert vendors.billed("amberflo") == {"call": 50}


def test_what_the_intake_has_answered_outlives_kill_9(tmp_path: Path, outbox: str) -> None:
    """Nothing is delivered before the kill, so that all of it comes from the disk."""
    key = read("segment").key("intake")
    with Up() as up, Vendors(up.url) as vendors:
        to = ("--to", f"amberflo={up.url}/amberflo")
        vendors.fault("amberflo", kind="reset", times=None)
        with Forwarding("--listen", "0", *to, outbox=outbox) as forwarding:
            source = forwarding.line()["sources"]["segment"]
            for n in range(20):
                body = {"writeKey": key, "batch": events(10, n * 10)}
                answer = vendors.client.post(f"{source}/v1/batch", json=body)
                assert answer.json() == {"success": True}
            single = {"writeKey": key, **events(1)[0]}
            assert vendors.client.post(f"{source}/v1/track", json=single).is_success
            forwarding.end(signal.SIGKILL)
        files = Path(outbox).parent.glob("outbox.sqlite3*")  # most of it is in a file beside it
        kept = b"".join(file.read_bytes() for file in files)
        assert kept.count(b'"m-199"') == 1
        assert key.encode() not in kept
        assert read("amberflo").key(NAME).encode() not in kept
        vendors.mend("amberflo")
        with Forwarding("--listen", "0", *to, outbox=outbox) as forwarding:
            forwarding.line()
            vendors.until(lambda: vendors.billed("amberflo") == {"call": 200})
            assert forwarding.end(signal.SIGTERM) == 0
            assert forwarding.line()["waiting"] == 0


def test_the_standard_input_is_gone_on_with_by_its_name(outbox: str) -> None:
    text = "".join(json.dumps(event) + "\n" for event in events(3))
    with Up() as up, Vendors(up.url) as vendors:
        to = ("--to", f"amberflo={up.url}/amberflo", "--name", "queue")
        forward("-", *to, outbox=outbox, stdin=text)
        again = json.loads(forward("-", *to, outbox=outbox, stdin=text).stdout)
        assert again["vendors"] == {}
        assert vendors.billed("amberflo") == {"call": 3}


def test_an_event_without_an_id_has_the_same_one_whenever_it_is_read(
    tmp_path: Path, outbox: str
) -> None:
    lines = [{k: v for k, v in event.items() if k != "messageId"} for event in events(2)]
    with Up() as up, Vendors(up.url) as vendors:
        to = ("--to", f"amberflo={up.url}/amberflo")
        for name in ("a", "b"):
            file = write(tmp_path / f"{name}.ndjson", lines)
            assert forward(file, *to, outbox=outbox).returncode == 0
        assert vendors.billed("amberflo") == {"call": 2}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Nothing to forward."),
        (["-"], "Nowhere to deliver to."),
        (["-", "--to", "orb"], "--to: 'orb' is not VENDOR=URL"),
        (["-", "--to", "orbb=http://127.0.0.1:1"], "orbb"),
        (["-", "--to", "orb=https://api.withorb.com"], "api_key: is needed for"),
        (["--listen", "x", "--sandbox", "http://127.0.0.1:1"], "'x' is not a port"),
        (["none.ndjson", "--sandbox", "http://127.0.0.1:1"], "No such file"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments: list[str], said: str, outbox: str) -> None:
    result = meterbox("forward", *arguments, "--outbox", outbox, env=environment(), input="")
    assert result.returncode == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_became_shorter_is_not_taken_for_the_one_it_was(
    tmp_path: Path, outbox: str
) -> None:
    lines = events(5)
    file = write(tmp_path / "events.ndjson", lines)
    with Up() as up, Vendors(up.url):
        to = ("--to", f"amberflo={up.url}/amberflo")
        forward(file, *to, outbox=outbox)
        write(tmp_path / "events.ndjson", lines[:2])
        result = forward(file, *to, outbox=outbox)
    assert result.returncode == 2
    assert "has 2 lines, and 5 of it were read before" in result.stderr
