"""`meterbox up`, as a process of its own."""

import json
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sandbox.app import Sandbox
from sandbox.cli.proxying import proxied
from sandbox.proxy.proxy import Proxy
from tests.conftest import Make
from tests.running import Up
from tests.sandbox.cli.conftest import Run

METERBOX = [sys.executable, "-c", "from sandbox.cli.main import main; main()"]


@pytest.mark.parametrize(
    ("options", "status"),
    [((), 404), (("--profile", "contract"), 200)],
    ids=["faithful", "contract"],
)
def test_a_process_has_a_profile(options: tuple[str, ...], status: int, http: httpx.Client) -> None:
    with Up(*options) as up:
        bearer = {"authorization": "Bearer k"}
        asked = http.get(f"{up.url}/orb/v1/customers/nobody", headers=bearer)
    assert asked.status_code == status


def test_an_unknown_profile_is_wrong_use(run: Run) -> None:
    done = run("up", "--profile", "lax")
    assert (done.exit_code, "'lax' is not one of 'faithful', 'contract'" in done.stderr) == (
        2,
        True,
    )


def test_a_proxy_beside_it_is_told_and_tells_what_it_refuses() -> None:
    """On the loop that it really runs on. Nothing of its authority outlives it."""
    command = [*METERBOX, "up", "--port", "0", "--json", "--proxy"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            told = json.loads(process.stdout.readline())
            variables = told["environment"]
            trust = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
            proxy = variables["HTTPS_PROXY"]
            with httpx.Client(proxy=proxy, verify=trust, trust_env=False) as client:
                headers = {"authorization": "Bearer demo"}
                answer = client.get("https://api.withorb.com/v1/ping", headers=headers)
                with pytest.raises(httpx.ProxyError):
                    client.get("https://example.com")
            assert answer.json() == {"response": "pong"}
            assert process.stderr.readline().startswith("meterbox: CONNECT example.com:443 refused")
        finally:
            process.terminate()
    assert not Path(variables["NODE_EXTRA_CA_CERTS"]).parent.exists()


def test_with_a_data_folder_the_authority_stays(made: Make, tmp_path: Path) -> None:
    files = []
    for _ in range(2):
        sandbox = made()
        with proxied(sandbox, 0, (), False, tmp_path) as standing:
            files.append(Path(standing.variables["NODE_EXTRA_CA_CERTS"]).read_bytes())
        closed(sandbox)
    assert files[0] == files[1]
    assert (tmp_path / "authority" / "authority.key").is_file()


def closed(sandbox: Sandbox) -> None:
    """Close what was set beside it and never begun."""
    for beside in sandbox.beside:
        if isinstance(beside, Proxy):
            beside.close()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--allow-host", "pypi.org"), "--allow-host is for the proxy, and there is none."),
        (("--allow-live-keys",), "--allow-live-keys is for the proxy, and there is none."),
        (("--proxy", "--allow-host", "api.withorb.com"), "api.withorb.com is Orb's own host"),
        (("--proxy", "4020x"), "'4020x' is not a valid integer"),
    ],
)
def test_a_proxy_that_cannot_be_is_wrong_use(run: Run, options: tuple[str, ...], why: str) -> None:
    done = run("up", "--port", "0", *options)
    assert (done.exit_code, why in done.stderr) == (2, True), done.stderr
