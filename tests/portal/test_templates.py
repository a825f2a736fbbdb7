"""Every template: it parses, carries no inline code or style, says nothing untranslated, names known icons."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.template.loader import get_template

from portal.icons import IconNotInstalled, draw_icon
from portal.presentation import (
    DECISION_LOOKS,
    ENTRY_ICON_OTHERWISE,
    ENTRY_ICONS,
    FINDING_LOOKS,
    PROGRESS_LOOKS,
    STATE_LOOKS,
)

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
# A page that an employer posts elsewhere: it stands alone, so its style is in it. The portal only sends it as a file.
STANDS_ALONE = "reports/public_summary/page.html"
NAMES = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))

CODE = re.compile(r"<code[^>]*>.*?</code>", re.DOTALL)
COMMENT = re.compile(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}|<!--.*?-->", re.DOTALL)
TRANSLATED = re.compile(r"\{% blocktranslate.*?%\}.*?\{% endblocktranslate %\}", re.DOTALL)
DJANGO = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
MARKUP = re.compile(r"<[^>]*>")
# These blocks fill attributes of base.html and form_page.html: classes and addresses, not words.
ATTRIBUTES = re.compile(r"\{% block (?:page_class|danger|cancel|form_attributes) %\}.*?\{% endblock %\}", re.DOTALL)
SPOKEN = re.compile(r'(?:aria-label|alt|title|placeholder|data-label)="([^"]*)"')
WORD = re.compile(r"[^\W\d_]{2,}")
ENTITY = re.compile(r"&[a-z]+;")
# Component tags whose words are read by people: their literal arguments go through _("…").
COMPONENT = re.compile(
    r"\{%\s*(?:card|crumb|fact|stats|stat_tile|notice|data_table|dialog|empty_state|tab_bar|chart_figure|"
    r"lineage_figure|progress_line|verdict_banner|log_entry|code_block)\s.*?%\}",
    re.DOTALL,
)
BARE_LITERAL = re.compile(r'(?<!_\()"([A-Z][^"]*)"')
PROPER_NAMES = {"Countersign"}


def read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def keep_tags(source: str) -> str:
    return "\n".join(MARKUP.findall(DJANGO.sub("", source)))


def find_untranslated(source: str) -> Iterator[str]:
    """Yield the pieces of text a person would see that are not marked for translation."""
    source = CODE.sub("", ATTRIBUTES.sub("", TRANSLATED.sub("", COMMENT.sub("", source))))
    for component in COMPONENT.findall(source):
        yield from BARE_LITERAL.findall(component)
    source = STYLE.sub("", SCRIPT.sub("", DJANGO.sub("", source)))
    for text in [*SPOKEN.findall(source), *MARKUP.sub("\n", source).splitlines()]:
        words = WORD.findall(ENTITY.sub("", text))
        if words and not set(words) <= PROPER_NAMES:
            yield text.strip()


@pytest.mark.parametrize("name", NAMES)
def test_template_parses(name: str) -> None:
    assert get_template(name).template.name == name  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_template_holds_no_inline_script_or_style(name: str) -> None:
    source = COMMENT.sub("", read(name))
    inline_scripts = [
        match["body"]
        for match in SCRIPT.finditer(source)
        if match["body"].strip() and 'type="application/json"' not in match["attributes"]
    ]
    assert inline_scripts == []
    assert len(re.findall(r"<style\b", source)) == (name == STANDS_ALONE)
    assert re.findall(r"\sstyle\s*=", source) == []
    assert re.findall(r"\son[a-z]+\s*=", keep_tags(source)) == []
    assert re.findall(r"javascript:|hx-on|hx-vals=[\"']js:", source) == []


@pytest.mark.parametrize("name", NAMES)
def test_template_asks_nothing_of_another_origin(name: str) -> None:
    source = read(name).replace("http://www.w3.org/", "")
    assert re.findall(r"""(?:src|href|action|hx-[a-z]+)\s*=\s*["'](?:https?:)?//""", source) == []


@pytest.mark.parametrize("name", NAMES)
def test_template_text_is_marked_for_translation(name: str) -> None:
    assert list(find_untranslated(read(name))) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Sign in</p>", ["Sign in"]),
        ('<p>{% translate "Sign in" %}</p>', []),
        ("<p>{{ name }} · 3</p>", []),
        ("<pre><code>countersign gate --wait</code></pre>", []),
        ('<img alt="A chart">', ["A chart"]),
        ('{% card "Evidence" %}{% endcard %}', ["Evidence"]),
        ('{% card _("Evidence") %}{% endcard %}', []),
        ("{% blocktranslate %}{{ n }} findings{% endblocktranslate %}", []),
    ],
)
def test_untranslated_text_is_found(source: str, found: list[str]) -> None:
    assert list(find_untranslated(source)) == found


def test_icons_named_anywhere_are_in_the_list() -> None:
    listed = set((ROOT / "static" / "icons.txt").read_text(encoding="utf-8").split("\n"))
    named = {icon for name in NAMES for icon in re.findall(r'\{% icon "([^"]+)"', read(name))}
    for table in (FINDING_LOOKS, STATE_LOOKS, PROGRESS_LOOKS, DECISION_LOOKS):
        named |= {look.icon for look in table.values()}
    named |= {*ENTRY_ICONS.values(), ENTRY_ICON_OTHERWISE}
    assert named - listed == set()


def test_icon_that_is_not_installed_names_the_remedy() -> None:
    with pytest.raises(IconNotInstalled, match=r"static/icons\.txt"):
        draw_icon("no-such-icon")
    with pytest.raises(IconNotInstalled, match="not an icon name"):
        draw_icon("../settings")
