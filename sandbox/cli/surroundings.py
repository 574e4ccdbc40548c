"""The environment of a command that has vendors of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contracts.reader import read, vendors

__all__ = ["Surroundings", "surroundings"]

Surroundings = Callable[[str, Mapping[str, str]], dict[str, str]]
"""By where the sandbox is and the environment there was."""
HERE = "localhost,127.0.0.1,::1"


def surroundings(name: str, proxy: Mapping[str, str]) -> Surroundings:
    """What a command finds around it: for each vendor where it is and a key of that name, in the
    variables that clients of it read and in METERBOX_<VENDOR>_URL and _KEY; and a proxy's."""

    def around(url: str, before: Mapping[str, str]) -> dict[str, str]:
        told = {"METERBOX_URL": url}
        for vendor in vendors():
            contract = read(vendor)
            at, key = f"{url}/{vendor}", contract.key(name)
            ours = f"METERBOX_{vendor.upper().replace('-', '_')}"
            told |= {f"{ours}_URL": at + contract.base, f"{ours}_KEY": key}
            told |= {n: text.format(url=at, key=key) for n, text in contract.environment.items()}
        return {**before, **_direct(before), **told, **proxy}

    return around


def _direct(before: Mapping[str, str]) -> dict[str, str]:
    """A proxy that was there before is no way to this machine."""
    given = before.get("NO_PROXY") or before.get("no_proxy")
    both = f"{given},{HERE}" if given else HERE
    return {"NO_PROXY": both, "no_proxy": both}
