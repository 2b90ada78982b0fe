"""Whether two names of a city are the same: `Ft. Worth` and `Fort Worth`, `San José` and `san jose`. Pure."""

import re
import unicodedata
from collections.abc import Iterable

_SAID = {  # a word -> the ways it is shortened
    "SAINT": "ST SNT SAN",  # San and Saint part no two cities of one ZIP area
    "SAINTE": "STE",
    "FORT": "FT",
    "MOUNT": "MT MNT",
    "MOUNTAIN": "MTN MTIN",
    "POINT": "PT PNT",
    "PORT": "PRT",
    "LAKE": "LK LAKES LKS",
    "ISLAND": "IS ISL ISLE",
    "HEIGHTS": "HTS HGTS HGHTS HT",
    "HILLS": "HLS HILL HL",
    "SPRINGS": "SPGS SPG SPRGS SPRING",
    "FALLS": "FLS FALL",
    "BEACH": "BCH",
    "CITY": "CY CTY",
    "CENTER": "CTR CNTR CENTRE",
    "JUNCTION": "JCT",
    "VILLAGE": "VLG VILL",
    "VALLEY": "VLY",
    "GROVE": "GRV",
    "GARDENS": "GDNS GARDEN GDN",
    "HARBOR": "HBR HARBOUR",
    "RIVER": "RIV",
    "CREEK": "CRK",
    "PARK": "PK PRK",
    "STATION": "STA",
    "NORTH": "N NO",
    "SOUTH": "S SO",
    "EAST": "E",
    "WEST": "W",
}
_MEANT = {short: word for word, said in _SAID.items() for short in said.split()}
_NICKNAMES = {
    "NYC": "NEW YORK",
    "LA": "LOS ANGELES",
    "SF": "SAN FRANCISCO",
    "DC": "WASHINGTON",
    "PHILLY": "PHILADELPHIA",
    "VEGAS": "LAS VEGAS",
    "NOLA": "NEW ORLEANS",
    "OKC": "OKLAHOMA CITY",
    "SLC": "SALT LAKE CITY",
    "ABQ": "ALBUQUERQUE",
    "STL": "SAINT LOUIS",
    "KC": "KANSAS CITY",
    "INDY": "INDIANAPOLIS",
    "CINCY": "CINCINNATI",
}
_NOT_THE_NAME = re.compile(r"^(?:CITY|TOWN|TOWNSHIP|VILLAGE|BOROUGH|MUNICIPIO) (?:OF|DE) | (?:TOWNSHIP|TWP|BOROUGH)$")


def same(city: str, names: Iterable[str], states: Iterable[str] = ()) -> bool:
    """Whether `city`, as someone typed it, is one of `names`. One of the codes `states` may stand behind it."""
    typed = plain(city)
    for state in states:
        typed = typed.removesuffix(f" {state}")
    ours = _key(typed)
    return bool(ours) and any(ours == _key(plain(name)) for name in names)


def plain(text: str) -> str:
    """Capital letters and digits without accents, in single spaces."""
    return " ".join(re.sub(r"[^A-Z\d]+", " ", capitals(text)).split())


def capitals(text: str) -> str:
    """Capitals without accents, apostrophes and full stops."""
    flat = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return re.sub(r"['’‘`.]", "", flat.upper())


def _key(name: str) -> str:
    """Its words written out and joined: `LA GRANGE` and `LAGRANGE` are one."""
    name = _NOT_THE_NAME.sub("", _NICKNAMES.get(name, name))
    return "".join(_MEANT.get(word, word) for word in name.split())
