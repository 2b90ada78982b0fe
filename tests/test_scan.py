"""What `make scan` stands on, checked without the scanners."""

import re

import yaml
from flask import Flask
from flask.testing import FlaskClient

from tests.depot import Depot
from tests.scan import ROOT, code
from tests.scan.filling import forms_of
from tests.scan.openapi import NOT_SENT, document


def test_every_route_is_in_the_document_with_the_fields_of_its_forms(
    app: Flask, client: FlaskClient, depot: Depot
) -> None:
    made = document(app, forms_of(app, client, public=True))
    operations = {one["operationId"]: one for path in made["paths"].values() for one in path.values()}
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) & {"GET", "POST"}:
            assert rule.endpoint in NOT_SENT or f"{rule.endpoint}.{method.lower()}" in operations, rule
    where = operations["en.contact.post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert {"name", "line1", "line2", "city", "state", "zip"} <= where["properties"].keys()
    assert "500" not in operations["en.contact.post"]["responses"]


def test_every_path_of_the_document_names_its_parameters(app: Flask) -> None:
    for path, operations in document(app, [])["paths"].items():
        for operation in operations.values():
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path)), path


def test_what_the_scanners_may_find_is_named_with_a_reason_and_a_file() -> None:
    for (rule, name), reason in code.ALLOWED.items():
        assert rule and len(reason) > 20 and (ROOT / name).is_file(), name


def test_each_of_our_rules_says_why_and_has_a_name_of_its_own() -> None:
    rules = [rule for path in code.RULES.glob("*.yaml") for rule in yaml.safe_load(path.read_text())["rules"]]
    assert len(rules) >= 18 and len({rule["id"] for rule in rules}) == len(rules)
    assert all(len(rule["message"]) > 20 and rule["severity"] == "ERROR" for rule in rules)
