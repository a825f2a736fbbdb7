"""HTML to PDF: the renderer fetches nothing, whatever the HTML asks for."""

from __future__ import annotations

import io
import logging
import re
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pypdf import PdfReader

from governance.exceptions import GovernanceError
from governance.reports.pdf import Attached, Rendered, render_pdf
from tests.governance.reports.conftest import read_text

pytestmark = pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning")
MADE_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECRET = "the secret of this machine"
PIXEL = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSIxIiBoZWlnaHQ9IjEiLz4="


def render(body: str, *, head: str = "", attached: tuple[Attached, ...] = ()) -> Rendered:
    html = f'<html lang="en"><head><title>T</title>{head}</head><body>{body}</body></html>'
    return render_pdf(html, identifier="ab" * 16, made_at=MADE_AT, attached=attached)


def test_pages_are_counted():
    assert render("<p>One</p>").page_count == 1
    assert render('<p>One</p><p style="break-before: page">Two</p>').page_count == 2


def test_same_html_gives_the_same_bytes_and_other_html_others():
    attached = (Attached("a.json", "A", b"{}"),)
    first = render("<p>One</p>", attached=attached).pdf
    assert render("<p>One</p>", attached=attached).pdf == first
    assert render("<p>Two</p>", attached=attached).pdf != first


@pytest.mark.parametrize("content", [b"{}", b"", bytes(range(256)) * 100])
def test_attached_file_is_inside_byte_by_byte(content):
    reader = PdfReader(io.BytesIO(render("<p>One</p>", attached=(Attached("a.bin", "A", content),)).pdf))
    assert reader.attachments == {"a.bin": [content]}


CHANNELS = {
    "img": ('<img src="{}">', ""),
    "object": ('<object data="{}"></object>', ""),
    "embed": ('<embed src="{}">', ""),
    "svg": ('<svg xmlns="http://www.w3.org/2000/svg"><image href="{}"/></svg>', ""),
    "svg use": ('<svg xmlns="http://www.w3.org/2000/svg"><use href="{}#a"/></svg>', ""),
    "style": ('<p style="background: url({})">x</p>', ""),
    "list": ('<ul style="list-style-image: url({})"><li>x</li></ul>', ""),
    "attachment link": ('<a rel="attachment" href="{}">x</a>', ""),
    "stylesheet": ("", '<link rel="stylesheet" href="{}">'),
    "import": ("", "<style>@import url({});</style>"),
    "font": ("", "<style>@font-face {{ font-family: x; src: url({}) }} p {{ font-family: x }}</style>"),
    "attachment": ("", '<link rel="attachment" href="{}">'),
    "base": ("<img src='secret.txt'>", '<base href="{}">'),
    "srcset": ('<img srcset="{} 2x" alt="">', ""),
    "picture": ('<picture><source srcset="{}"><img alt=""></picture>', ""),
    "iframe": ('<iframe src="{}"></iframe>', ""),
    "video": ('<video src="{}" poster="{}"></video>', ""),
    "audio": ('<audio src="{}"></audio>', ""),
    "input": ('<input type="image" src="{}">', ""),
    "presentational": ('<table background="{}"><tr><td>x</td></tr></table>', ""),
    "border image": ('<p style="border: 1px solid; border-image: url({}) 1">x</p>', ""),
    "mask": ('<p style="mask-image: url({}); clip-path: url({})">x</p>', ""),
    "content": ("<p>x</p>", "<style>p::before {{ content: url({}) }}</style>"),
    "cursor": ('<p style="cursor: url({}), auto; shape-outside: url({})">x</p>', ""),
    "page background": ("", "<style>@page {{ background: url({}) }}</style>"),
    "svg style": ('<svg xmlns="http://www.w3.org/2000/svg"><style>@import url({});</style><rect/></svg>', ""),
    "svg filter": ('<svg xmlns="http://www.w3.org/2000/svg"><filter><feImage href="{}"/></filter></svg>', ""),
    "icon": ("", '<link rel="icon" href="{}"><link rel="preload" href="{}" as="image">'),
    "refresh": ("", '<meta http-equiv="refresh" content="0; url={}">'),
}
assert len(CHANNELS) == 29


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text(SECRET)
    return path


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("scheme", ["file", "bare", "http", "ftp"])
def test_no_channel_brings_anything_in(name, scheme, secret, monkeypatch, caplog):
    address = {
        "file": secret.as_uri(),
        "bare": str(secret),
        "http": "http://127.0.0.1:9/secret.txt",
        "ftp": "ftp://127.0.0.1:9/secret.txt",
    }[scheme]
    opened = watch_for(monkeypatch, secret)
    body, head = (part.format(address, address) for part in CHANNELS[name])
    with caplog.at_level(logging.CRITICAL):
        made = render_or_refuse(body, head)
    assert opened == []
    if made is not None:
        assert SECRET not in read_text(made)
        assert {"Before", "After"} <= set(read_text(made).split())
        assert PdfReader(io.BytesIO(made)).attachments == {}


def render_or_refuse(body: str, head: str) -> bytes | None:
    """The pages; None when the renderer refused to go on because something was to be fetched."""
    try:
        return render(f"<p>Before</p>{body}<p>After</p>", head=head).pdf
    except (GovernanceError, ValueError) as error:
        if re.match("a report fetches nothing|Relative URI reference without a base URI", str(error)):
            return None
        raise


def watch_for(monkeypatch: pytest.MonkeyPatch, secret: Path) -> list[str]:
    """Note every connection and every opening of the secret."""
    seen: list[str] = []

    def connect(_self: object, address: object) -> None:
        seen.append(f"connect {address}")
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", connect)

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]) == str(secret):
            seen.append(f"open {secret}")

    sys.addaudithook(audit)  # stays, and costs next to nothing: the path is this test's alone
    return seen


def test_picture_inside_the_html_is_drawn(caplog):
    with caplog.at_level(logging.WARNING):
        assert render(f'<img src="{PIXEL}" alt="A picture">').page_count == 1
    assert caplog.records == []


def test_html_that_is_no_html_is_printed_as_text():
    assert read_text(render("<p>a < b && c > d</p></div></td><p>end").pdf) == "a < b && c > d end 1 / 1"
