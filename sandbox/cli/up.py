"""`meterbox up`: runs the vendors until it is interrupted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sandbox.cli.output import Span, write, write_json
from sandbox.cli.proxying import proxied, proxying

if TYPE_CHECKING:
    from contracts.model import Contract
    from sandbox.app import Sandbox
    from sandbox.config import Config

__all__ = ["command", "curl"]

NAME = "demo"


@click.command()
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 finds a free one.  [default: 4020]")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Keep everything here.")
@click.option(
    "--profile",
    type=click.Choice(["faithful", "contract"]),
    help="contract checks requests against the contract only.  [default: faithful]",
)
@click.option("--config", type=click.Path(path_type=Path), help="A meterbox.toml.")
@proxying
@click.option("--json", "as_json", is_flag=True, help="Say where it runs as one JSON object.")
def command(
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    profile: str | None,
    config: Path | None,
    proxy: int | None,
    allowed: tuple[str, ...],
    live_keys: bool,
    as_json: bool,
) -> None:
    """Run the vendors on this machine, until Ctrl-C."""
    from sandbox.config import load
    from sandbox.server import Server, listen

    given = {"host": host, "port": port, "data_dir": data_dir, "profile": profile}
    chosen = {name: value for name, value in given.items() if value is not None}
    # In the environment's place, so that what the file says is checked together with them.
    environ = {**os.environ, **{f"METERBOX_SERVER__{n.upper()}": str(v) for n, v in chosen.items()}}
    settings = load(config, environ)
    listening = listen(settings.server.host, settings.server.port)
    sandbox = _sandbox(settings)
    port = listening.getsockname()[1]
    folder, url = settings.server.data_dir, f"http://{_spelled(settings.server.host)}:{port}"
    standing = proxied(sandbox, proxy, allowed, live_keys, folder, _refused)
    with listening, standing as beside:
        _tell(sandbox, url, beside.variables, as_json)
        try:
            Server(sandbox, alone=True, leaving=sandbox.leave).run(sockets=[listening])
        except KeyboardInterrupt:
            write("Stopped.") if not as_json else None


def _sandbox(config: Config) -> Sandbox:
    from sandbox.app import Options, create_app
    from translators.forwarding.terms import Terms

    return create_app(
        Options(
            seed=config.server.seed,
            settings=config.settings,
            destinations=config.destinations,
            data_dir=config.server.data_dir,
            token=config.server.token,
            terms=Terms(config.forwarding.concurrency),
            scale=config.forwarding.backoff_scale,
            profile=config.server.profile,
            webhook_hosts=config.server.webhook_hosts,
        )
    )


def _spelled(host: str) -> str:
    """A host as a URL has it: one that means every address is reached by this one."""
    named = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"[{named}]" if ":" in named and not named.startswith("[") else named


def _tell(sandbox: Sandbox, url: str, variables: Mapping[str, str], as_json: bool) -> None:
    """Where everything is, with a key and a first request for each vendor, and what leads to the
    proxy where there is one."""
    contracts = [room.contract for room in sandbox.accounts.rooms.values()]
    if as_json:
        vendors = {
            c.vendor: {"base_url": f"{url}/{c.vendor}", "key": c.key(NAME)} for c in contracts
        }
        told = {"url": url, "control": f"{url}/_meterbox", "vendors": vendors}
        write_json({**told, "environment": variables} if variables else told)
        return
    write(("meterbox", "bold"), f" at {url}, our own API at {url}/_meterbox\n")
    for contract in contracts:
        spans: list[Span] = [(f"{contract.title:<10}", "bold"), f" {url}/{contract.vendor}"]
        write(*spans, ("   key ", "dim"), contract.key(NAME))
        write((f"           {curl(contract, url)}", "dim"))
    if variables:
        write("\nThe vendors' own hosts lead here for whoever has these variables:\n")
        for name, value in variables.items():
            click.echo(f"  export {name}={value}")  # never wrapped: it is copied
    write("\nCtrl-C stops it. Watch what happens with: meterbox tail --url " + url)


def _refused(line: str) -> None:
    click.echo(line, err=True)


def curl(contract: Contract, url: str) -> str:
    """The contract's example as a line for a shell."""
    import shlex

    import orjson

    from contracts import credentials
    from contracts.cases import render

    endpoint = contract.endpoint(contract.example["endpoint"])
    now = datetime.now(UTC).replace(microsecond=0)
    body: Any = render(contract.example["json"], now=now, run="1")
    headers = credentials.headers(contract.auth, contract.key(NAME))
    shown = [f"{name}: {value}" for name, value in headers.items()]
    parts = ["curl", f"{url}/{contract.vendor}{endpoint.paths[0]}"]
    if endpoint.method != "POST":
        parts += ["-X", endpoint.method]
    for header in (*shown, "content-type: application/json"):
        parts += ["-H", header]
    return shlex.join([*parts, "-d", orjson.dumps(body).decode()])
