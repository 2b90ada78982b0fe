"""Every page that participants can see, and the way there: `PAGES[name](page, base_url, prefix)`.

`prefix` is that of a language: "" for English, "/es" for Spanish. Whoever adds a page adds a line to PAGES: what must
hold on every page (test_request.py, test_languages.py) then holds on it. The way goes by names, values and classes and
never by words, so that it is the same in each language. It starts at the front page, on a depot of tests/depot.py.

Length: a few lines for the way to each page, all in one place.
"""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from playwright.sync_api import Locator, Page

Step = Callable[[Page, str, str], None]

_codes: WeakKeyDictionary[Page, str] = WeakKeyDictionary()  # of the open request that this page made


def start(page: Page, base_url: str, prefix: str) -> None:
    page.goto(f"{base_url}{prefix}/")


def nothing_chosen(page: Page, base_url: str, prefix: str) -> None:
    start(page, base_url, prefix)
    _go(page)


def choose(page: Page, zip: str, *items: str) -> None:
    """Choose items on the front page, and go on."""
    for item in items:
        page.locator(f"label[for=item-{item}]").click()
    page.fill("[autocomplete=postal-code]", zip)
    _go(page)


def answer(page: Page, base_url: str, prefix: str) -> None:
    start(page, base_url, prefix)
    choose(page, "43215", "naloxone-nasal")


def which_state(page: Page, base_url: str, prefix: str) -> None:
    start(page, base_url, prefix)
    choose(page, "42223", "naloxone-nasal", "fentanyl-strips")


def some_of_it(page: Page, base_url: str, prefix: str) -> None:
    which_state(page, base_url, prefix)
    page.locator("label[for=state-TN]").click()
    _go(page)


def none_of_it(page: Page, base_url: str, prefix: str) -> None:
    start(page, base_url, prefix)
    choose(page, "43215", "smoking-kit")


def tell(page: Page, base_url: str, prefix: str) -> None:
    """Of what may go there, but is on no shelf."""
    start(page, base_url, prefix)
    choose(page, "55401", "syringe-kit")
    _press(page.locator("[name=wish]"))


def tell_empty(page: Page, base_url: str, prefix: str) -> None:
    tell(page, base_url, prefix)
    page.locator("label[for=way-email]").click()
    _go(page)


def told(page: Page, base_url: str, prefix: str) -> None:
    tell_empty(page, base_url, prefix)
    page.fill("[id=by-email]", "canary.quill@example.org")
    _go(page)


def where(page: Page, base_url: str, prefix: str) -> None:
    answer(page, base_url, prefix)
    _press(page.locator("main form:not(#request) button.go").last)


def where_empty(page: Page, base_url: str, prefix: str) -> None:
    where(page, base_url, prefix)
    _go(page)


def where_doubted(page: Page, base_url: str, prefix: str) -> None:
    where(page, base_url, prefix)
    _address(page)
    page.locator("label[for=kind-other]").click()
    page.select_option("#state", "NY")
    _go(page)


def contact(page: Page, base_url: str, prefix: str) -> None:
    where(page, base_url, prefix)
    _address(page)
    _go(page)


def contact_empty(page: Page, base_url: str, prefix: str) -> None:
    contact(page, base_url, prefix)
    page.locator("label[for=contact-email]").click()
    _go(page)


def check(page: Page, base_url: str, prefix: str) -> None:
    contact(page, base_url, prefix)
    _go(page)


def done(page: Page, base_url: str, prefix: str) -> None:
    check(page, base_url, prefix)
    _go(page)
    _codes[page] = page.locator("#claim-code").inner_text()


def status(page: Page, base_url: str, prefix: str) -> None:
    page.goto(f"{base_url}{prefix}/status")


def wrong_code(page: Page, base_url: str, prefix: str) -> None:
    status(page, base_url, prefix)
    page.fill("#code", "no code")
    _press(page.locator("main .go"))


def news(page: Page, base_url: str, prefix: str) -> None:
    _with_code(page, base_url, prefix)
    _press(page.locator("main .go"))


def order_again(page: Page, base_url: str, prefix: str) -> None:
    """With the code of a request that is still open."""
    _with_code(page, base_url, prefix)
    _press(page.locator("[formaction$=again]"))


def cancel(page: Page, base_url: str, prefix: str) -> None:
    news(page, base_url, prefix)
    _press(page.locator("[formaction$=cancel]"))


def erase(page: Page, base_url: str, prefix: str) -> None:
    news(page, base_url, prefix)
    _press(page.locator("[formaction$=erase]"))


def cancelled(page: Page, base_url: str, prefix: str) -> None:
    cancel(page, base_url, prefix)
    _press(page.locator(".go[name=yes]"))
    del _codes[page]


def erased(page: Page, base_url: str, prefix: str) -> None:
    erase(page, base_url, prefix)
    _press(page.locator(".go[name=yes]"))
    del _codes[page]


def law_chosen(page: Page, base_url: str, prefix: str) -> None:
    page.goto(f"{base_url}{prefix}/law")
    page.select_option("#state", "OH")
    _press(page.locator("main .go"))


def learn_answered(page: Page, base_url: str, prefix: str) -> None:
    """The first answer is wrong, the others are missing."""
    page.goto(f"{base_url}{prefix}/learn")
    page.locator("label[for=q1-0]").click()
    _press(page.locator("main .go"))


def correct(page: Page, base_url: str, prefix: str) -> None:
    news(page, base_url, prefix)
    _press(page.locator("[formaction$=correct]"))


def correct_empty(page: Page, base_url: str, prefix: str) -> None:
    correct(page, base_url, prefix)
    _go(page)


def message(page: Page, base_url: str, prefix: str) -> None:
    news(page, base_url, prefix)
    _press(page.locator("[formaction$=message]"))


def message_empty(page: Page, base_url: str, prefix: str) -> None:
    message(page, base_url, prefix)
    _press(page.locator(".go[name=yes]"))


def reversal_wrong(page: Page, base_url: str, prefix: str) -> None:
    page.goto(f"{base_url}{prefix}/told")
    page.fill("#text", "1 " * 501)  # no word, which somebody would have to translate
    _press(page.locator(".go[name=yes]"))


def voice_empty(page: Page, base_url: str, prefix: str) -> None:
    page.goto(f"{base_url}{prefix}/voice")
    _press(page.locator(".go[name=yes]"))


def thanked(page: Page, base_url: str, prefix: str) -> None:
    page.goto(f"{base_url}{prefix}/told")
    page.locator("#more").fill("x", force=True)  # as a program does, which is thanked without waiting
    _press(page.locator(".go[name=yes]"))


def at(path: str) -> Step:
    """The way to a page that has an address of its own."""

    def go(page: Page, base_url: str, prefix: str) -> None:
        page.goto(f"{base_url}{prefix}{path}")

    return go


def groups(page: Page, base_url: str, prefix: str) -> None:
    page.goto(f"{base_url}{prefix}/groups")


def groups_answer(page: Page, base_url: str, prefix: str) -> None:
    groups(page, base_url, prefix)
    choose(page, "43215", "naloxone-nasal")


def groups_where(page: Page, base_url: str, prefix: str) -> None:
    groups_answer(page, base_url, prefix)
    _press(page.locator("main form:not(#request) button.go"))


def groups_empty(page: Page, base_url: str, prefix: str) -> None:
    groups_where(page, base_url, prefix)
    _go(page)


def groups_check(page: Page, base_url: str, prefix: str) -> None:
    groups_where(page, base_url, prefix)
    page.fill("#organisation", "Sample Outreach")
    page.fill("#plan", "We visit about 80 people a week.")
    page.fill("#phone", "614-555-0123")
    _address(page)
    _go(page)


def groups_done(page: Page, base_url: str, prefix: str) -> None:
    groups_check(page, base_url, prefix)
    _go(page)


PAGES: dict[str, Step] = {
    "start": start,
    "start, nothing chosen": nothing_chosen,
    "answer, yes": answer,
    "answer, asks for the state": which_state,
    "answer, some of it": some_of_it,
    "answer, no": none_of_it,
    "tell": tell,
    "tell, empty": tell_empty,
    "told": told,
    "where": where,
    "where, empty": where_empty,
    "where, another state": where_doubted,
    "contact": contact,
    "contact, empty": contact_empty,
    "check": check,
    "done": done,
    "status": status,
    "status, wrong code": wrong_code,
    "news": news,
    "correct": correct,
    "correct, empty": correct_empty,
    "message": message,
    "message, empty": message_empty,
    "order again, still open": order_again,
    "cancel": cancel,
    "cancelled": cancelled,
    "erase": erase,
    "erased": erased,
    "groups": groups,
    "groups, answer": groups_answer,
    "groups, where": groups_where,
    "groups, empty": groups_empty,
    "groups, check": groups_check,
    "groups, done": groups_done,
    "privacy": at("/privacy"),
    "safety": at("/safety"),
    "cards": at("/cards"),
    "card": at("/cards/respond"),
    "card, papers": at("/cards/paper"),
    "law": at("/law"),
    "law, of a state": law_chosen,
    "learn": at("/learn"),
    "learn, answered": learn_answered,
    "reversal": at("/told"),
    "reversal, wrong": reversal_wrong,
    "voice": at("/voice"),
    "voice, empty": voice_empty,
    "thanks": thanked,
    "no such page": at("/nowhere"),
}


def _with_code(page: Page, base_url: str, prefix: str) -> None:
    """At the field for the code, with that of a request of this page typed in."""
    if page not in _codes:
        done(page, base_url, prefix)
    status(page, base_url, prefix)
    page.fill("#code", _codes[page])


def _press(button: Locator) -> None:
    """Press what leads to another page, and be there: a browser answers a while from the old one."""
    with button.page.expect_navigation():
        button.click()


def _go(page: Page) -> None:
    _press(page.locator("#request .go"))


def _address(page: Page) -> None:
    page.fill("#name", "Robin Example")
    page.fill("#line1", "1 Sample St")
