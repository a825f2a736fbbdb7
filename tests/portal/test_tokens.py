"""The design tokens: text is readable on its ground in both themes (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = Path(__file__).resolve().parents[2] / "static" / "css"
TONES = ("good", "bad", "warn", "info", "plum", "neutral")
TEXT_PAIRS = [
    *[(text, ground) for text in ("ink", "ink-2", "ink-3") for ground in ("canvas", "surface", "sunken", "hover")],
    *[("accent", ground) for ground in ("canvas", "surface", "accent-soft", "hover", "sunken")],
    *[(tone, f"{tone}-ground") for tone in TONES],
    *[(tone, "surface") for tone in TONES],
    *[("ink", f"{tone}-ground") for tone in TONES],
    *[("ink-2", f"{tone}-ground") for tone in TONES],
    *[("accent", f"{tone}-ground") for tone in TONES],
    ("on-button", "button"),
    ("on-button", "button-hover"),
    ("on-button", "danger-button"),
    ("on-button", "danger-button-hover"),
    ("brand-ink", "brand-ground"),
    ("brand-ink-2", "brand-ground"),
]
SHAPE_PAIRS = [
    ("control-line", "surface"),
    ("control-line", "sunken"),
    ("focus", "surface"),
    ("focus", "canvas"),
    *[(f"chart-{index}", "surface") for index in range(1, 7)],
]


def read_tokens(theme: str) -> dict[str, str]:
    """Return the colours of a theme by name, without their prefix."""
    text = (CSS / "tokens.css").read_text(encoding="utf-8")
    block = re.search(rf'\[data-bs-theme="{theme}"\] \{{(.*?)\n\}}', text, re.DOTALL)
    assert block is not None
    return dict(re.findall(r"--cs-([a-z0-9-]+): (#[0-9a-f]{6});", block[1]))


def measure_luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def measure_contrast(one: str, other: str) -> float:
    light, dark = sorted((measure_luminance(one), measure_luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_of_black_on_white_is_21() -> None:
    assert measure_contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground(theme: str) -> None:
    tokens = read_tokens(theme)
    measured = {pair: round(measure_contrast(tokens[pair[0]], tokens[pair[1]]), 2) for pair in TEXT_PAIRS}
    assert {pair: ratio for pair, ratio in measured.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_shapes_stand_out_from_their_ground(theme: str) -> None:
    tokens = read_tokens(theme)
    measured = {pair: round(measure_contrast(tokens[pair[0]], tokens[pair[1]]), 2) for pair in SHAPE_PAIRS}
    assert {pair: ratio for pair, ratio in measured.items() if ratio < 3} == {}


def test_both_themes_set_the_same_tokens() -> None:
    assert read_tokens("light").keys() ^ read_tokens("dark").keys() == set()


def test_every_token_used_is_set() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(CSS.glob("*.css")))
    used, set_somewhere = set(re.findall(r"var\((--cs-[a-z0-9-]+)", text)), set(re.findall(r"(--cs-[a-z0-9-]+):", text))
    assert used - set_somewhere == set()


def test_colours_are_written_only_among_the_tokens() -> None:
    found = {
        path.name: re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;\s,)])", path.read_text(encoding="utf-8"))
        for path in sorted(CSS.glob("*.css"))
        if path.name not in {"tokens.css", "print.css"}  # paper is white in every theme
    }
    assert {name: colours for name, colours in found.items() if colours} == {}
