"""The named areas of a ruleset: which ZIP codes lie in each, and its outline on the map.

An area is a mapping with `code`, `name`, `kind`, `zips`, `counties` (FIPS codes), `shape` (GeoJSON or nothing),
`source` and `source_date`. Rules reach it as `area:CODE`.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro.errors import Refusal
from geo.models import County, Zip
from geo.shapes import OutsideUnitedStates, ShapeEmpty, ShapeWrong, check_shape
from geo.shapes import read_shape as read_shape

TIMEOUT = 25  # seconds for all shapes of one ruleset: less than a web server waits
UNKNOWN_RADIUS = 40_000.0  # metres: the largest there is, where a ZIP has a point but no radius
VALUES_SHOWN = 5
MOST_IN_DOUBT = 4  # areas that may share a ZIP partly: every combination of them is decided

Area = dict[str, Any]
_PROBLEMS: dict[str, type[ShapeWrong]] = {"empty": ShapeEmpty, "outside": OutsideUnitedStates}


class AreaWrong(Refusal):
    """An area names what is not there, or its shape cannot be used."""

    status = 422
    sentence = "Area “%(area)s”: %(problem)s"


class TooManyAreas(Refusal):
    """A ZIP code may lie in any of so many areas that every combination of them cannot be decided."""

    status = 422
    sentence = (
        "ZIP code %(zip)s lies partly in %(count)s areas (%(areas)s); at most "
        f"{MOST_IN_DOUBT} can be decided. List it in the zips of those it is in."
    )


class OverlayFailed(Refusal):
    """The process that lays shapes over ZIP codes did not answer."""

    status = 422
    sentence = "The shapes could not be laid over the ZIP codes (%(problem)s). Simplify their outlines and try again."


def locate(session: Session, areas: list[Area]) -> list[Area]:
    """Each area with `inside`, `partly` (sorted ZIPs), `outline` and `repaired` added, and its shape as plain geometry.

    - inside: the ZIPs it lists, and each whose disc lies wholly within its shape.
    - partly: each other ZIP whose disc meets its shape, and each without a point of whose states the shape touches one.
    - Counties add nothing here: a rule meets them through the county of each candidate.
    - outline: the shape as an SVG path on the plane of `geo.plane`, empty if there is none or nothing is drawn there.
    - repaired: a sentence on what was mended in the shape, empty if it was sound.

    A ZIP's disc has its radius (`geo.radii`) around its point and stands for its area, measured in the equal-area plane
    EPSG:5070, or one that fits Alaska, Hawaii or the islands. Needs the places loaded. Takes one to two seconds if any
    area has a shape. Raises AreaWrong for a ZIP or county that is not there or a shape that cannot be used, and
    OverlayFailed.
    """
    _check_codes(session, areas)
    shapes = {area["code"]: _shape(area) for area in areas if area.get("shape")}
    answers = _overlay(shapes, _points(session)) if shapes else {}
    pointless = _without_point(session) if shapes else {}
    located = []
    for area in areas:
        answer = answers.get(area["code"], {})
        if problem := answer.get("problem"):
            raise AreaWrong(area=area["code"], problem=str(_PROBLEMS[problem]()))
        inside = set(area.get("zips") or ()) | set(answer.get("inside", ()))
        touched = set(answer.get("states", ()))
        partly = set(answer.get("partly", ())) | {code for code, states in pointless.items() if touched & states}
        located.append(
            {
                **area,
                "shape": shapes.get(area["code"]),
                "inside": sorted(inside),
                "partly": sorted(partly - inside),
                "outline": answer.get("outline", ""),
                "repaired": answer.get("repaired", ""),
            }
        )
    return located


def require_few_doubts(areas: Sequence[Area]) -> None:
    """Raises TooManyAreas for the first ZIP that lies partly in more than MOST_IN_DOUBT of these located areas."""
    partly: dict[str, list[str]] = {}
    for area in areas:
        for zip_code in area.get("partly") or ():
            partly.setdefault(zip_code, []).append(area["code"])
    for zip_code, codes in sorted(partly.items()):
        if len(codes) > MOST_IN_DOUBT:
            shown = ", ".join(codes[:VALUES_SHOWN]) + (" and more" if len(codes) > VALUES_SHOWN else "")
            raise TooManyAreas(zip=zip_code, count=len(codes), areas=shown)


def _check_codes(session: Session, areas: list[Area]) -> None:
    """Raises AreaWrong for the first area that names a ZIP code or county which is not there."""
    for key, column, noun in (("zips", Zip.zip, "ZIP codes"), ("counties", County.fips, "counties")):
        if any(area.get(key) for area in areas):
            known = set(session.scalars(select(column)))
            for area in areas:
                unknown = [str(code)[:20] for code in area.get(key) or () if code not in known]
                if unknown:
                    shown = ", ".join(unknown[:VALUES_SHOWN]) + (" and more" if len(unknown) > VALUES_SHOWN else "")
                    raise AreaWrong(area=area["code"], problem=f"There are no such {noun}: {shown}. Correct them.")


def _shape(area: Area) -> dict[str, Any]:
    try:
        return check_shape(area["shape"])
    except ShapeWrong as wrong:
        raise AreaWrong(area=area["code"], problem=str(wrong)) from wrong


def _points(session: Session) -> list[tuple[str, float, float, float]]:
    """Every ZIP with a point: code, longitude, latitude, radius in metres."""
    rows = session.execute(select(Zip.zip, Zip.longitude, Zip.latitude, Zip.radius).order_by(Zip.zip))
    return [
        (code, lon, lat, UNKNOWN_RADIUS if radius is None else radius)
        for code, lon, lat, radius in rows
        if lon is not None and lat is not None
    ]


def _without_point(session: Session) -> dict[str, set[str]]:
    rows = session.execute(select(Zip.zip, Zip.states).where(Zip.latitude.is_(None)))
    return {code: set(states) for code, states in rows}


def _overlay(shapes: dict[str, dict[str, Any]], points: list[tuple[str, float, float, float]]) -> dict[str, Area]:
    """Ask `geo.overlay` in a process of its own, which gets none of our environment."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "geo.overlay"],
            input=json.dumps({"shapes": shapes, "points": points}),
            cwd=Path(__file__).parent.parent,  # where the package is found
            env={"OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OverlayFailed(problem=f"it took longer than {TIMEOUT} seconds") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise OverlayFailed(problem=f"it ended with {last.partition(':')[0].rpartition('.')[2][:60]}")
    answers: dict[str, Area] = json.loads(done.stdout)
    return answers
