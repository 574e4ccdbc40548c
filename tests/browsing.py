"""A real browser: Debian's Chromium, driven by Playwright, and what it sees of the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Frame,
    Page,
    Request,
    expect,
    sync_playwright,
)

__all__ = [
    "CHROMIUM",
    "EVIL",
    "MARKS",
    "Visit",
    "launched",
    "shoot",
    "visiting",
]

Theme = Literal["light", "dark"]
EVIL = "evil.example"
CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).parent / "sandbox/page/node/node_modules/axe-core/axe.min.js"
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: .ci/chromium installs it"),
    pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: make node"),
]
WIDE, NARROW = 1440, 390
COLOURS = ("color-contrast",)
PLACES = ("scrollable-region-focusable", "target-size")
TRIED: dict[tuple[int, Theme], tuple[str, ...] | None] = {
    (NARROW, "dark"): None,
    (NARROW, "light"): PLACES,
    (WIDE, "dark"): COLOURS,
    (WIDE, "light"): (),
}
"""How a view is looked at, and the rules of axe-core that are tried there: all in the end, and
before it what may differ from that, if anything."""
PATIENCE = 30_000
"""Milliseconds to wait for what ought to come: others share the machine."""
SCREENSHOTS = "METERBOX_SCREENSHOTS"
"""The variable that names a folder for pictures of what the tests see."""


# Of radio buttons the Tab key comes to one, and arrows to the others.
USABLE = """() => {
  const usable = "a[href], button, input, select, summary, textarea, [tabindex='0']";
  const all = [...document.querySelectorAll(usable)]
    .filter((e) => e.checkVisibility({ contentVisibilityAuto: false, visibilityProperty: true }))
    .filter((e) => !e.closest("dialog:not([open])") && e.type !== "hidden" && !e.disabled)
    .filter((e) => e.type !== "radio" || e.checked);
  window.reached = new Set();
  document.addEventListener("focusin", (event) => window.reached.add(event.target.dataset.tried));
  return all.map((e, n) => { e.dataset.tried = n; return e.outerHTML.slice(0, 200); });
}"""


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window. Somebody has made the name EVIL point to this machine."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    quiet += [f"--host-resolver-rules=MAP {EVIL} 127.0.0.1"]
    rooted = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*quiet, *rooted])
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


class Visit:
    """A tab: `page` is Playwright's, `asked` each request of it, and `complaints` what the browser
    found wrong."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[Request] = []
        self.complaints: list[str] = []
        self._hears: dict[str, Any] = {
            "request": lambda request: self.asked.append(request),
            "console": self._note,
            "pageerror": lambda fault: self.complaints.append(str(fault)),
            "framenavigated": self._begin,
        }
        on: Any = page.on
        for name, hear in self._hears.items():
            on(name, hear)

    def _note(self, told: ConsoleMessage) -> None:
        if told.type == "error":
            self.complaints.append(told.text)

    def _begin(self, frame: Frame) -> None:
        """Forget what the page of the visit before still did."""
        self.page.remove_listener("framenavigated", self._hears.pop("framenavigated"))
        self.asked[:] = [asked for asked in self.asked if asked.is_navigation_request()]
        self.complaints.clear()

    def end(self) -> None:
        """Leave the tab as somebody new would find it."""
        for name, hear in self._hears.items():
            self.page.remove_listener(name, hear)
        for other in self.page.context.pages[1:]:
            other.close()
        self.page.unroute_all()
        self.page.mouse.move(-1, -1)
        if self.origins - {"file://"}:
            self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self.page.context.clear_cookies()

    @property
    def origins(self) -> set[str]:
        """Where the tab asked for something."""
        parts = [urlsplit(request.url) for request in self.asked]
        return {f"{part.scheme}://{part.netloc}" for part in parts if part.scheme != "data"}

    def seen(self, name: str) -> list[str]:
        """What is wrong with a view, in each theme and at each width, with pictures of them all."""
        found = []
        for (width, theme), rules in TRIED.items():
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.emulate_media(color_scheme=theme)
            shoot(self.page, f"{name}-{theme}-{width}")
            if self.page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"wider than {width}")
            if rules is not None:
                found += self.violations(*rules)
        return found

    def unreached(self) -> list[str]:
        """What of the page can be used, and is not come to by the Tab key."""
        names: list[str] = self.page.evaluate(USABLE)
        for _ in range(len(names) + 5):
            self.page.keyboard.down("Tab")  # and held: it repeats
        self.page.keyboard.up("Tab")
        reached = self.page.evaluate("[...window.reached]")
        return [name for number, name in enumerate(names) if str(number) not in reached]

    def violations(self, *rules: str) -> list[str]:
        """What axe-core finds wrong with the page as it is, by all of its rules or by these."""
        if self.page.evaluate("typeof axe") == "undefined":
            # Not as an element of the page, whose policy allows no script but its own.
            self.page.evaluate(AXE.read_text(encoding="utf-8") + "; 0")
        told: dict[str, Any] = {"resultTypes": ["violations"], "selectors": False}
        if rules:
            told["runOnly"] = rules
        run = "(told) => axe.run(told).then((found) => found.violations)"
        found: list[dict[str, Any]] = self.page.evaluate(run, told)
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found
            for node in one["nodes"]
        ]


@contextmanager
def visiting(
    browser: Browser, width: int = 1440, theme: str = "light", **more: Any
) -> Iterator[Visit]:
    """A visit by somebody new, in the tab of the visit before: another is dear, and made only for
    one with wishes (`more`) or after trouble."""
    size: Any = {"width": width, "height": 900}
    scheme: Any = theme
    context = next(iter(browser.contexts), None) if not more else None
    if context is None:
        context = browser.new_context(**more)
        context.set_default_timeout(PATIENCE)
        context.new_page()
    visit, spent = Visit(context.pages[0]), True
    visit.page.set_viewport_size(size)
    visit.page.emulate_media(color_scheme=scheme)
    try:
        yield visit
        visit.end()
        spent = bool(more)
    finally:
        if spent:
            context.close()


def shoot(page: Page, name: str) -> None:
    """A picture of the page, where somebody wants to look at it."""
    folder = os.environ.get(SCREENSHOTS)
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
