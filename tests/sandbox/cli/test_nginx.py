"""`meterbox nginx`: what it prints; what nginx makes of that is in tests/sandbox/test_nginx.py."""

import pytest

from contracts.reader import read, vendors
from tests.running import environment, meterbox

TWO = ("--upstream", "127.0.0.1:4021", "--upstream", "[::1]:4022")


def test_every_vendor_is_told_by_its_contract(run):
    printed = run("nginx", *TWO).output
    for contract in map(read, vendors()):
        for host in contract.hosts:
            assert f"        {host} {contract.vendor};\n" in printed
        assert f'        {contract.vendor} "$' in printed


def test_a_vendor_from_a_folder_outside_is_told_too(acme_root):
    """With its credential in a header, a bearer token, a user or a body, and its template."""
    printed = meterbox("nginx", *TWO, env=environment(acme_root)).stdout
    assert "        api.acme.test acme;\n" in printed
    assert '        acme "$meterbox_bearer${http_x_api_key}$remote_user";\n' in printed
    assert '"~^acme/ak_(?<' in printed


def test_the_processes_and_the_port_are_those_given(run):
    printed = run("nginx", "--port", "4444", *TWO).output
    assert "listen 127.0.0.1:4444 " in printed
    assert "server 127.0.0.1:4021 max_fails=0;\n        server [::1]:4022 max_fails=0;\n" in printed
    assert "http://127.0.0.1:4021, http://[::1]:4022" in printed


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "Missing option '--upstream'"),
        (["4021"], "'4021' is not host:port, such as 127.0.0.1:4021."),
        (["http://127.0.0.1:4021"], "is not host:port"),
        (["a:1", "a:1"], "an address is given twice."),
        ([f"a:{n}" for n in range(1, 10)], "nginx asks no more than 8 processes in turn."),
    ],
)
def test_processes_that_nginx_cannot_use_are_wrong_use(run, given, why):
    result = run("nginx", *(word for at in given for word in ("--upstream", at)))
    assert result.exit_code == 2
    assert why in result.output
