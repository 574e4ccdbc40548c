"""What a whole run of tests comes to: a report, and what of the contracts it exercised."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pytest

from contracts.reader import read
from sandbox.coverage import Least, together
from sandbox.reports.model import Check, Coverage, Finding, Report, Verdict
from sandbox.reports.writing import Wanted, write
from sandbox.testing.report import findings, headline
from sandbox.testing.stash import COVERED, TROUBLES, Covered
from sandbox.testing.wire import Unwilling, Wire

__all__ = ["Summary", "covered"]

OUTPUT = "meterbox_covered"
WORDS: Mapping[str, Verdict] = {"passed": "passed", "failed": "failed", "skipped": "skipped"}


def covered(wire: Wire, accounts: Iterable[tuple[str, str]]) -> Covered:
    """What the traffic of accounts, by vendor and key, exercised of each vendor's contract: names
    alone, which xdist can pass on. Others may use the same server."""
    found: dict[str, list[tuple[str, Coverage]]] = {}
    for vendor, key in accounts:
        found.setdefault(vendor, []).extend((vendor, one) for one in _of(wire, vendor, key))
    return {
        vendor: [
            {"kind": one.kind, "exercised": list(one.exercised), "missing": one.missing}
            for one in together(several)
        ]
        for vendor, several in found.items()
        if several
    }


def _of(wire: Wire, vendor: str, key: str) -> list[Coverage]:
    """None where no request came, so that there is no account."""
    try:
        told = wire.ask("GET", "accounts", vendor, key, "coverage")["coverage"]
    except Unwilling:
        return []
    return [_coverage(one) for one in told]


def _coverage(told: Mapping[str, Any]) -> Coverage:
    return Coverage(told["kind"], [*told["exercised"], *told["missing"]], told["exercised"])


class Summary:
    """A plugin of a run that wants a report: in each worker it passes on what tests found, and
    where all come together it writes the report."""

    def __init__(self, config: pytest.Config, wanted: Sequence[Wanted], least: Least) -> None:
        self._config, self._wanted, self._least = config, wanted, least
        self._checks: dict[str, Check] = {}
        self._covered: list[Covered] = []
        self._short: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """What a test's accounts told goes with its report, over processes too."""
        made = yield
        told = item.stash.get(TROUBLES, None)
        if told is not None:
            made.meterbox = [
                {"headline": headline(*one), "findings": [asdict(f) for f in findings(*one)]}
                for one in told
            ]
            told.clear()
        return made

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        found: list[dict[str, Any]] | None = getattr(report, "meterbox", None)
        if found is None and not (report.failed and report.nodeid in self._checks):
            return
        before = self._checks.get(report.nodeid, Check(report.nodeid, "pytest"))
        # Other plugins have words of their own, such as of a test that is tried again.
        verdict = before.verdict if report.passed else WORDS.get(report.outcome, before.verdict)
        told = [Finding(**given) for one in found or () for given in one["findings"]]
        lines = [before.detail, *(one["headline"] for one in found or ())]
        if found is None:  # its worker crashed
            lines.append(report.longreprtext)
        self._checks[report.nodeid] = Check(
            report.nodeid,
            "pytest",
            verdict,
            [*before.findings, *told],
            "\n".join(line for line in lines if line),
            (before.seconds or 0.0) + report.duration,
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of xdist's has ended; one that crashed says nothing."""
        self._covered.append(getattr(node, "workeroutput", {}).get(OUTPUT, {}))

    # Innermost: fixtures of the session are gone by then, and xdist has not yet sent its word.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """A worker passes on what was exercised; where all come together the report is written."""
        yield
        output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if output is None:
            self._finish(session)
        else:
            output[OUTPUT] = self._config.stash.get(COVERED, {})

    def _finish(self, session: pytest.Session) -> None:
        coverage = merged([*self._covered, self._config.stash.get(COVERED, {})])
        self._short = self._least.short(coverage)
        if self._short and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        subject = f"{len(self._checks):,} tests asked vendors. {' '.join(self._short)}".strip()
        report = Report("pytest", subject, list(self._checks.values()), coverage=coverage)
        write(report, self._wanted, self._say)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for sentence in self._short:
            terminalreporter.write_line(f"meterbox: {sentence}", red=True)

    def _say(self, told: bytes) -> None:
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write(told.decode(errors="replace"))


def merged(several: Sequence[Covered]) -> list[Coverage]:
    """What was exercised in all, over processes and vendors."""
    return together(
        (read(vendor).title, _coverage(told))
        for one in several
        for vendor in sorted(one)
        for told in one[vendor]
    )
