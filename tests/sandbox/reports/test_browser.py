"""The page of a report in a real browser: accessible in both themes and sizes, asking nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from sandbox.reports.formats import render
from sandbox.reports.model import Report
from tests.browsing import MARKS, visiting
from tests.sandbox.reports.test_reports import EMPTY, HOSTILE, report

pytestmark = MARKS


def test_it_is_accessible_and_asks_nobody(browser: Browser, tmp_path: Path) -> None:
    with visiting(browser) as visit:
        for name, told in TOLD.items():
            visit.page.goto(written(tmp_path / f"{name}.html", told).as_uri())
            assert visit.seen(f"report-{name}") == []
        assert visit.complaints == []
        assert visit.origins == {"file://"}


@pytest.mark.parametrize("planted", ["<script>document.title='run'</script>", "<img src=x>"])
def test_what_is_planted_in_the_file_itself_does_nothing(
    browser: Browser, tmp_path: Path, planted: str
) -> None:
    file = written(tmp_path / "report.html", report())
    file.write_text(file.read_text().replace("</main>", f"{planted}</main>"))
    with visiting(browser) as visit:
        visit.page.goto(file.as_uri())
        assert visit.page.title() == "meterbox validate orb"
        assert any("Content Security Policy" in told for told in visit.complaints)


def test_what_is_hostile_is_text(browser: Browser, tmp_path: Path) -> None:
    with visiting(browser) as visit:
        visit.page.goto(written(tmp_path / "report.html", report()).as_uri())
        assert visit.page.locator("script").count() == 0
        assert HOSTILE.partition("]]")[0] in visit.page.locator("main").inner_text()


TOLD = {"findings": report(), "empty": EMPTY}


def written(file: Path, told: Report) -> Path:
    file.write_text(render(told, "html"), encoding="utf-8", errors="backslashreplace")
    return file
