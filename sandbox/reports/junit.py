"""A report as JUnit XML, as Jenkins, GitLab and the Ant schema read it."""

from __future__ import annotations

import re
from itertools import groupby
from socket import gethostname
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sandbox.reports.human import lines
from sandbox.reports.model import Check, Report

__all__ = ["text"]

UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, not even escaped."""


def text(report: Report) -> str:
    """A suite for each group of checks. Those left out are a test case that stands for them."""
    root = Element("testsuites")
    groups = groupby(sorted(report.checks, key=_group), key=_group)
    for number, (group, checks) in enumerate([(g, list(c)) for g, c in groups] or [("", [])]):
        _suite(root, report, number, group or report.title, checks)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _group(check: Check) -> str:
    return check.group


def _suite(root: Element, report: Report, number: int, name: str, checks: list[Check]) -> None:
    failed = sum(check.verdict == "failed" for check in checks)
    seconds = sum(check.seconds or 0 for check in checks)
    suite = SubElement(
        root,
        "testsuite",
        name=_fit(name),
        package="meterbox",
        id=str(number),
        timestamp=report.at.strftime("%Y-%m-%dT%H:%M:%S"),
        hostname=_fit(gethostname()),
        tests=str(len(checks)),
        failures=str(failed),
        errors="0",
        time=f"{seconds:.3f}",
    )
    properties = SubElement(suite, "properties")
    told = {"title": report.title, "subject": report.subject}
    told |= {verdict: str(count) for verdict, count in report.totals.items()}
    for key, value in told.items():
        SubElement(properties, "property", name=key, value=_fit(value))
    for check in checks:
        _case(suite, name, check)
    SubElement(suite, "system-out")
    SubElement(suite, "system-err")


def _case(suite: Element, group: str, check: Check) -> None:
    time = f"{check.seconds or 0:.3f}"
    case = SubElement(suite, "testcase", name=_fit(check.name), classname=_fit(group), time=time)
    if check.verdict == "skipped":
        SubElement(case, "skipped").text = _fit(check.detail)
    if check.verdict == "failed":
        rules = sorted({finding.rule for finding in check.findings if finding.rule})
        first = check.findings[0].message if check.findings else check.detail or "failed"
        failure = SubElement(
            case, "failure", message=_fit(first), type=_fit(" ".join(rules)) or "finding"
        )
        told = [line for finding in check.findings for line in lines(finding)]
        failure.text = _fit("\n".join([*check.detail.splitlines(), *told]))


def _fit(told: str) -> str:
    """The text as XML can hold it: what it cannot is written out."""
    return UNFIT.sub(lambda match: f"\\u{ord(match[0]):04x}", told)
