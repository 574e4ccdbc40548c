"""A report as SARIF 2.1.0, for code scanning: each finding at its line of the user's file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from sandbox.reports.model import Finding, Place, Report

__all__ = ["text"]

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def text(report: Report) -> str:
    """One log with one run."""
    ids = sorted({finding.rule for _, finding in report.found() if finding.rule})
    told = {finding.rule: finding for _, finding in report.found()}
    number = {rule: index for index, rule in enumerate(ids)}
    driver = {
        "name": "meterbox",
        "version": version("meterbox"),
        "rules": [_rule(told[rule]) for rule in ids],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, number) for _, finding in report.found()],
        "properties": {"title": report.title, "subject": report.subject, "totals": report.totals},
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2) + "\n"


def _rule(finding: Finding) -> dict[str, Any]:
    sentence = finding.sentence or finding.rule
    known = f"Source: {finding.source or 'none'} ({finding.confidence or 'assumed'})."
    rule: dict[str, Any] = {
        "id": finding.rule,
        "shortDescription": {"text": sentence},
        "help": {"text": f"{sentence} {known}"},
        "properties": {"confidence": finding.confidence, "read": finding.read},
    }
    if urlsplit(finding.source).scheme in ("http", "https") and " " not in finding.source:
        rule["helpUri"] = finding.source
    return rule


def _result(finding: Finding, number: Mapping[str, int]) -> dict[str, Any]:
    fix = f" To mend it: {finding.fix}" if finding.fix else ""
    result: dict[str, Any] = {
        "level": finding.level,
        "message": {"text": finding.told + fix},
        "locations": [place for place in [_location(finding)] if place],
        "partialFingerprints": {"meterbox/v1": _fingerprint(finding)},
    }
    if finding.rule:
        result |= {"ruleId": finding.rule, "ruleIndex": number[finding.rule]}
    return result


def _location(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if finding.path:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.path, "kind": "member"}]
    place = finding.place
    if place is not None:
        region = {"startLine": place.line}
        if place.column is not None:
            region["startColumn"] = place.column
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(place)}, "region": region}
    return location


def _uri(place: Place) -> str:
    """Relative to where the command runs, as code scanning wants it, where the file is below."""
    file, here = Path(place.file), Path.cwd()
    whole = (here / file).resolve()
    if whole.is_relative_to(here):
        return quote(whole.relative_to(here).as_posix())
    return whole.as_uri()


def _fingerprint(finding: Finding) -> str:
    """The same for the same departure at the same place of the file, from run to run."""
    told = "\n".join([str(finding.place), finding.path, finding.rule, finding.message])
    return sha256(told.encode(errors="backslashreplace")).hexdigest()[:32]
