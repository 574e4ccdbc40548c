"""What a verification is set up with: who receives the cases, where, and with which key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.cases import Case
from contracts.model import BadValue, Contract
from sandbox.verifying.calling import Caller, addresses, shown
from sandbox.verifying.guarding import allow, refuse_live_keys
from sandbox.verifying.guest import Manners, Stay
from sandbox.verifying.recorded import Recorder
from sandbox.verifying.tenant import otherwise, sandbox_at
from sandbox.verifying.transcript import Transcript
from sandbox.verifying.verification import Host, Shared, Visited

__all__ = ["Terms", "Visit", "called", "recalled"]


@dataclass(frozen=True, slots=True)
class Terms:
    """How somebody wants a target to be asked: with which `key`, which is for tests whatever it
    looks like (`test_key`), whether it may be the vendor itself (`live`), and whether it is a
    `sandbox`; None finds out."""

    key: str = ""
    live: bool = False
    test_key: bool = False
    sandbox: bool | None = None
    token: str | None = None
    manners: Manners = Manners()  # frozen
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Visit:
    """`host` receives the cases, and `stay` tells what is left where they share an account."""

    host: Host
    where: str
    live: bool = False
    key: str = ""
    sandbox: bool = False
    stay: Stay | None = None
    warning: str = ""


def recalled(contract: Contract, file: Path) -> Visit:
    """A transcript is asked. Raises NoTranscript."""
    told = Transcript.read(file, contract)
    where = f"{told.head['target']}, as recorded on {told.head['at'][:10]},"
    return Visit(Recorder(told, contract), where, told.head["live"])


@contextmanager
def called(
    contract: Contract, cases: Sequence[Case], urls: Sequence[str], terms: Terms
) -> Iterator[Visit]:
    """Somebody at these addresses is asked.

    Raises BadValue, RealVendor or LiveKey, and Closed.
    """
    at = addresses(contract, urls)
    live = allow(at.values(), live=terms.live) or terms.live
    wire = None if live or terms.sandbox is False else sandbox_at(at[""], terms.token)
    if wire is None and terms.sandbox:
        raise BadValue("--sandbox", shown(at[""]), "where a sandbox answers")
    with Caller(contract, at, terms.timeout) as caller:
        if wire is None:
            yield _stay(contract, cases, caller, terms, live=live)
            return
        with closing(wire):
            changed = otherwise(wire, contract)
            warning = f"This sandbox is set up otherwise: {changed}. Cases may differ for that."
            host = Visited(wire, caller, contract)
            yield Visit(host, shown(at[""]), sandbox=True, warning=warning if changed else "")


def _stay(
    contract: Contract, cases: Sequence[Case], caller: Caller, terms: Terms, *, live: bool
) -> Visit:
    where = shown(caller.addresses[""])
    if not terms.key:
        raise BadValue("--api-key", terms.key, f"a key of a test account at {where}")
    refuse_live_keys(contract, terms.key, sure=terms.test_key)
    warning = ""
    if live and (contract.live is None or contract.live.confidence == "assumed"):
        warning = (
            f"How {contract.title} writes live keys is not documented: meterbox cannot tell "
            "whether this one is for tests."
        )
    stay = Stay(contract, terms.key, caller.ask, terms.manners)
    return Visit(Shared(stay, cases), where, live, terms.key, stay=stay, warning=warning)
