"""What tests share is as new for each: a lent application, and the depot's rows put back."""

from dataclasses import replace
from pathlib import Path

import pytest

from distro import clock
from distro.accounts.tries import WRONG_SIGN_INS
from distro.config import Settings
from tests.applications import Applications, own_application
from tests.depot import STAFF_KEY, Depot
from tests.rows import Rows


def test_a_lent_application_comes_back_as_new(tmp_path: Path) -> None:
    known = Settings(tmp_path, f"sqlite:///{tmp_path / 'x.sqlite3'}", "of no value", staff_key=STAFF_KEY)
    applications, elsewhere = Applications(), replace(known, instance=tmp_path / "elsewhere")
    app = applications.lend(known)
    page, tries = app.view_functions["en.privacy"], app.extensions["wrong tries"]
    for _ in range(WRONG_SIGN_INS):
        tries.sign_in.count("192.0.2.1", clock.now())
    assert not tries.sign_in.allows("192.0.2.1", clock.now())
    app.testing, app.view_functions["en.privacy"], app.extensions["mine"] = False, lambda: "", True
    assert applications.lend(elsewhere) is app and app.testing and app.config["SETTINGS"] is elsewhere
    assert app.view_functions["en.privacy"] is page and "mine" not in app.extensions
    assert app.extensions["wrong tries"].sign_in.allows("192.0.2.1", clock.now())
    with pytest.raises(AssertionError, match="can no longer be called"):
        app.before_request(lambda: None)
    own_application(known).before_request(lambda: None)  # the control
    assert applications.lend(replace(known, https=True)) is not app


def test_the_depot_is_put_back_to_the_byte(depot: Depot, depot_rows: Rows) -> None:
    assert Rows.of(depot.session) == depot_rows and {"users", "rulesets", "audit_entries"} <= depot_rows.kept.keys()
    depot.shelve()  # the next number of every table is free
    assert Rows.of(depot.session) != depot_rows
