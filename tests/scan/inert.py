"""Whether an answer is harmless whatever was typed: nothing of it became an element, a handler, a header, a formula."""

import csv
import json
import re
from functools import lru_cache
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import yaml

from tests.scan.pages import Answer

ROOT = Path(__file__).parent.parent.parent
TEXTS = (
    "text/html",
    "text/csv",
    "text/plain",
    "text/yaml",
    "application/json",
    "application/pdf",
    "text/css",
    "image/svg+xml",
)
ANSWERS = frozenset({200, 302, 303, 308, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 503})
HEADERS = frozenset(
    [
        "allow",
        "cache-control",
        "clear-site-data",
        "connection",
        "content-disposition",
        "content-encoding",
        "content-length",
        "content-security-policy",
        "content-type",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "date",
        "etag",
        "location",
        "permissions-policy",
        "referrer-policy",
        "retry-after",
        "server",
        "set-cookie",
        "strict-transport-security",
        "transfer-encoding",
        "vary",
        "www-authenticate",
        "x-content-type-options",
        "x-frame-options",
        "x-robots-tag",
    ]
)
BOOLEAN = frozenset(
    [
        "autofocus",
        "checked",
        "defer",
        "disabled",
        "formnovalidate",
        "hidden",
        "multiple",
        "novalidate",
        "open",
        "readonly",
        "required",
        "selected",
    ]
)
_ADDRESSES = ("href", "src", "action", "formaction", "xlink:href", "data", "poster", "background")
_RUNS = re.compile(r"(?:java|vb|live)script:|data:(?!,|image/(?:png|svg))|blob:", re.IGNORECASE)
_MARKUP = re.compile(r"<[a-z!/?][^<>]{3,}>?", re.IGNORECASE)
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")  # OWASP, CSV injection
_NUMBER = re.compile(r"[+-]?[\d.,]+%?")
_DANGERS_OF_PDF = (
    b"/JavaScript",
    b"/JS",
    b"/OpenAction",
    b"/AA",
    b"/Launch",
    b"/URI",
    b"/EmbeddedFile",
    b"/SubmitForm",
)
_JINJA = re.compile(r"\{([{%#]).*?[}%#]\}", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n.*?endstream", re.DOTALL)


def faults(answer: Answer, typed: str = "") -> list[str]:
    """What is wrong with an answer to `typed`; nothing if it is harmless."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    found = _wrong_headers(answer)
    if answer.status_code not in ANSWERS:
        found.append(f"answered {answer.status_code}")
    if answer.status_code in (302, 303, 308):
        return found
    if kind not in TEXTS:
        found.append(f"a content type of its own: {kind!r}")
    if kind == "text/html":
        found += _wrong_page(answer.text, typed)
        if answer.status_code >= 400 and len(_words(answer.text)) < 20:
            found.append("refused without a sentence")
    elif kind == "text/csv":
        found += [f"a formula in a cell: {cell[:40]!r}" for cell in _cells(answer.text) if _is_formula(cell)]
    elif kind == "image/svg+xml":  # a drawing of ours, which nothing typed goes into but as a pattern of squares
        found += [
            f"a drawing that acts: {name}"
            for name in re.findall(r"<(?!/?(?:svg|path|g|title|rect)\b|\?xml)\w+|\son\w+=", answer.text)
        ]
    elif kind == "application/json":
        found += _unless_read(json.loads, answer.text)
    elif kind == "text/yaml":
        found += _unless_read(yaml.safe_load, answer.text)
    elif kind == "application/pdf":
        bare = _STREAM.sub(b"", answer.data)
        found += [f"a PDF that acts: {name.decode()}" for name in _DANGERS_OF_PDF if re.search(name + rb"\b", bare)]
    return found


def _wrong_headers(answer: Answer) -> list[str]:
    names = {name.lower() for name in answer.headers.keys()}  # noqa: SIM118 - requests and werkzeug differ in iterating
    found = [f"a header of its own: {name[:40]!r}" for name in sorted(names - HEADERS)]
    where = answer.headers.get("Location", "/")
    if not re.match(r"/(?![/\\])|https?://(127\.0\.0\.1|localhost)[:/]|https://www\.weather\.gov/$", where):
        found.append(f"leads away: {where[:60]!r}")
    cookies = answer.headers.get("Set-Cookie", "")
    if "zq7k" in cookies:
        found.append("a cookie of its own")
    return found


class _Nodes(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.words: list[str] = []
        self._quiet = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        tags, names = vocabulary()
        self._quiet = tag if tag in ("script", "style", "title") else self._quiet
        if tag not in tags:
            self.wrong.append(f"an element of its own: <{tag[:40]}>")
        for name, value in attributes:
            if name.startswith("on") or name == "style" or name not in names:
                self.wrong.append(f"an attribute of its own: {tag[:40]} {name[:40]}")
            if name in _ADDRESSES and _RUNS.match(re.sub(r"[\s\x00-\x20]", "", value or "")):
                self.wrong.append(f"an address that runs: {name}={(value or '')[:40]!r}")
            if (
                name in ("src", "action", "formaction")
                and re.match(r"\w+:|//", value or "")
                and "data:" not in str(value)
            ):
                self.wrong.append(f"sends or loads elsewhere: {name}={(value or '')[:40]!r}")
        if tag == "script" and not dict(attributes).get("src"):
            self.wrong.append("an inline script")

    def handle_endtag(self, tag: str) -> None:
        self._quiet = "" if tag == self._quiet else self._quiet

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.words.append(data)


def _wrong_page(html: str, typed: str) -> list[str]:
    nodes = _Nodes()
    nodes.feed(html)
    nodes.close()
    ours = _sources()
    raw = [part for part in _MARKUP.findall(typed[:20_000]) if part in html and part not in ours]
    return sorted(set(nodes.wrong)) + [f"unescaped: {part[:40]!r}" for part in raw[:3]]


def _words(html: str) -> str:
    nodes = _Nodes()
    nodes.feed(html)
    return " ".join(" ".join(nodes.words).split())


@lru_cache(maxsize=1)
def _sources() -> str:
    """All that we write of markup: the templates, and the maps."""
    files = [*(ROOT / "templates").rglob("*.html"), ROOT / "geo" / "maps.py"]
    return _JINJA.sub("", "\n".join(path.read_text(encoding="utf-8") for path in files))


@lru_cache(maxsize=1)
def vocabulary() -> tuple[frozenset[str], frozenset[str]]:
    """The elements and the attributes that stand in our own markup."""
    tags = re.findall(r"<([a-zA-Z][a-zA-Z0-9]*)", _sources())
    names = re.findall(r"([a-zA-Z][\w:-]*)=[\"']", _sources())
    marks = re.findall(r"\bdata-[a-z-]+", _sources())
    return frozenset(map(str.lower, tags)), frozenset(map(str.lower, names)) | BOOLEAN | frozenset(marks)


def _cells(text: str) -> list[str]:
    return [cell for row in csv.reader(StringIO(text)) for cell in row]


def _is_formula(cell: str) -> bool:
    return any(map(_FORMULA.match, (cell, cell.lstrip()))) and not _NUMBER.fullmatch(cell)


def _unless_read(read: object, text: str) -> list[str]:
    try:
        read(text)  # type: ignore[operator]
    except (ValueError, yaml.YAMLError) as problem:
        return [f"cannot be read back: {type(problem).__name__}"]
    return []
