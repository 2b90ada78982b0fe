"""An OpenAPI 3.1 document of the app's own routes, with the fields that its own pages send: what schemathesis reads.

Nothing is written down twice: paths and methods come from the routing table, forms and real numbers in paths from the
pages themselves.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, RequestRedirect, Rule

from tests.scan.pages import Form

ANSWERED = (200, 302, 303, 308, 400, 401, 403, 404, 405, 409, 410, 413, 414, 415, 422, 429)
AWAY = 503  # documented where a page may be away: health, and all that needs the rules or the week's keys
MAY_BE_AWAY = ("health.", "en.", "es.")
NOT_SENT = ("static", "bootstrap.static", "login.sign_out")
FILES = {"export.csv": "text/csv", "carrier-file": "text/csv", "export.yaml": "text/yaml", ".pdf": "application/pdf"}
PRINTED = ("label", "pick_sheet")
LONGEST = 300  # letters that schemathesis makes up; longer ones are the naughty strings' business
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
}
_CONVERTED = re.compile(r"<(?:[^:<>]+(?:\([^)]*\))?:)?(\w+)>")


def document(
    app: Flask, forms: Iterable[Form], *, leave_out: Collection[str] = (), user: int | None = None
) -> dict[str, Any]:
    """The document. `forms` are what the pages of this surface hold; what is done to users is done to `user` alone."""
    seen = _seen(app, forms)
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint in NOT_SENT or rule.endpoint in leave_out:
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            operation = paths.setdefault(_CONVERTED.sub(r"{\1}", rule.rule), {})
            operation[method.lower()] = _operation(rule, method, seen.get((rule.endpoint, method), {}))
            if "user_id" in rule.arguments and user:
                operation[method.lower()]["parameters"][0] |= {"schema": {"enum": [user]}, "example": user}
    return {"openapi": "3.1.0", "info": {"title": "Distro", "version": "1"}, "paths": paths}


Known = dict[str, dict[str, Any]]  # "path", "field", or "file" -> name -> what is known of it


def _seen(app: Flask, forms: Iterable[Form]) -> dict[tuple[str, str], Known]:
    """For each view and method: real values in its path, and the fields that forms send there."""
    found: dict[tuple[str, str], Known] = {}
    for form in forms:
        for path, method in ((form.action, form.method.upper()), (form.page, "GET")):
            matched = _match(app, path, method)
            if not matched:
                continue
            known = found.setdefault((matched[0], method), {"path": {}, "field": {}, "file": {}})
            for name, value in matched[1].items():
                known["path"].setdefault(name, []).append(value)
            if path == form.action:
                _add_fields(known, form)
    # A page that only links lead to has the same numbers in its path as the page beside it.
    common: dict[str, list[Any]] = {}
    for known in found.values():
        for name, values in known["path"].items():
            common.setdefault(name, []).extend(values)
    for known in found.values():
        known["path"] = common | known["path"]
    return found


def _add_fields(known: Known, form: Form) -> None:
    values = form.filled() | dict(parse_qsl(urlsplit(form.action).query))
    for one in form.fields:
        place = "file" if one.kind == "file" else "field"
        entry = known[place].setdefault(one.name, {"examples": [], "choices": []})
        entry["examples"].append(values.get(one.name, ""))
        entry["choices"] += [choice for choice in one.choices if choice not in entry["choices"]]


def _match(app: Flask, path: str, method: str) -> tuple[str, Mapping[str, Any]] | None:
    try:
        endpoint, values = app.url_map.bind("localhost").match(urlsplit(path).path, method)
    except (HTTPException, RequestRedirect):
        return None
    return str(endpoint), values


def _operation(rule: Rule, method: str, known: Known) -> dict[str, Any]:
    parameters = [_path_parameter(rule, name, known.get("path", {}).get(name, [])) for name in sorted(rule.arguments)]
    fields = {name: _field(entry) for name, entry in known.get("field", {}).items() if name != "csrf_token"}
    operation: dict[str, Any] = {
        "operationId": f"{rule.endpoint}.{method.lower()}",
        "parameters": parameters,
        "responses": _responses(rule),
    }
    if method == "GET":
        parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in fields.items()]
    else:
        files = {name: {"type": "string", "maxLength": LONGEST} for name in known.get("file", {})}
        kind = "multipart/form-data" if files else "application/x-www-form-urlencoded"
        body = {"type": "object", "properties": {**fields, **files}}
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": body}}}
    return operation


def _path_parameter(rule: Rule, name: str, values: list[Any]) -> dict[str, Any]:
    whole = isinstance(rule._converters[name], IntegerConverter)
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 60}
    if whole:
        schema = {"type": "integer", "minimum": 0}
    real = list(dict.fromkeys(values))[:3]
    if real:
        schema = {"anyOf": [{"enum": real}, schema]}
    return {"name": name, "in": "path", "required": True, "schema": schema, **({"example": real[0]} if real else {})}


def _field(entry: Mapping[str, Any]) -> dict[str, Any]:
    likely = list(dict.fromkeys([*entry["choices"][:8], *entry["examples"]]))[:10]
    return {"anyOf": [{"enum": likely or [""]}, {"type": "string", "maxLength": LONGEST}]}


def _responses(rule: Rule) -> dict[str, Any]:
    page: dict[str, Any] = {"text/html": {"schema": {"type": "string"}}}
    file = next((kind for end, kind in FILES.items() if rule.rule.endswith(end)), "")
    if rule.endpoint.endswith(PRINTED):
        file = "application/pdf"
    if rule.endpoint.startswith("health."):
        page = {"application/json": {}, "text/plain": {}, "text/html": {}}
    good = {file: {}, **page} if file else page  # a page where there is nothing to make a file of
    refused = {**page, "application/json": {"schema": ERROR}}
    statuses = [*ANSWERED, *([AWAY] if rule.endpoint.startswith(MAY_BE_AWAY) else [])]
    return {
        str(status): {"description": "as usual", "content": good if status == 200 else refused} for status in statuses
    }
