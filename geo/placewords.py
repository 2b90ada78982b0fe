"""Places as people type and read them: `Marion, IN` for county:18097, `Indiana` for IN."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from unicodedata import normalize

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo.models import State
from geo.places import county_names
from geo.rulefile import PLACE
from geo.rules import MILITARY, NATION

KINDS = {
    "nation": "The whole nation",
    "state": "State or territory",
    "county": "County",
    "zip": "ZIP code",
    "area": "Area of this draft",
    "military": "Military addresses",
}
MOST_NEAR = 3
_NUMBER = re.compile(r"\(?(\d{5})\)?")
_COUNTY_WORD = re.compile(
    r"\s+(county|parish|(city and )?borough|census area|municipality|municipio)\s*$", re.IGNORECASE
)
_CITY = " (city)"  # beside a county of the same name
_ITS_NUMBER = re.compile(r" \(\d{5}\)$")
_SPACE_AFTER_COLON = re.compile(r":\s+")


@dataclass(frozen=True, slots=True)
class Names:
    """What states (by code) and counties (by FIPS code) are called; counties as `geo.places.county_names` says."""

    states: Mapping[str, str]
    counties: Mapping[str, str]

    def of(self, place: str) -> str:
        """What people call a place that a rule names; the code itself where nothing better is known."""
        sort, _, code = place.partition(":")
        if sort == "county":
            return self.counties.get(code, place)
        if place in (NATION, MILITARY):
            return KINDS["nation" if place == NATION else MILITARY]
        return f"ZIP code {code}" if sort == "zip" else self.states.get(place, place)


def names(session: Session) -> Names:
    """The names of all states and counties: two queries."""
    return Names(dict(session.execute(select(State.code, State.name)).all()), county_names(session))


def kind(place: str) -> str:
    """Which of KINDS a place code is."""
    if place in (NATION, MILITARY):
        return "nation" if place == NATION else MILITARY
    sort = place.partition(":")[0]
    return sort if sort in KINDS else "state"


def shown(place: str, known: Names) -> str:
    """A place code as the form shows it beside its kind."""
    sort, _, code = place.partition(":")
    if place in (NATION, MILITARY):
        return ""
    return known.counties.get(code, code) if sort == "county" else code or place


def read(text: str, wanted: str, known: Names) -> str:
    """The code of the place that was typed; `wanted` is one of KINDS, or empty for whatever it looks like.

    Takes names, codes and numbers. Raises ValidationError with what to type instead.
    """
    if wanted in ("nation", MILITARY):
        return NATION if wanted == "nation" else MILITARY
    text = _SPACE_AFTER_COLON.sub(":", " ".join(text.split()))
    if not text:
        raise ValidationError("Say which place, such as Marion, IN or 46202.")
    if re.match(PLACE, text) and wanted in ("", kind(text)):
        return text
    wanted = wanted or _looks_like(text, known)
    if wanted == "county":
        return f"county:{_county(text, known)}"
    if wanted == "zip":
        if not _NUMBER.fullmatch(text):
            raise ValidationError("A ZIP code has 5 digits, such as 46202.")
        return f"zip:{text}"
    if wanted == "area":
        return f"area:{text.lower()}"
    return _state(text, known)


def read_several(text: str, known: Names) -> list[str]:
    """Place codes from `Clark, OH; IN` or `county:39049, IN`, each once. Raises ValidationError as `read` does."""
    codes: list[str] = []
    for part in re.split(r"[;\n]", text):
        pieces = _SPACE_AFTER_COLON.sub(":", part).replace(",", " ").split()
        tidy = [piece.upper() if len(piece) == 2 else piece.lower() for piece in pieces]
        if all(re.match(PLACE, piece) or piece in known.states for piece in tidy):
            codes += tidy
        elif all(_NUMBER.fullmatch(piece) for piece in pieces):
            codes += [f"zip:{piece}" for piece in pieces]
        else:
            codes.append(read(part, "", known))
    return list(dict.fromkeys(codes))


def written(codes: Iterable[str], known: Names) -> str:
    """Place codes as `read_several` takes them: `Clark, OH; IN`."""
    return "; ".join(known.of(code) if code.startswith("county:") else code for code in codes)


def _looks_like(text: str, known: Names) -> str:
    if "," in text:
        return "county"
    if _NUMBER.fullmatch(text):
        return "zip"
    return "state" if _state_code(text, known) or not _in_states(text, known) else "county"


def _state(text: str, known: Names) -> str:
    found = _state_code(text, known)
    if not found:
        squeezed = {_squeezed(name): name for name in known.states.values()}
        near = _did_you_mean([squeezed[one] for one in _near(_squeezed(text), squeezed)])
        raise ValidationError(
            f"“{text[:60]}” is not a state we know.{near} Type its name or its two letters, such as IN."
        )
    return found


def _state_code(text: str, known: Names) -> str | None:
    wanted = _squeezed(text)
    return next((code for code, name in known.states.items() if wanted in (code.casefold(), _squeezed(name))), None)


def _county(text: str, known: Names) -> str:
    number = _NUMBER.search(text)
    if number:
        if number[1] not in known.counties:
            raise ValidationError(f"{number[1]} is not the number of a county we know.")
        return number[1]
    name, _, state = (part.strip() for part in text.rpartition(","))
    if not name:
        raise ValidationError(_which_state(state, known))
    code = _state(state, known)
    wanted, here = _squeezed(name), _counties_of(code, known)
    found = [fips for fips, called in here.items() if called == wanted]
    if not _COUNTY_WORD.search(name):
        found += [fips for fips, called in _cities_of(code, known).items() if called == wanted]
    if len(found) > 1:
        several = "; ".join(known.counties[fips] for fips in found)
        raise ValidationError(f"There are {len(found)} of that name: {several}. Type one of these.")
    if not found:
        near = _near(wanted, here.values())
        called = [known.counties[fips] for one in near for fips, plain in here.items() if plain == one]
        hint = _did_you_mean(list(dict.fromkeys(called))) or " Type it with its state, such as Marion, IN."
        raise ValidationError(f"“{text[:60]}” is not a county we know.{hint}")
    return found[0]


def _which_state(name: str, known: Names) -> str:
    states = _in_states(name, known)
    if not states:
        return f"“{name[:60]}” is not a county we know. Type it with its state, such as Marion, IN."
    plain = _COUNTY_WORD.sub("", name)
    return f"Which state? {plain} is in {', '.join(states)}. Type it with its state, such as {plain}, {states[0]}."


def _in_states(name: str, known: Names) -> list[str]:
    """The states that have a county of that name."""
    wanted = _squeezed(name)
    return sorted({state for county, state in map(_parts, known.counties.values()) if _squeezed(county) == wanted})


def _counties_of(state: str, known: Names) -> dict[str, str]:
    """FIPS code -> squeezed name of the counties of a state."""
    called = ((fips, _parts(text)) for fips, text in known.counties.items())
    return {fips: _squeezed(county) for fips, (county, its) in called if its == state}


def _cities_of(state: str, known: Names) -> dict[str, str]:
    """FIPS code -> squeezed name, without the word, of the cities that share theirs with a county."""
    called = ((fips, _parts(text)) for fips, text in known.counties.items())
    return {fips: _squeezed(name.removesuffix(_CITY)) for fips, (name, its) in called if its == state and _CITY in name}


def _parts(called: str) -> tuple[str, str]:
    """`Fairfax (city), VA` -> `Fairfax (city)`, `VA`; so too with a number behind it."""
    name, _, state = _ITS_NUMBER.sub("", called).rpartition(", ")
    return name, state


def _near(wanted: str, names: Iterable[str]) -> list[str]:
    """The names most alike: one where it is nearly the same, else a few."""
    some = list(names)
    return get_close_matches(wanted, some, 1, cutoff=0.9) or get_close_matches(wanted, some, MOST_NEAR)


def _did_you_mean(names: Sequence[str]) -> str:
    return f" Did you mean {'; '.join(names)}?" if names else ""


def _squeezed(name: str) -> str:
    """A name without what people write in different ways: `Saint Clair County`, `St. Clair` -> `stclair`."""
    plain = normalize("NFKD", _COUNTY_WORD.sub("", name.strip())).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z]", "", re.sub(r"\bsaint(e?)\b", r"st\1", plain))
