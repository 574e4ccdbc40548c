"""Sets a proxy up beside a sandbox, and says what clients must be told of it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

import certifi

from sandbox.app import Sandbox
from sandbox.proxy.authority import Authority
from sandbox.proxy.egress import Egress
from sandbox.proxy.proxy import Proxy
from sandbox.server import listen

__all__ = ["environment", "set_beside"]

HERE = "127.0.0.1"
DIRECT = "localhost,127.0.0.1,::1"
BUNDLE, MORE = "bundle.pem", "more.pem"
ADDED, INSTEAD = ("NODE_EXTRA_CA_CERTS",), ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name an authority to trust beside others, and those that name all there are."""


def set_beside(sandbox: Sandbox, egress: Egress, port: int, folder: Path) -> dict[str, str]:
    """Have a proxy listen on this machine as long as the sandbox runs; 0 finds a free port.

    Its authority is kept in `folder`. Answers the variables that lead clients to it. Raises
    PortTaken or AuthorityFault.
    """
    authority = Authority(folder, egress.hosts)
    listening = listen(HERE, port, "--proxy")
    sandbox.beside.append(Proxy(sandbox, egress, authority, listening))
    ours, before = authority.file.read_bytes(), _named(os.environ, ADDED)
    bundle, more = folder / BUNDLE, folder / MORE if before else authority.file
    bundle.write_bytes(_trusted(os.environ) + ours)
    if before:
        more.write_bytes(before + ours)
    return environment(listening.getsockname()[1], more, bundle)


def environment(port: int, more: Path, bundle: Path) -> dict[str, str]:
    """The variables by which clients find the proxy, and trust it: by a file that is trusted
    besides others, and one that is trusted instead."""
    url = f"http://{HERE}:{port}"
    told = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), url)
    told["NO_PROXY"] = DIRECT
    told |= {name.lower(): value for name, value in told.items()}
    told |= {name: str(more.resolve()) for name in ADDED}
    told |= {name: str(bundle.resolve()) for name in INSTEAD}
    return {**told, "NODE_USE_ENV_PROXY": "1"}


def _trusted(environ: Mapping[str, str]) -> bytes:
    """The authorities that this machine trusts anyhow: an allowed host needs one of them."""
    named = _named(environ, INSTEAD)
    if named:
        return named
    for file in (ssl.get_default_verify_paths().cafile, certifi.where()):
        if file is not None and Path(file).is_file():
            return _lines(Path(file))
    return b""


def _named(environ: Mapping[str, str], names: Iterable[str]) -> bytes:
    """What the files hold that variables name, each file once."""
    files = dict.fromkeys(Path(environ[name]) for name in names if environ.get(name))
    return b"".join(_lines(file) for file in files if file.is_file())


def _lines(file: Path) -> bytes:
    return file.read_bytes().rstrip(b"\n") + b"\n"
