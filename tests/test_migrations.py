"""The versions in distro/migrations lead to the schema the models describe, and back."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import CheckConstraint, Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from distro.app import ROOT, create_app
from distro.config import Settings
from distro.db import Base, db
from tests.conftest import Databases

A_BALANCE = "INSERT INTO balances (lot_id, site_id, bin_id, on_hand, reserved) VALUES (1, 1, 1, :on_hand, :reserved)"
WHAT_A_BALANCE_NEEDS = (
    "INSERT INTO funds (id, code, name, item_codes, states) VALUES (1, 'f', 'f', '[]', '[]')",
    "INSERT INTO items (id, code, name, name_es, detail, detail_es, unit, letter, requestable, most_per_request,"
    " min_life_days, position) VALUES (1, 'i', 'i', 'i', '', '', 'box', 'A', true, 1, 1, 1)",
    "INSERT INTO sites (id, code, name, state, latitude, longitude, zone, ships_to, return_lines)"
    " VALUES (1, 's', 's', 'OH', 0, 0, 'UTC', '[]', '[]')",
    "INSERT INTO bins (id, site_id, code) VALUES (1, 1, 'b')",
    "INSERT INTO lots (id, item_id, fund_id, number, expires_on, held) VALUES (1, 1, 1, 'l', '2030-01-01', false)",
)
REBUILD = """
with op.batch_alter_table("funds") as batch:
        batch.alter_column("name", type_=sa.String(100), existing_nullable=False)
"""
ORPHAN = """op.execute("DELETE FROM funds")"""


@pytest.fixture
def app(databases: Databases, tmp_path: Path) -> Iterator[Flask]:
    """The application on a database without a table."""
    url = databases.empty()
    app = create_app(Settings(instance=tmp_path, database_url=url, secret_key="of no value"))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
    databases.take_back(url)


def test_upgrade_makes_the_schema_of_the_models(app: Flask) -> None:
    flask_migrate.upgrade()
    assert _differences(db.engine) == []


def test_upgrade_makes_every_check(app: Flask) -> None:
    flask_migrate.upgrade()
    wanted = {
        (table.name, constraint.name)
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    found = inspect(db.engine)
    made = {(table, check["name"]) for table in found.get_table_names() for check in found.get_check_constraints(table)}
    assert wanted <= made
    assert ("balances", "ck_balances_reserved_within_on_hand") in made


@pytest.mark.parametrize(("on_hand", "reserved"), [(-1, -1), (1, 2), (1, -1)])
def test_a_balance_that_cannot_be_is_refused_by_the_database(app: Flask, on_hand: int, reserved: int) -> None:
    _fill()
    with pytest.raises(IntegrityError, match="reserved_within_on_hand"), db.engine.begin() as connection:
        connection.execute(text(A_BALANCE), {"on_hand": on_hand, "reserved": reserved})


def test_the_unique_indexes_hold_for_open_alerts_and_the_live_ruleset_only(app: Flask) -> None:
    flask_migrate.upgrade()
    found = inspect(db.engine)
    where = {
        index["name"]: str(index["dialect_options"][f"{db.engine.dialect.name}_where"])
        for table in ("alerts", "rulesets")
        for index in found.get_indexes(table)
        if index["unique"]
    }
    assert set(where) == {"uq_alerts_open", "uq_rulesets_one_live"}
    assert "closed_at IS NULL" in where["uq_alerts_open"]
    assert "'live'" in where["uq_rulesets_one_live"]


def test_down_leaves_nothing_and_up_again_makes_all(app: Flask) -> None:
    flask_migrate.upgrade()
    flask_migrate.downgrade(revision="base")
    assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
    flask_migrate.upgrade()
    assert _differences(db.engine) == []


def test_a_second_upgrade_changes_nothing_and_keeps_the_rows(app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        connection.execute(text(WHAT_A_BALANCE_NEEDS[0]))
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM funds")) == 1


def test_foreign_keys_are_enforced_again_after_an_upgrade(app: Flask) -> None:
    flask_migrate.upgrade()
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(text("INSERT INTO bins (id, site_id, code) VALUES (1, 99, 'b')"))


def test_a_version_that_changes_a_table_keeps_the_rows_that_point_to_it(app: Flask, tmp_path: Path) -> None:
    _fill()
    flask_migrate.upgrade(directory=_with_another_version(tmp_path / "migrations", REBUILD))
    assert _lots_with_a_fund() == 1


def test_a_version_that_leaves_rows_pointing_nowhere_is_undone(app: Flask, tmp_path: Path) -> None:
    _fill()
    with pytest.raises((SystemExit, IntegrityError)):  # Flask-Migrate logs our sentence and exits with status 1
        flask_migrate.upgrade(directory=_with_another_version(tmp_path / "migrations", ORPHAN))
    assert _lots_with_a_fund() == 1


def _fill() -> None:
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        for statement in WHAT_A_BALANCE_NEEDS:
            connection.execute(text(statement))


def _lots_with_a_fund() -> int | None:
    with db.engine.begin() as connection:
        found: int | None = connection.scalar(text("SELECT count(*) FROM lots JOIN funds ON funds.id = lots.fund_id"))
    return found


def _with_another_version(folder: Path, step: str) -> str:
    shutil.copytree(ROOT / "distro" / "migrations", folder)
    heads = ScriptDirectory(str(folder)).get_current_head()
    (folder / "versions" / "next.py").write_text(
        f"""import sqlalchemy as sa
from alembic import op
revision = "next"
down_revision = {heads!r}
def upgrade():
    {step.strip()}
"""
    )
    return str(folder)


def _differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        differences: list[object] = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    return differences
