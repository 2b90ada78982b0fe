"""What a visitor's browser does with our forms: read them, and send them back."""

from datetime import timedelta
from html.parser import HTMLParser
from itertools import count

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from distro import clock
from orders import effort

PLAN = "Quillplan: we visit about 80 people a week.\nWe hand it out from a van."
GROUP = {
    "organisation": "Canary Outreach",
    "plan": PLAN,
    "email": "",
    "phone": "614-555-0123",
    "name": "Robin Example",
    "line1": "9 Canary Row",
    "city": "Sampleton",
    "state": "OH",
}


class _Fields(HTMLParser):
    """Names and values a browser would send: hidden and text fields, ticked boxes, chosen options."""

    def __init__(self) -> None:
        super().__init__()
        self.found: MultiDict[str, str] = MultiDict()
        self.inside = False
        self.select = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.inside = given.get("id") == "request"
        if not self.inside:
            return
        if tag == "input" and (given.get("type") not in ("radio", "checkbox") or "checked" in given):
            self.found.add(given["name"], given.get("value", ""))
        if tag == "select":
            self.select = given["name"]
        if tag == "option" and "selected" in given:
            self.found.add(self.select, given.get("value", "1"))


def fields(page: str) -> MultiDict[str, str]:
    """What the form `request` of a page would send as it stands."""
    parser = _Fields()
    parser.feed(page)
    return parser.found


def but_for_code(answer: TestResponse) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of the last page without the claim code, whose words are not equally long."""
    text, headers = answer.text.replace(code_in(answer), ""), dict(answer.headers)
    headers["Content-Length"] = str(int(headers["Content-Length"]) - len(answer.text) + len(text))
    return answer.status_code, text, headers


def filled(client: FlaskClient, **changes: str) -> dict[str, object]:
    """A whole request by Robin Example on a form a minute old, ready for `/done`; `changes` win."""
    with clock.at(clock.now() - timedelta(minutes=1)):
        form = fields(client.get("/").text)["form"]
    return {
        "form": form,
        "item": ["naloxone-nasal"],
        "many-naloxone-nasal": "2",
        "zip": "43215",
        "state": "OH",
        "name": "Robin Example",
        "line1": "1 Sample St",
        "city": "Sampleton",
        "contact": "none",
        **changes,
    }


def filled_group(client: FlaskClient, **changes: object) -> dict[str, object]:
    """Everything that the check page of a group sends, for two cases on a form a minute old; `changes` win."""
    with clock.at(clock.now() - timedelta(minutes=1)):
        form = fields(client.get("/groups").text)["form"]
    need = {"form": form, "item": ["naloxone-nasal"], "many-naloxone-nasal": "2", "zip": "43215"}
    return {**need, **GROUP, **changes}


def code_in(answer: TestResponse) -> str:
    """The claim code on the last page."""
    return answer.text.split('id="claim-code">')[1].split("<")[0]


def solve(form: str, bits: int) -> str:
    """The answer to a form's puzzle, as a browser finds it; about 2**bits tries."""
    return next(str(answer) for answer in count() if effort.is_solved(form, str(answer), bits))
