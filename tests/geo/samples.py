"""Places and rules that the tests of this folder share."""

from datetime import UTC, date, datetime

from sqlalchemy.orm import Session

from geo.models import County, State, Zip, ZipKind
from geo.places import Place
from geo.rules import BookRule, Effect

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = date(2026, 11, 22)
COLUMBUS = Place("43215", ZipKind.STANDARD, "Columbus", ("OH",), ("39049",), 39.97, -83.0)
FOUR_CORNERS = Place("86514", ZipKind.STANDARD, "Teec Nos Pos", ("AZ", "NM", "UT"), ("04001",), 36.8, -109.4)


def rule(key: str, effect: Effect = Effect.ALLOW, **fields: object) -> BookRule:
    """A reviewed rule on `thing` for the place its key begins with."""
    values: dict[str, object] = {"reviewed": True, "sentence": f"{key} says", "sentence_es": f"{key} dice"}
    return BookRule(key=key, place=key[:2], items=("thing",), effect=effect, **{**values, **fields})  # type: ignore[arg-type]


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
