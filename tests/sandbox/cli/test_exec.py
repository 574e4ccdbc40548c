"""`meterbox exec`: what the command finds around it, how it ends, and what it did not notice."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import pytest

from contracts.reader import read, vendors
from sandbox.cli.main import commands
from sandbox.cli.unnoticed import Watch, report
from sandbox.proxy.egress import Refusal
from tests.forked import Forked
from tests.running import PROGRAM, environment
from tests.waiting import until

EXAMPLE = Path(__file__).parents[2] / "examples" / "python_service"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
# As small as a program can be that sends something.
CURL = """
import json, os, sys, urllib.request
def post(path, body, key=os.environ["ORB_API_KEY"]):
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    data = json.dumps(body).encode()
    asked = urllib.request.Request(os.environ["ORB_BASE_URL"] + path, data, headers)
    try:
        return urllib.request.urlopen(asked).status
    except urllib.error.HTTPError as fault:
        return fault.code
customer = {"name": "Acme", "email": "a@acme.test", "external_customer_id": "acme"}
"""
LATE = """
event = {"event_name": "x", "timestamp": "2020-01-01T00:00:00Z", "idempotency_key": "k",
         "external_customer_id": "acme", "properties": {}}
assert post("/ingest", {"events": [event]}) == 400
"""

Exec = Callable[..., int]


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exec:
    """Runs the command in this process, and its child in an empty folder; answers the exit code."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("METERBOX_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str) -> int:
        code = commands.main(["exec", *arguments], standalone_mode=False)
        assert isinstance(code, int)
        return code

    return run


def python(script: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-c", CURL + script)


# What it finds around it.


def test_the_environment_leads_each_vendors_client_here(
    execute: Exec, capfd: pytest.CaptureFixture[str]
) -> None:
    code = execute(
        "--", sys.executable, "-c", "import os, json; print(json.dumps(dict(os.environ)))"
    )
    found = json.loads(capfd.readouterr().out)
    assert code == 0
    url = found["METERBOX_URL"]
    for vendor in vendors():
        contract = read(vendor)
        at, key = found[f"METERBOX_{vendor.upper()}_URL"], found[f"METERBOX_{vendor.upper()}_KEY"]
        assert at == f"{url}/{vendor}{contract.base}"
        assert key == contract.key(contract.name(key))
        for name, text in contract.environment.items():
            assert found[name] == text.format(url=f"{url}/{vendor}", key=key)
    names = {read(v).name(found[f"METERBOX_{v.upper()}_KEY"]) for v in vendors()}
    assert len(names) == 1  # so that what a source forwards meets the accounts of the same run
    assert "127.0.0.1" in found["NO_PROXY"].split(",")
    assert "HTTPS_PROXY" not in found or found["HTTPS_PROXY"] == os.environ["HTTPS_PROXY"]


def test_a_proxy_that_was_there_before_is_no_way_to_this_machine(
    execute: Exec, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "corp.test")
    monkeypatch.delenv("NO_PROXY", raising=False)
    execute("--", "sh", "-c", "echo $NO_PROXY $no_proxy")
    direct = "corp.test,localhost,127.0.0.1,::1"
    assert capfd.readouterr().out == f"{direct} {direct}\n"


def test_with_a_proxy_the_vendors_own_hosts_lead_here(
    execute: Exec, capfd: pytest.CaptureFixture[str]
) -> None:
    script = """
import os, urllib.request
key = {"authorization": "Bearer " + os.environ["ORB_API_KEY"]}
asked = urllib.request.Request("https://api.withorb.com/v1/ping", headers=key)
print(urllib.request.urlopen(asked).read())
try:
    urllib.request.urlopen("https://example.com")
except OSError as fault:
    print(fault)
"""
    code = execute("--proxy", "--", sys.executable, "-c", script)
    out, err = capfd.readouterr()
    assert code == 0
    assert out.splitlines() == [
        """b'{"response":"pong"}'""",
        "<urlopen error Tunnel connection failed: 403 Forbidden: meterbox lets nothing leave this "
        "machine for example.com>",
    ]
    # A remark: tools ask after their updates.
    assert "proxy: another host\n    warning: at $: CONNECT example.com:443 refused: " in err


def test_a_live_key_that_nobody_noticed_is_a_failure(
    execute: Exec, capfd: pytest.CaptureFixture[str]
) -> None:
    script = """
import urllib.error, urllib.request
for _ in range(2):
    headers = {"authorization": "prv_live_12345678"}
    asked = urllib.request.Request("https://api.usekana.com/graphql", headers=headers)
    try:
        urllib.request.urlopen(asked)
    except urllib.error.HTTPError:
        pass
"""
    assert execute("--proxy", "--", sys.executable, "-c", script) == 1
    err = capfd.readouterr().err
    assert (
        "proxy: a live key\n    at $: 2 times: GET https://api.usekana.com/graphql refused" in err
    )
    assert "12345678" not in err


def test_a_live_key_is_told_however_many_other_hosts_are() -> None:
    others = [Refusal(f"meterbox: CONNECT {n}.test") for n in range(30) for _ in range(2)]
    told = report("t", Watch(), [*others, Refusal("meterbox: a live key", vendor="orb")])
    assert told.totals["failed"] == 1
    assert told.checks[0].name == "a live key"


# How it ends.


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_the_exit_code_is_the_commands(execute: Exec, script: str, code: int) -> None:
    assert execute("--", "sh", "-c", script) == code


def test_what_cannot_be_run_has_the_codes_that_shells_have(
    execute: Exec, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "script").write_text("no program")
    assert execute("--", "no-such-program") == 127
    assert execute("--", "./script") == 126
    assert capfd.readouterr().err.splitlines() == [
        "meterbox: Cannot run 'no-such-program': No such file or directory. "
        "Is it installed, and on the PATH?",
        "meterbox: Cannot run './script': Permission denied. Is it executable?",
    ]


def test_nothing_of_ours_goes_through_the_commands_output(
    execute: Exec, capfd: pytest.CaptureFixture[str]
) -> None:
    assert execute("--report", "json", *python(LATE + "print('mine')")) == 1
    out, err = capfd.readouterr()
    assert out == "mine\n"
    assert json.loads(err.partition("\nmeterbox: ")[0])["totals"]["failed"] == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "Missing argument 'COMMAND...'"),
        (["--"], "Missing argument 'COMMAND...'"),
        (["--alow", "x", "--", "touch", "ran"], "No such option '--alow'"),
        (["--allow", "orb.no", "--", "touch", "ran"], "--allow: 'orb.no' is not a rule; "),
        (["--allow-host", "a.test", "--", "touch", "ran"], "is for the proxy, and there is none"),
        (["--report", "x", "--", "touch", "ran"], "--report: 'x' is not one of human, json"),
    ],
)
def test_wrong_use_runs_nothing(
    execute: Exec, tmp_path: Path, arguments: list[str], why: str
) -> None:
    with pytest.raises(click.ClickException) as caught:
        execute(*arguments)
    assert caught.value.exit_code == 2
    assert why in caught.value.format_message()
    assert not (tmp_path / "ran").exists()


# What it did not notice.


def test_a_refusal_that_nobody_noticed_is_told_and_is_a_failure(
    execute: Exec, capfd: pytest.CaptureFixture[str]
) -> None:
    assert execute(*python(LATE)) == 1
    err = capfd.readouterr().err
    for words in (
        "Orb: POST /v1/ingest was answered 400: it was refused\n",
        '    sent      {"events": [{"event_name": "x",',
        "    answered  {",
        "    events    1 late\n",
        "    meant     if it is meant to happen, say --allow orb.ingest.grace-period\n",
        "    at $.events[0].timestamp: Event timestamp ",
        "        rule    orb.ingest.grace-period: ",
        "        source  ",
        "        fix     change $.events[0].timestamp as the rule says.",
        "Requests to Orb. 1 failed.\n",
    ):
        assert words in err


def test_a_command_that_fails_keeps_its_code_and_the_report_is_told(
    execute: Exec, capfd: pytest.CaptureFixture[str]
) -> None:
    assert execute(*python(LATE + "sys.exit(3)")) == 3
    assert "it was refused" in capfd.readouterr().err


def test_what_is_right_is_a_line(execute: Exec, capfd: pytest.CaptureFixture[str]) -> None:
    assert execute(*python("assert post('/customers', customer) == 201")) == 0
    assert capfd.readouterr().err == "meterbox: Requests to Orb. 1 passed.\n"


def test_that_nothing_came_is_told(execute: Exec, capfd: pytest.CaptureFixture[str]) -> None:
    assert execute("--", "true") == 0
    assert capfd.readouterr().err == (
        "meterbox: No request came to any vendor: does the client go where the environment says?\n"
    )


def test_a_key_that_nobody_was_given_is_watched_too(execute: Exec) -> None:
    assert execute(*python("assert post('/customers', {}, 'another') == 400")) == 1
    assert execute(*python("assert post('/customers', {}, 'bad_key') == 401")) == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--allow", "orb.ingest.grace-period"), 0),
        (("--allow", "orb.ingest.future-limit"), 1),
        (("--violations", "ignore"), 0),
    ],
)
def test_what_is_meant_is_no_failure(execute: Exec, options: tuple[str, ...], code: int) -> None:
    assert execute(*options, *python(LATE)) == code


def test_a_repeated_request_that_gets_its_reply_again_is_none(execute: Exec) -> None:
    again = 'post("/customers", customer)\n'
    assert execute(*python(again)) == 0
    assert execute(*python(again + again)) == 1  # and one that is refused is


def test_a_command_that_resets_its_account_hides_nothing(execute: Exec) -> None:
    reset = """
key, url = os.environ["ORB_API_KEY"], os.environ["METERBOX_URL"]
urllib.request.urlopen(f"{url}/_meterbox/accounts/orb/{key}/reset", b"{}")
"""
    assert execute(*python(LATE + reset)) == 1


def test_many_are_counted_and_some_told(execute: Exec, capfd: pytest.CaptureFixture[str]) -> None:
    assert execute(*python("for n in range(25):\n    post('/customers', {})")) == 1
    err = capfd.readouterr().err
    assert err.count("it was refused") == 20
    assert err.endswith("And 5 more that failed.\nRequests to Orb. 25 failed.\n")


def test_reports_are_written_in_other_forms(execute: Exec, tmp_path: Path) -> None:
    execute("--report", "junit=r.xml", "--report", "sarif=r.sarif", *python(LATE))
    assert 'failures="1"' in (tmp_path / "r.xml").read_text()
    assert "orb.ingest.grace-period" in (tmp_path / "r.sarif").read_text()


LATER = """
url, key = os.environ["METERBOX_URL"], os.environ["METERBOX_HYPERLINE_KEY"]
fault = b'{"kind": "status", "status": 429, "retry_after": 1}'
urllib.request.urlopen(f"{url}/_meterbox/accounts/hyperline/{key}/faults", fault)
"""
SOURCE = """
import base64
host, key = os.environ["SEGMENT_HOST"], os.environ["SEGMENT_WRITE_KEY"]
word = base64.b64encode(f"{key}:".encode()).decode()
body = json.dumps({"type": "track", "userId": "acme", "event": "Api Call"}).encode()
headers = {"authorization": f"Basic {word}", "content-type": "application/json"}
urllib.request.urlopen(urllib.request.Request(f"{host}/v1/track", body, headers))
"""


def test_what_a_source_takes_is_forwarded_when_that_is_asked_for(
    execute: Exec, capfd: pytest.CaptureFixture[str]
) -> None:
    """And what the vendors say to it is waited for, and counts."""
    assert execute(*python(SOURCE)) == 0
    assert "Requests to Segment. 1 passed." in capfd.readouterr().err
    assert execute("--forward", *python(LATER + SOURCE)) == 1
    err = capfd.readouterr().err
    assert "Hyperline: POST /v1/events was answered 400: it was refused" in err
    assert "Requests to Amberflo, Hyperline, Kana, Orb, Segment. 2 failed, 4 passed." in err


def test_the_file_says_how_accounts_are_set_up(execute: Exec, tmp_path: Path) -> None:
    settings = '[sandbox.settings]\n"orb.ingest.grace-period" = "87600h"\n'
    (tmp_path / "meterbox.toml").write_text(settings + "[server]\nport = 1\n")
    assert execute(*python(LATE.replace("400", "200"))) == 0


def test_accounts_are_kept_and_brought_along(
    execute: Exec, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Under another key: the file holds none. What was refused then is not told again."""
    made = "post('/customers', customer); post('/customers', {})"
    assert execute("--export", "orb=orb.json", *python(made)) == 1
    file = json.loads((tmp_path / "orb.json").read_text())
    assert (file["vendor"], len(file["history"])) == ("orb", 2)
    capfd.readouterr()
    found = """
url = os.environ["ORB_BASE_URL"] + "/customers/external_customer_id/acme"
key = {"authorization": "Bearer " + os.environ["ORB_API_KEY"]}
print(json.load(urllib.request.urlopen(urllib.request.Request(url, headers=key)))["name"])
"""
    assert execute("--import", "orb.json", *python(found)) == 0
    assert capfd.readouterr() == ("Acme\n", "meterbox: Requests to Orb. 1 passed.\n")
    shutil.copy(tmp_path / "orb.json", tmp_path / "other.json")
    why = "--import: 'other.json' is not the only account of Orb: orb.json is one."
    with pytest.raises(click.ClickException, match=re.escape(why)):
        execute("--import", "orb.json", "--import", "other.json", "--", "touch", "ran")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--export", "orb"], "--export: 'orb' is not a vendor and a file"),
        (["--export", "orbe=x"], "No contract for 'orbe'. Did you mean 'orb'?"),
        (["--export", "orb=no/x"], "is not a file in a folder that there is"),
        (["--import", "no"], "'no': No such file or directory"),
        (["--import", "bad.json"], "bad.json is no snapshot of an account: "),
    ],
)
def test_what_cannot_be_kept_or_brought_along_is_told_before_anything_runs(
    execute: Exec, tmp_path: Path, options: list[str], why: str
) -> None:
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(click.ClickException, match=re.escape(why)) as caught:
        execute(*options, "--", "touch", "ran")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "ran").exists()


def test_an_account_that_cannot_be_kept_fails_the_run(
    execute: Exec, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    assert execute("--export", "orb=folder", "--", "true") == 1
    assert "meterbox: --export folder: " in capfd.readouterr().err
    assert execute("--export", "orb=folder", "--", "sh", "-c", "exit 3") == 3


# An example project, with clients as they are.


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return tmp_path


def test_an_example_project_is_well(
    example: Path, execute: Exec, capfd: pytest.CaptureFixture[str]
) -> None:
    assert execute("--", *PYTEST) == 0
    out, err = capfd.readouterr()
    assert "1 passed" in out
    assert err.startswith("meterbox: Requests to Orb, Segment. ")


def test_a_test_of_it_that_fails_is_the_runs_end(example: Path, execute: Exec) -> None:
    (example / "test_metered.py").write_text("def test_wrong():\n    assert 1 == 2\n")
    assert execute("--", *PYTEST) == 1


UNNOTICED = """
from datetime import UTC, datetime, timedelta
from metered import Usage

def test_old_calls_do_no_harm():
    usage = Usage()
    usage.sign_up("acme", "Acme", "billing@acme.test")
    usage.record("acme", "c-1", datetime.now(UTC) - timedelta(days=30))
    usage.close()

def test_of_the_plugins_accounts_tests_know_themselves(orb):
    import httpx
    headers = {"authorization": f"Bearer {orb.api_key}"}
    httpx.post(f"{orb.base_url}/ingest", json={}, headers=headers)
    assert orb.exchanges[-1].status == 400
"""


def test_usage_that_it_lost_without_a_word_fails_the_run(
    example: Path, execute: Exec, capfd: pytest.CaptureFixture[str]
) -> None:
    """All of its tests pass. What a test of the plugin's has looked at is not told again."""
    (example / "test_metered.py").write_text(UNNOTICED)
    assert execute("--", *PYTEST, "-p", "sandbox.pytest_plugin") == 1
    out, err = capfd.readouterr()
    assert "2 passed" in out
    assert err.count("it was refused") == 1
    assert "rule    orb.ingest.grace-period: " in err
    assert "1 of accounts that tests judge themselves. 1 failed, " in err


# Signals.


@pytest.mark.parametrize(
    ("name", "before", "code"),
    [
        ("INT", "", 130),
        ("INT", "trap 'exit 2' INT;", 130),
        ("TERM", "", 143),
        ("TERM", "trap 'exit 9' TERM;", 9),
        ("HUP", "trap 'exit 8' HUP;", 8),
    ],
    ids=["interrupted", "interrupted and told", "terminated", "terminated and told", "hung up"],
)
def test_a_signal_reaches_the_command_and_all_it_started(
    execute: Exec, tmp_path: Path, name: str, before: str, code: int
) -> None:
    """Its child is the one that signals us, once its other children are what they are to be: a
    shell that has just been forked may still have the trap, and lose a signal with it."""
    begun = "grep -q ^sleep /proc/$one/cmdline && grep -q ^sleep /proc/$two/cmdline"
    signals = f"(until {begun}; do sleep 0.02; done; kill -{name} $PPID) & wait"
    from_below = f"{before} sleep 301 & one=$!; sleep 300 & two=$!; echo $one $two > others; "
    from_below += signals
    handler = signal.getsignal(signal.SIGTERM)
    started = time.monotonic()
    assert execute("--", "sh", "-c", from_below) == code
    assert time.monotonic() - started < 120
    assert signal.getsignal(signal.SIGTERM) is handler
    others = [int(pid) for pid in (tmp_path / "others").read_text().split()]
    assert len(others) == 2
    for other in others:
        if name == "INT":  # which sh keeps from what it started in the background
            os.kill(other, signal.SIGTERM)
        until(partial(gone, other))


def test_a_signal_that_we_were_told_not_to_heed_is_not_heeded(execute: Exec) -> None:
    """As `nohup` tells us, and a shell those that it runs in the background."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert execute("--", "sh", "-c", "kill -HUP $PPID; kill -HUP $$; exit 5") == 5
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def gone(pid: int) -> bool:
    """Whether it has ended, though nobody may have asked after it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def appeared(file: Path, *, full: bool = True) -> str:
    until(lambda: file.exists() and (file.read_text() or not full))
    return file.read_text()


def test_an_interrupted_run_of_tests_is_told_from_others(example: Path) -> None:
    """pytest itself would end with 2."""
    slow = "import pathlib, time\ndef test_slow():\n    pathlib.Path('ready').touch()\n"
    (example / "test_metered.py").write_text(f"{slow}    time.sleep(300)\n")
    command = [*PROGRAM, "exec", "--", *PYTEST]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=example, env=environment(), stdout=pipe, start_new_session=True
    ) as process:
        appeared(example / "ready", full=False)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stdout is not None
        assert b"KeyboardInterrupt" in process.stdout.read()


def test_a_signal_after_the_command_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deliveries are waited for, which is when it comes. The key of the proxy's authority goes."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "meterbox.toml").write_text("[forwarding]\nbackoff_scale = 1\n")
    script = CURL + LATER.replace('"retry_after": 1', '"retry_after": 3600') + SOURCE
    script += "import pathlib; pathlib.Path('ran').touch()"
    words = ("exec", "--proxy", "--forward", "--", sys.executable, "-c", script)
    env = environment(TMPDIR=str(tmp_path / "kept"))
    with Forked(*words, cwd=tmp_path, env=env) as process:

        def ended() -> bool:
            process.send_signal(signal.SIGTERM)
            return process.poll() is not None

        appeared(tmp_path / "ran", full=False)
        assert list((tmp_path / "kept").iterdir()) != []
        until(ended)
        assert process.wait() == 143
    assert list((tmp_path / "kept").iterdir()) == []


COUNTING = """
import pathlib, signal, sys, time
count = 0
def more(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, more)
pathlib.Path("ready").touch()
until = time.monotonic() + 25
while not count and time.monotonic() < until:
    time.sleep(0.02)
time.sleep(0.3)
pathlib.Path("count").write_text(str(count))
"""


def test_what_a_terminal_sends_to_all_before_it_comes_once(tmp_path: Path) -> None:
    command = [*PROGRAM, "exec", "--", sys.executable, "-c", COUNTING]
    env = environment()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(command[0], command, env)
    try:
        appeared(tmp_path / "ready", full=False)
        os.write(terminal, b"\x03")
        assert appeared(tmp_path / "count") == "1"
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    finally:
        os.close(terminal)
