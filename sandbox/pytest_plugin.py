"""The plugin for pytest: a sandbox for the run, and an account of each vendor for each test.

It loads nothing else until a test asks for one of its fixtures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from contracts.folders import folders
from sandbox.testing import marks
from sandbox.testing.stash import COVERED, TROUBLES

if TYPE_CHECKING:
    from sandbox.testing.account import VendorAccount
    from sandbox.testing.house import House

__all__ = ["meterbox"]

SERVER = (
    "How xdist's workers are served: each by a server of its own, or all by one that is shared."
)
VIOLATIONS = "What a refusal or a violation that a test did not look at does to it: fail or ignore."
REPORT = "Write a report of the tests that use vendors: FORMAT or FORMAT=FILE. May be given again."
UNDER = (
    "How much of the contracts must be exercised: PERCENT, or KIND=PERCENT such as endpoints=20."
)
MARKER = (
    f"{marks.SIGNATURE}: what a test has of its vendors, or of those in `only`: the time at which "
    "its accounts stand still, faults by kind or preset, rule switches, a seed for the sandbox's "
    "identifiers, a profile, rules that may be broken, and environment variables for clients."
)
Opened = dict[str, "VendorAccount"]
OPENED = pytest.StashKey[Opened]()
NAME = pytest.StashKey[str]()
SHARED = pytest.StashKey[tuple[ExitStack, str]]()
SUMMARY = "meterbox-summary"
ENDED = (Exception, pytest.fail.Exception, pytest.skip.Exception)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("meterbox")
    group.addoption("--meterbox-server", choices=("own", "shared"), help=SERVER)
    group.addoption("--meterbox-violations", choices=("fail", "ignore"), help=VIOLATIONS)
    group.addoption("--meterbox-report", action="append", default=[], help=REPORT)
    group.addoption("--meterbox-fail-under", action="append", default=[], help=UNDER)
    parser.addini("meterbox_server", SERVER, default="own")
    parser.addini("meterbox_violations", VIOLATIONS, default="fail")
    parser.addini(
        "meterbox_environment",
        "Set the environment variables that vendors' clients read, in every test with a vendor.",
        type="bool",
        default=False,
    )
    parser.addini("meterbox_vendors", "Folders with more vendors.", type="paths", default=[])


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    for name, known in (("server", ("own", "shared")), ("violations", ("fail", "ignore"))):
        if config.getini(f"meterbox_{name}") not in known:
            raise pytest.UsageError(f"meterbox_{name} is one of {', '.join(known)}.")
    more: list[Path] = config.getini("meterbox_vendors")
    if more:
        from contracts.reader import add_vendors

        for folder in more:
            add_vendors(folder)
    config.pluginmanager.register(_fixtures(), "meterbox-vendors")
    _summarize(config, config.getoption("meterbox_report"), config.getoption("meterbox_fail_under"))


def _summarize(config: pytest.Config, reports: list[str], least: list[str]) -> None:
    """Where somebody wants a report, or so much exercised."""
    if not reports and not least:
        return
    from contracts.model import MeterboxError
    from sandbox.coverage import Least
    from sandbox.reports.writing import wanted
    from sandbox.testing.summary import Summary

    try:
        summary = Summary(config, wanted(reports), Least(least))
    except MeterboxError as fault:
        raise pytest.UsageError(f"--meterbox: {fault}") from fault
    config.pluginmanager.register(summary, SUMMARY)


def pytest_unconfigure(config: pytest.Config) -> None:
    if SHARED in config.stash:
        config.stash[SHARED][0].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A marker that cannot be meant so is told before anything runs."""
    vendors = _vendors()
    for item in items:
        for mark in item.iter_markers("meterbox"):
            try:
                marks.check(mark.args, mark.kwargs, vendors)
            except marks.BadMark as fault:
                told = f"{item.nodeid}: @pytest.mark.meterbox {fault}"
                raise pytest.UsageError(told) from fault


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of xdist's is told where the server is that all share."""
    config: pytest.Config = node.config
    if _chosen(config, "server") != "shared" or os.environ.get("METERBOX_URL"):
        return
    if SHARED not in config.stash:
        from sandbox.testing.house import serving

        stack = ExitStack()
        config.stash[SHARED] = stack, stack.enter_context(serving()).url
    node.workerinput["meterbox_url"] = config.stash[SHARED][1]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test that passed fails for what it did not look at; to one that failed, that is told."""
    try:
        yield
    except ENDED:
        told = _troubles(item)
        if told:
            item.add_report_section("call", "meterbox", told)
        raise
    told = _troubles(item)
    if told:
        pytest.fail(told, pytrace=False)


@pytest.fixture(scope="session")
def meterbox(request: pytest.FixtureRequest) -> Iterator[House]:
    """A sandbox of every vendor: its `url`, and `account(vendor)` for an account nobody has."""
    from contracts.model import MeterboxError
    from sandbox.testing.house import at, serving

    worker: dict[str, Any] = getattr(request.config, "workerinput", {})
    url = os.environ.get("METERBOX_URL") or worker.get("meterbox_url")
    with ExitStack() as stack:
        try:
            if url:
                house = at(url, os.environ.get("METERBOX_TOKEN"))
            else:
                served = stack.enter_context(serving())
                house = at(served.url, count=served.count)
            opened = stack.enter_context(house)
            yield opened
            if request.config.pluginmanager.has_plugin(SUMMARY):
                from sandbox.testing.summary import covered

                request.config.stash[COVERED] = covered(opened.wire, opened.opened)
        except MeterboxError as fault:
            pytest.fail(str(fault), pytrace=False)


def _fixtures() -> ModuleType:
    """A fixture for each vendor there is, by its name."""
    module = ModuleType("meterbox_vendors")
    for vendor in _vendors():
        setattr(module, vendor, _fixture(vendor))
    return module


def _fixture(vendor: str) -> Any:
    def account(request: pytest.FixtureRequest, meterbox: House) -> Iterator[VendorAccount]:
        item = request.node
        given = [mark.kwargs for mark in item.iter_markers("meterbox")][::-1]
        wishes = marks.wishes(given, vendor)
        opened = item.stash.setdefault(OPENED, {})
        item.stash.setdefault(TROUBLES, [])
        opened[vendor] = _opened(item, vendor, wishes, meterbox)
        with pytest.MonkeyPatch.context() as patch:
            if _environment(item, wishes):
                for name, value in opened[vendor].environment.items():
                    patch.setenv(name, value)
            yield opened[vendor]
        told = _troubles(item, vendor)
        if told:
            pytest.fail(f"After the test, while it was torn down:\n{told}", pytrace=False)

    account.__doc__ = f"A fresh account of {vendor}: base_url and api_key are for its client."
    return pytest.fixture(name=vendor)(account)


def _opened(item: pytest.Item, vendor: str, wishes: marks.Wishes, house: House) -> VendorAccount:
    from contracts.model import MeterboxError
    from sandbox.testing.house import fresh, seeded

    # One for all vendors of a test: what its source takes goes to its accounts.
    name = item.stash.setdefault(NAME, fresh())
    if wishes.seed is not None:
        name = seeded(wishes.seed, item.nodeid)
    try:
        return house.account(vendor, name, wishes)
    except MeterboxError as fault:
        pytest.fail(f"@pytest.mark.meterbox for {vendor}: {fault}", pytrace=False)


def _troubles(item: pytest.Item, vendor: str | None = None) -> str:
    """What the test did not look at since this was asked before, at one vendor or all of its."""
    opened = item.stash.get(OPENED, None)
    if not opened:
        return ""
    from contracts.model import MeterboxError
    from sandbox.testing.report import told

    parts = []
    for name, account in opened.items():
        if vendor not in (None, name) or _ignored(item, name):
            continue
        try:
            troubles = account.troubles()
            item.stash[TROUBLES] += [(account, trouble) for trouble in troubles]
            parts += [told(account, troubles)] if troubles else []
        except MeterboxError as fault:
            parts.append(str(fault))
    return "\n\n".join(parts)


def _ignored(item: pytest.Item, vendor: str) -> bool:
    given = [mark.kwargs for mark in item.iter_markers("meterbox")][::-1]
    wished = marks.wishes(given, vendor).violations
    return (wished or _chosen(item.config, "violations")) == "ignore"


def _environment(item: pytest.Item, wishes: marks.Wishes) -> bool:
    asked: bool | None = wishes.environment
    return bool(item.config.getini("meterbox_environment")) if asked is None else asked


def _chosen(config: pytest.Config, name: str) -> str:
    """What the option says, or else the ini file."""
    option: str | None = config.getoption(f"meterbox_{name}")
    return option or str(config.getini(f"meterbox_{name}"))


def _vendors() -> list[str]:
    return sorted({folder.name for folder in folders()})
