"""A third language is a catalog and nothing else; and each catalog is whole."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import CommandLineInterface, parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import gettext

from distro import languages
from distro.app import create_app
from distro.config import Settings
from distro.errors import SettingWrong
from orders import labels
from orders.identity import open_person
from orders.models import Order
from tests import pseudo
from tests.depot import Depot
from tests.orders.forms import code_in, filled
from tests.orders.test_labels import text_of

ROOT = pseudo.ROOT
KEYWORDS = {**DEFAULT_KEYWORDS, "_l": None, "lazy_gettext": None}
THEIRS = Path(os.environ["TRANSLATIONS"]) if "TRANSLATIONS" in os.environ else None


def used_by(config: str) -> set[str]:
    """What pybabel finds by one of our two lists of files."""
    with (ROOT / config).open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT, methods, options, KEYWORDS, directory_filter=pseudo.is_ours)
    return {str(message[2]) for message in found}


def faults(catalog: Catalog, used: set[str]) -> list[str]:
    """What a catalog lacks of the texts in use, and what is wrong in it."""
    missing = sorted(text for text in used if not (message := catalog.get(text)) or not message.string or message.fuzzy)
    return [*missing, *(str(error) for _, errors in catalog.check() for error in errors)]


def listed(code: str, found: list[str]) -> str:
    """What a translator reads: every one of them, on a line of its own."""
    return "\n".join([f"{code}: {len(found)} texts are missing, fuzzy, or have other placeholders:", *found])


def read(path: Path, code: str) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=code)


CATALOGS = [path for folder in languages.folders(THEIRS) for path in sorted(folder.glob("*/LC_MESSAGES/messages.po"))]


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-3])
def test_each_catalog_has_every_text_and_its_placeholders(path: Path) -> None:
    code = path.parts[-3]
    found = faults(read(path, code), used_by("babel.cfg"))
    if found:
        pytest.fail(listed(code, found), pytrace=False)


def test_our_spanish_holds_nothing_that_is_not_in_use() -> None:
    used = used_by("babel.cfg")
    assert len(used) > 100 and used < used_by("translate.cfg")
    assert {str(message.id) for message in read(pseudo.SPANISH, "es") if message.id} - used == set()


def test_what_is_missing_fuzzy_or_wrong_in_a_catalog_is_noticed() -> None:
    catalog = Catalog(locale="fr")
    catalog.add("one", "un")
    catalog.add("two", "")
    catalog.add("three", "trois", flags=["fuzzy"])
    catalog.add("%(days)s days", "%(jours)s jours", flags=["python-format"])
    used = {"one", "two", "three", "%(days)s days", "gone"}
    assert faults(catalog, used)[:3] == ["gone", "three", "two"] and len(faults(catalog, used)) > 3
    assert listed("fr", faults(catalog, used)).splitlines()[:4] == [
        f"fr: {len(faults(catalog, used))} texts are missing, fuzzy, or have other placeholders:",
        "gone",
        "three",
        "two",
    ]


def test_the_languages_are_those_with_a_catalog(tmp_path: Path) -> None:
    assert [(one.code, one.name, one.direction, one.prefix) for one in languages.spoken()] == [
        ("en", "English", "ltr", ""),
        ("es", "Español", "ltr", "/es"),
    ]
    for code in ("pt_BR", "ar", "es"):
        (tmp_path / code / "LC_MESSAGES").mkdir(parents=True)
        (tmp_path / code / "LC_MESSAGES" / "messages.mo").touch()
    found = languages.spoken(tmp_path)
    assert [one.tag for one in found] == ["en", "es", "ar", "pt-BR"]
    assert (found[2].direction, found[3].name) == ("rtl", "Português (Brasil)")
    (tmp_path / "zh_CN" / "LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "zh_CN" / "LC_MESSAGES" / "messages.mo").touch()
    with pytest.raises(SettingWrong, match="zh_Hans_CN"):
        languages.spoken(tmp_path)
    (tmp_path / "zh_CN").rename(tmp_path / "xx")
    with pytest.raises(SettingWrong, match="“xx” is no language"):
        languages.spoken(tmp_path)
    with pytest.raises(SettingWrong, match="no such folder"):
        languages.spoken(tmp_path / "nowhere")


def test_an_address_says_its_language() -> None:
    known = ["en", "es", "ht"]
    said = {"/": "en", "/es": "es", "/es/": "es", "/ht/done": "ht", "/hto": "en", "/en/": "en", "//es/": "en"}
    assert {path: languages.of_path(path, known)[0] for path in said} == said
    assert languages.of_path("/ht/done", known)[1] == "/done" == languages.of_path("/done", known)[1]


def test_a_folder_of_ones_own_changes_single_texts_and_a_regions_spanish_falls_back_on_ours(
    settings: Settings, tmp_path: Path
) -> None:
    for code in ("es", "es_MX"):
        catalog = Catalog(locale=code)
        catalog.add("Start", f"Comienzo {code}")
        _compile(catalog, tmp_path / code)
    app = create_app(replace(settings, translations=tmp_path))
    with app.app_context():
        said = {}
        for code in ("en", "es", "es_MX", "no longer spoken"):
            with languages.speaking(code):
                said[code] = (gettext("Start"), gettext("Privacy"), languages.pick("box", "caja"))
    assert said == {
        "en": ("Start", "Privacy", "box"),
        "es": ("Comienzo es", "Privacidad", "caja"),
        "es_MX": ("Comienzo es_MX", "Privacidad", "caja"),
        "no longer spoken": ("Start", "Privacy", "box"),
    }


def _compile(catalog: Catalog, folder: Path) -> None:
    (folder / "LC_MESSAGES").mkdir(parents=True)
    with (folder / "LC_MESSAGES" / "messages.mo").open("wb") as file:
        write_mo(file, catalog)


# From here on: French, made by the commands of docs/translate.md alone.


SLIP = {
    "Packing slip": "Contenu",
    "Order %(number)s": "Demande %(number)s",
    "Your code shows what we know about it.": "Votre code montre ce que nous en savons.",
}


@pytest.fixture
def french(settings: Settings, depot: Depot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    folder = tmp_path / "our-languages"
    folder.mkdir()
    monkeypatch.chdir(ROOT)
    extract, init, compile = _commands(folder)[:3]
    CommandLineInterface().run(extract)
    CommandLineInterface().run(init)
    path = folder / "fr" / "LC_MESSAGES" / "messages.po"
    catalog = read(path, "fr")
    for text in pseudo.depot_texts():  # a catalog of items and rules that are not in our files
        catalog.add(text)
    for message in catalog:
        if message.id:
            message.string = SLIP.get(str(message.id)) or pseudo.marked(str(message.id))
    with path.open("wb") as file:
        write_po(file, catalog)
    CommandLineInterface().run(compile)
    pseudo.make(folder, "ar", pseudo.mirrored)
    return create_app(replace(settings, translations=folder))


def _commands(folder: Path) -> list[list[str]]:
    """What the page tells a translator to type, for another folder."""
    lines = (ROOT / "docs" / "translate.md").read_text().splitlines()
    typed = [line.split("/bin/", 1)[1] for line in lines if line.startswith("    .venv/bin/pybabel")]
    return [line.replace("../our-languages", str(folder)).replace("pybabel ", "pybabel -q ").split() for line in typed]


class Words(HTMLParser):
    """The texts of a page that must be in its language, and where its links and forms lead."""

    NOBODYS = ("bdi", "script", "style")

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[bool] = []
        self.texts: list[str] = []
        self.paths: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        others = given.get("class") == "language" or given.get("id") == "claim-code" or given.get("translate") == "no"
        if not others:
            self.paths += [given[name] for name in ("href", "action", "formaction") if name in given]
        if tag not in ("input", "meta", "link", "br"):
            self.inside.append(others or tag in self.NOBODYS or given.get("href", "").startswith("http"))

    def handle_endtag(self, tag: str) -> None:
        self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not any(self.inside):
            self.texts.append(data)


def look(page: str) -> None:
    """Everything on a page is French, and leads to French pages."""
    assert '<html lang="fr" dir="ltr">' in page
    words = Words()
    words.feed(page)
    assert pseudo.untranslated(words.texts) == []
    elsewhere = ("/static/", "/fr/", "#", "tel:", "https:", "data:")
    assert [path for path in words.paths if not path.startswith(elsewhere)] == []
    names = re.findall(r'class="language"[^>]*lang="(\w+)"[^>]*>([^<]+)<', page)
    assert names in ([], [("en", "English"), ("es", "Español"), ("ar", "العربية")])


def pages(client: FlaskClient) -> Iterator[tuple[int, str]]:
    """A whole request, with what can go wrong on the way: the status and the page of each answer."""
    for path in ("/", "/status", "/privacy", "/nowhere"):
        yield (answer := client.get(f"/fr{path}")).status_code, answer.text
    typed = filled(client)
    wrong: list[tuple[str, dict[str, str]]] = [
        ("/answer", {"zip": "4321"}),
        ("/answer", {"zip": "42223", "item": "fentanyl-strips", "state": ""}),
        ("/answer", {"item": "smoking-kit"}),
        ("/contact", {"name": "", "line1": "", "city": "", "state": ""}),
        ("/contact", {"state": "NY"}),
        ("/check", {"contact": "email", "email": "robin"}),
        ("/check", {"contact": "phone", "phone": "12"}),
        ("/done", {"form": "tampered"}),
        ("/status", {"code": "no code"}),
        ("/cancel", {"code": "no code"}),
    ]
    for path, change in wrong:
        yield (answer := client.post(f"/fr{path}", data={**typed, **change})).status_code, answer.text
    for path in ("/", "/answer", "/where", "/contact", "/check"):
        yield (answer := client.post(f"/fr{path}", data=typed)).status_code, answer.text
    done = client.post("/fr/done", data=typed)
    yield done.status_code, done.text
    code = {"code": code_in(done)}
    for path, more in (("/status", {}), ("/cancel", {}), ("/erase", {}), ("/cancel", {"yes": "1"}), ("/status", {})):
        yield (answer := client.post(f"/fr{path}", data=code | more)).status_code, answer.text


def test_a_whole_request_in_a_language_that_was_never_in_the_code(french: Flask, depot: Depot) -> None:
    client = french.test_client()
    seen = []
    for status, page in pages(client):
        seen.append(status)
        look(page)
    assert seen.count(200) > 10 and seen.count(404) == 3 and seen.count(422) >= 5
    order = depot.session.query(Order).one()
    person = open_person(order, depot.keys)
    assert person.language == "fr"
    with french.app_context():
        slip = text_of(labels.slip(number=order.number, contents=[("A", 2)], language=person.language))
        arabic = text_of(labels.slip(number=order.number, contents=[("A", 2)], language="ar"))
    assert "Contenu" in slip and f"Demande {order.number}" in slip and "Votre code" in slip
    assert "Packing slip" in arabic and f"Order {order.number}" in arabic  # our font has not its letters


def test_a_page_that_is_not_translated_is_noticed(client: FlaskClient, depot: Depot) -> None:
    with pytest.raises(AssertionError):
        look(client.get("/").text.replace('<html lang="en"', '<html lang="fr"'))
