"""Places and rules that the tests of this folder share."""

import re
from datetime import UTC, date, datetime
from textwrap import dedent, indent

from sqlalchemy.orm import Session

from distro.auth import Role, User
from geo import rulefile
from geo.models import County, State, Zip, ZipKind
from geo.places import Place
from geo.rules import Area, BookRule, Effect, Held, Law, RuleBook

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = date(2026, 11, 22)
COLUMBUS = Place("43215", ZipKind.STANDARD, "Columbus", ("OH",), ("39049",), 39.97, -83.0)
FOUR_CORNERS = Place("86514", ZipKind.STANDARD, "Teec Nos Pos", ("AZ", "NM", "UT"), ("04001",), 36.8, -109.4)


def rule(key: str, effect: Effect = Effect.ALLOW, **fields: object) -> BookRule:
    """A reviewed rule on `thing` for the place its key begins with."""
    values: dict[str, object] = {"place": key[:2], "items": ("thing",), "reviewed_by": "Example Reviewer"}
    values |= {"sentence": f"{key} says", "sentence_es": f"{key} dice"}
    return BookRule(key=key, effect=effect, **{**values, **fields})  # type: ignore[arg-type]


USUAL = {
    "legal_status": "allowed",
    "scope": "statewide",
    "citation": "1 X.Y. 2",
    "source": "A page",
    "source_date": '"2026-11"',
    "confidence": "high",
    "reviewed_by": "Example Reviewer",
    "reviewed_on": "2026-11-20",
    "sentence": "We can mail this.",
    "sentence_es": "Podemos enviarlo.",
}

USUAL_NO = {"sentence": "We can't mail this.", "sentence_es": "No podemos enviarlo."}


def rules_text(rules: str, areas: str = "") -> str:
    """A file of these rules, each written `- key: ...`; what they leave out is as usual. `areas` likewise."""
    text = 'name: Test rules\nversion: "1"\n'
    if areas:
        text += "areas:\n" + indent(dedent(areas).strip(), "  ") + "\n"
    text += "rules:\n"
    for block in re.split(r"(?m)^(?=- key:)", dedent(rules).strip()):
        no = re.search(r"\n  (?:effect: deny|in_person:|credentials:)", block) is not None
        usual = USUAL | (USUAL_NO if no else {}) | ({"legal_status": "prohibited"} if "effect: deny" in block else {})
        missing = [f"  {name}: {said}" for name, said in usual.items() if f"\n  {name}:" not in block]
        text += indent("\n".join([block.rstrip(), *missing]), "  ") + "\n" if block.strip() else ""
    return text


def law(rules: str, *held: Held, areas: str = "", allow_unreviewed: bool = False) -> Law:
    """What a file of these rules, and these papers, come to. An area's ZIP codes lie surely in it."""
    file = rulefile.read(rules_text(rules, areas), rulefile.ANYTHING)
    named = [
        Area(area["code"], area["kind"], inside=frozenset(area["zips"]), counties=frozenset(area["counties"]))
        for area in file.areas
    ]
    return Law(RuleBook.of(map(BookRule.of, file.rules), named, allow_unreviewed=allow_unreviewed), held)


def place(zip: str, *states: str, counties: tuple[str, ...] = (), kind: ZipKind = ZipKind.STANDARD) -> Place:
    """A ZIP code in these states."""
    return Place(zip, kind, "Example City", states, counties)


def add_staff(session: Session, *usernames: str) -> None:
    """Reviewers by these names, who cannot sign in."""
    session.add_all(User(username=name, role=Role.REVIEWER, password_hash="none") for name in usernames)
    session.flush()


def add_places(session: Session) -> None:
    """Four states, a county and three ZIPs, without the cost of loading all."""
    for code, name in {"OH": "Ohio", "AZ": "Arizona", "NM": "New Mexico", "UT": "Utah"}.items():
        session.add(
            State(code=code, name=name, name_es=name, kind="state", outline="M1 1l2 0 0 2z", label_x=1, label_y=1)
        )
    session.flush()
    session.add(County(fips="39049", name="Franklin", state="OH"))
    for place in (COLUMBUS, FOUR_CORNERS):
        session.add(
            Zip(
                zip=place.zip,
                kind=place.kind,
                city=place.city,
                states=list(place.states),
                counties=list(place.counties),
                latitude=place.latitude,
                longitude=place.longitude,
            )
        )
    session.add(Zip(zip="09003", kind=ZipKind.MILITARY, city="Apo", states=["AE"], counties=[]))
    session.flush()
