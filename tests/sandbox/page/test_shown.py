"""What a payload says is text on the page, and what cannot be seen of it is made visible."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.page.shown import linked, shown, visible
from tests.sandbox.page.traffic import HOSTILE

UNSEEN = ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\xad", "\u200b", "\u202e", "\u2066", "\ufeff"]


@pytest.mark.parametrize("character", [*UNSEEN, "\ud800", "\U000e0041", "\u2028"])
def test_what_cannot_be_seen_is_spelled(character: str) -> None:
    code = f"{ord(character):04x}"
    assert code in visible(character)
    assert code in shown(f"a{character}b")
    assert character not in shown(f"a{character}b")


@given(st.text())
def test_no_text_leaves_its_place(text: str) -> None:
    for written in (visible(text), str(shown(text, 10_000))):
        for character in written:
            odd = unicodedata.category(character) in ("Cc", "Cs")
            assert not odd or character in "\t\n"
            assert unicodedata.bidirectional(character) not in ("LRO", "RLO", "LRI", "RLI", "PDF")
    tags = str(shown(text, 10_000)).replace("<bdi>", "").replace("</bdi>", "")
    assert "<" not in tags.replace('<span class="unseen"', "").replace("</span>", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_is_text(text: str) -> None:
    assert "<script" not in shown(text)
    assert "<svg" not in shown(text)
    assert "<img" not in linked(text)


def test_a_long_text_is_cut_and_says_so() -> None:
    assert "… 999,700 more characters" in shown("x" * 1_000_000)


def test_addresses_lead_there_and_nothing_else_does() -> None:
    told = linked('docs.acme.test/a#b (acme.test), "https://x.test/<b>" javascript:alert(1)//x.y/z')
    assert 'href="https://docs.acme.test/a#b"' in told
    assert "<b>" not in told
    assert 'href="javascript' not in told
