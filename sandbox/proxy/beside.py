"""Sets a proxy up beside a sandbox, and says what clients must be told of it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
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
BUNDLE = "bundle.pem"
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
    bundle = folder / BUNDLE
    bundle.write_bytes(_trusted(os.environ) + b"\n" + authority.file.read_bytes())
    return environment(listening.getsockname()[1], authority.file, bundle)


def environment(port: int, certificate: Path, bundle: Path) -> dict[str, str]:
    """The variables by which clients find the proxy, and trust it."""
    url = f"http://{HERE}:{port}"
    told = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), url)
    told["NO_PROXY"] = DIRECT
    told |= {name.lower(): value for name, value in told.items()}
    told |= {name: str(certificate.resolve()) for name in ADDED}
    told |= {name: str(bundle.resolve()) for name in INSTEAD}
    return {**told, "NODE_USE_ENV_PROXY": "1"}


def _trusted(environ: Mapping[str, str]) -> bytes:
    """The authorities that this machine trusts anyhow: an allowed host needs one of them."""
    named = [environ[name] for name in INSTEAD if environ.get(name)]
    for file in (*named, ssl.get_default_verify_paths().cafile, certifi.where()):
        if file is not None and Path(file).is_file():
            return Path(file).read_bytes()
    return b""
