"""The monthly page: every address that a person opened, by whom and why; and everything else on record."""

from collections.abc import Mapping

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from distro import clock, record, spreadsheet
from distro.auth import Role, guard
from distro.db import db
from distro.record import VIEWS, Month, Row

ON_A_PAGE = 200

blueprint = Blueprint("record", __name__, url_prefix="/record")
guard(blueprint, Role.ADMIN)


@blueprint.get("")
def month() -> ResponseReturnValue:
    """One month (`?month=2026-11`) of `?show=`, `?person=` and `?task=`, by `?sort=`; `?page=` goes on."""
    session, today = db.session(), clock.now().date()
    chosen = Month.read(request.args.get("month", ""), today)
    asked = _asked(chosen)
    found = _rows(chosen, asked)
    views = found if not (asked["show"] or asked["person"] or asked["task"]) else record.rows(session, chosen)
    page = _page(len(found))
    return render_template(
        "record/month.html",
        month=chosen,
        months=record.months(session, today),
        asked=asked,
        people=record.people(session, chosen, asked["show"]),
        what=record.WHAT,
        tasks=record.TASKS,
        kinds=record.kinds(session, chosen, asked["show"]),
        sorts=record.SORTS,
        rows=found[(page - 1) * ON_A_PAGE : page * ON_A_PAGE],
        count=len(found),
        page=page,
        pages=-(-len(found) // ON_A_PAGE),
        first=(page - 1) * ON_A_PAGE + 1,
        totals=record.totals(views),
        destroyed=record.destroyed(session, chosen),
        erased=record.erased(session, chosen),
    )


@blueprint.get("/export.csv")
def export() -> ResponseReturnValue:
    """The rows of the page with the same filter and order, all of them, as CSV."""
    chosen = Month.read(request.args.get("month", ""), clock.now().date())
    found = _rows(chosen, _asked(chosen))
    headers = {"Content-Disposition": 'attachment; filename="record.csv"', "Cache-Control": "no-store"}
    content = spreadsheet.as_csv(record.COLUMNS, (row.cells for row in found))
    return Response(content, mimetype="text/csv", headers=headers)


def _rows(chosen: Month, asked: Mapping[str, str]) -> list[Row]:
    return record.rows(db.session(), chosen, **asked)


def _asked(chosen: Month) -> dict[str, str]:
    task, sort, show = (request.args.get(name, "") for name in ("task", "sort", "show"))
    show = show if show in record.WHAT else VIEWS
    return {
        "show": show,
        "person": request.args.get("person", "")[:64],
        "task": task if task in record.kinds(db.session(), chosen, show) else "",
        "sort": sort if sort in record.SORTS else record.SORTS[0],
    }


def _page(rows: int) -> int:
    typed = request.args.get("page", "1")
    last = max(1, -(-rows // ON_A_PAGE))
    return min(max(1, int(typed)), last) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 1
