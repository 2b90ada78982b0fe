"""What must hold on every page of the tour, in both languages, error states too (P11 to P15, P17)."""

from collections import Counter
from collections.abc import Iterator

from axe_playwright_python.sync_playwright import Axe
from babel.messages.pofile import read_po
from playwright.sync_api import Page

from distro import languages
from distro.app import ROOT
from tests.bench import Row
from tests.browser.test_request import TARGETS
from tests.browser.tour import PAGES
from tests.measure import PREFIXES, World, measure
from tests.neutral import telling
from tests.readability import ease, grade

LEGAL = {"privacy", "law", "law, of a state", "safety"}  # pages about rules: grade 8
ZOOMED = {"width": 320, "height": 225}  # 1280 x 900 at 400 %
# What people read; not names: of programs, of cards, of states in a list.
TEXT = """[...document.querySelectorAll('main :is(h1, h2, h3, p, li, dt, dd, legend, label, summary, small, .hint)')]
    .filter(one => one.offsetParent && !one.closest('.help, .list, main [dir=ltr], .code, .sources') &&
        !one.querySelector(':is(p, li, label, ul, small, button, [lang])'))
    .map(one => one.innerText.replace(/\\s+/g, ' ').trim()).filter(text => text.split(' ').length > 2).join('\\n')"""
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@measure
def every_page(world: World) -> Iterator[Row]:
    found: Counter[str] = Counter()
    hardest: dict[str, tuple[float, str]] = {}
    looked, wrong = 0, 0
    telltale: list[str] = []
    for language, prefix in PREFIXES.items():
        page = world.page()
        for name, go in PAGES.items():
            go(page, world.url, prefix)
            page.wait_for_load_state("load")
            looked += 1
            wrong += page.locator(".problems").count() > 0
            found["axe"] += Axe().run(page).violations_count
            found["targets"] += len(page.evaluate(TARGETS))
            found["wide"] += page.evaluate(WIDE) > 0
            page.set_viewport_size(ZOOMED)  # type: ignore[arg-type]
            found["zoomed"] += page.evaluate(WIDE) > 0
            page.set_viewport_size({"width": 320, "height": 640})
            telltale += [f"{name}: {word}" for word in telling(page.title() + " " + page.url)]
            _note_hardest(hardest, language, name, page)
    pages = f"{looked} pages, {wrong} with errors shown"
    yield Row("P11", f"axe violations on {pages}", "0", str(found["axe"]), not found["axe"] and wrong >= 10)
    yield Row("P12", "things to tap smaller than 44 x 44 pixels", "0", str(found["targets"]), not found["targets"])
    yield Row("P13", "pages wider than 320 pixels", "0", str(found["wide"]), not found["wide"])
    yield Row("P13", "pages wider than the window at 400 % zoom", "0", str(found["zoomed"]), not found["zoomed"])
    yield Row("P17", "words in titles and addresses that tell", "0", str(len(telltale)), not telltale)
    for key, most in (("en", 6), ("en, legal", 8)):
        level, name = hardest.get(key, (99.0, "none was read"))
        what = f"reading grade of the hardest page ({name}), {key}"
        yield Row("P14", what, f"<= {most}", f"{level:.1f}", level <= most)
    level, name = hardest.get("es", (0.0, "none was read"))
    yield Row("P14", f"Fernández-Huerta of the hardest page ({name})", ">= 80", f"{-level:.0f}", -level >= 80)


def _note_hardest(hardest: dict[str, tuple[float, str]], language: str, name: str, page: Page) -> None:
    text = page.evaluate(TEXT)
    if len(text.split()) < 60:  # a formula says nothing of a few words
        return
    level = grade(text) if language == "en" else -ease(text)
    key = "en, legal" if language == "en" and name in LEGAL else language
    hardest[key] = max(hardest.get(key, (-1000.0, "")), (level, name))


@measure
def every_language(world: World) -> Iterator[Row]:
    with world.app.app_context():
        spoken = {language.code for language in languages.spoken()}
    catalogs = sorted((ROOT / "distro" / "translations").glob("*/LC_MESSAGES/messages.po"))
    for path in catalogs:
        with path.open("rb") as file:
            texts = [message for message in read_po(file) if message.id]
        done = sum(bool(message.string) and not message.fuzzy for message in texts)
        yield Row("P15", f"texts translated, {path.parts[-3]}", str(len(texts)), str(done), done == len(texts))
    yield Row("P15", "languages spoken", "en, es", ", ".join(sorted(spoken)), {"en", "es"} <= spoken)
