"""Places as people type them: one way for rules, papers and referrals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from geo import placewords
from geo.placewords import Names

NAMES = Names(
    {
        "OH": "Ohio",
        "IN": "Indiana",
        "MI": "Michigan",
        "NM": "New Mexico",
        "MD": "Maryland",
        "LA": "Louisiana",
        "VA": "Virginia",
    },
    {
        "39023": "Clark, OH",
        "39049": "Franklin, OH",
        "18019": "Clark, IN",
        "18033": "DeKalb, IN",
        "26147": "St. Clair, MI",
        "35013": "Doña Ana, NM",
        "24005": "Baltimore, MD (24005)",
        "24510": "Baltimore, MD (24510)",
        "22001": "Acadia, LA",
        "51059": "Fairfax County, VA",
        "51600": "Fairfax (city), VA",
        "51095": "James City, VA",
    },
)


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("Clark, OH; IN", ["county:39023", "IN"]),
        ("Clark, Ohio", ["county:39023"]),
        ("Clark County, Ohio", ["county:39023"]),
        ("clark county, oh", ["county:39023"]),
        ("Saint Clair, MI", ["county:26147"]),
        ("st clair county, michigan", ["county:26147"]),
        ("De Kalb, IN", ["county:18033"]),
        ("Dona Ana, New Mexico", ["county:35013"]),
        ("Acadia Parish, LA", ["county:22001"]),
        ("Baltimore, MD (24510)", ["county:24510"]),
        ("Fairfax County, VA; fairfax city, Virginia", ["county:51059", "county:51600"]),
        ("Fairfax (city), VA; James City County, VA", ["county:51600", "county:51095"]),
        ("Ohio; indiana\nNew Mexico", ["OH", "IN", "NM"]),
        ("oh, in", ["OH", "IN"]),
        (
            "county: 39049, zip:43215;AREA:Hills military us",
            ["county:39049", "zip:43215", "area:hills", "military", "US"],
        ),
        ("43215, 43201", ["zip:43215", "zip:43201"]),
        ("Clark, OH; clark county, ohio; county:39023", ["county:39023"]),
        ("OH;", ["OH"]),
    ],
)
def test_places_are_read_as_people_write_them(typed: str, codes: list[str]) -> None:
    assert placewords.read_several(typed, NAMES) == codes


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("Clarke, OH", "“Clarke, OH” is not a county we know. Did you mean Clark, OH?"),
        ("Clark", "Which state? Clark is in IN, OH. Type it with its state, such as Clark, IN."),
        ("Clark County", "Which state? Clark is in IN, OH."),
        ("OH; Frankln, Ohio", "Did you mean Franklin, OH?"),
        ("Clark, Ohoi", "“Ohoi” is not a state we know. Did you mean Ohio?"),
        ("Micigan", "“Micigan” is not a state we know. Did you mean Michigan?"),
        ("Nowhere, IN", "“Nowhere, IN” is not a county we know. Type it with its state, such as Marion, IN."),
        ("Baltimore, MD", "There are 2 of that name: Baltimore, MD (24005); Baltimore, MD (24510)."),
        ("Fairfax, VA", "There are 2 of that name: Fairfax County, VA; Fairfax (city), VA. Type one of these."),
        ("Fairfax", "Which state? Fairfax is in VA."),
        ("county, 99999", "99999 is not the number of a county we know."),
        ("Zzyzx", "“Zzyzx” is not a state we know. Type its name or its two letters, such as IN."),
    ],
)
def test_what_fits_nowhere_is_said_with_the_nearest_names(typed: str, said: str) -> None:
    with pytest.raises(ValidationError) as fault:
        placewords.read_several(typed, NAMES)
    assert said in fault.value.messages[0]


@given(st.lists(st.sampled_from([*NAMES.states, *(f"county:{fips}" for fips in NAMES.counties), "US", "zip:43215"])))
def test_what_is_written_is_read_back(codes: list[str]) -> None:
    codes = list(dict.fromkeys(codes))
    assert placewords.read_several(placewords.written(codes, NAMES), NAMES) == codes


@given(st.text(max_size=40))
def test_whatever_is_typed_is_read_or_said(text: str) -> None:
    try:
        assert isinstance(placewords.read_several(text, NAMES), list)
    except ValidationError as fault:
        assert fault.messages[0]
