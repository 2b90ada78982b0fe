"""The versions in distro/migrations lead to the schema the models describe, and back."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from secrets import token_bytes
from uuid import uuid4

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import CheckConstraint, Engine, inspect, select, text
from sqlalchemy.exc import IntegrityError

from distro import schema
from distro.app import ROOT, create_app
from distro.config import Settings
from distro.db import Base, db
from distro.grants import ROWS_ADDED
from geo import publish, rulefile
from geo.models import Ruleset
from orders.intake import proof_of
from orders.models import Order
from tests.conftest import Databases

A_BALANCE = "INSERT INTO balances (lot_id, site_id, bin_id, on_hand, reserved) VALUES (1, 1, 1, :on_hand, :reserved)"
WHAT_A_BALANCE_NEEDS = (
    "INSERT INTO funds (id, code, name, item_codes, states) VALUES (1, 'f', 'f', '[]', '[]')",
    "INSERT INTO items (id, code, name, name_es, detail, detail_es, unit, letter, requestable, most_per_request,"
    " min_life_days, position, family, variant, variant_es)"
    " VALUES (1, 'i', 'i', 'i', '', '', 'box', 'A', true, 1, 1, 1, '', '', '')",
    "INSERT INTO sites (id, code, name, state, latitude, longitude, zone, ships_to, return_lines)"
    " VALUES (1, 's', 's', 'OH', 0, 0, 'UTC', '[]', '[]')",
    "INSERT INTO bins (id, site_id, code) VALUES (1, 1, 'b')",
    "INSERT INTO lots (id, item_id, fund_id, number, expires_on, held) VALUES (1, 1, 1, 'l', '2030-01-01', false)",
)
OLD_RULESETS = [
    "INSERT INTO rulesets (id, name, version, status, allow_unreviewed, digest, loaded_at, loaded_by, published_at)"
    f" VALUES ({number}, 'Old', '1', '{status}', false, '', '2026-11-20 10:00:00', 'maria', {published})"
    for number, status, published in (
        (1, "retired", "'2026-11-21 10:00:00'"),
        (2, "live", "'2026-11-22 10:00:00'"),
        (3, "draft", "NULL"),
    )
]
OLD_RULE = (
    "INSERT INTO rules (id, ruleset_id, key, place, scope, items, effect, min_age, conditions, credential, valid_to,"
    " citation, source, source_url, source_date, confidence, legal_status, reviewed_by, reviewed_on, sentence,"
    " sentence_es, note) VALUES (1, 2, 'CA-x', 'CA', 'county', '[\"syringe-kit\"]', 'allow', 18, '[]', 'program:CA',"
    " '2027-01-01', 'Code 1', 'A page', '', '2026', 'high', 'program_only', 'jo', '2026-01-02',"
    " 'She said \"no\"\\: all of it', 'No', '')"
)
OLD_ITEM = (
    "INSERT INTO items (id, code, name, name_es, detail, detail_es, unit, letter, requestable, most_per_request,"
    " min_life_days, position) VALUES (1, 'i', 'i', 'i', '', '', 'box', 'A', true, 1, 1, 1)"
)
OLD_ORDER = (
    "INSERT INTO orders (id, uid, number, nonce_tag, code_tag, status, state, received_on, epoch, sealed, released,"
    " released_for, note, counted) VALUES (1, :uid, '1', :tag, :tag, 'received', 'OH', '2026-11-20', '2026-W47',"
    " :sealed, false, '[]', '', false)"
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
    app = schema.prepare(create_app(Settings(instance=tmp_path, database_url=url, secret_key="of no value")))
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


def test_the_unique_index_holds_for_open_alerts_only(app: Flask) -> None:
    flask_migrate.upgrade()
    where = {
        index["name"]: str(index["dialect_options"][f"{db.engine.dialect.name}_where"])
        for index in inspect(db.engine).get_indexes("alerts")
        if index["unique"]
    }
    assert set(where) == {"uq_alerts_open"}
    assert "closed_at IS NULL" in where["uq_alerts_open"]


def test_rulesets_of_the_first_schema_become_files_that_say_the_same(app: Flask) -> None:
    flask_migrate.upgrade(revision="0001")
    with db.engine.begin() as connection:
        for statement in (*OLD_RULESETS, OLD_RULE):
            connection.execute(text(statement))
    flask_migrate.upgrade()
    retired, live, draft = db.session.scalars(select(Ruleset).order_by(Ruleset.id))
    assert [retired.publication, live.publication, draft.publication] == [1, 2, None]
    assert (live.status, draft.status, live.effective_on) == ("published", "draft", date(2026, 11, 21))
    assert publish.in_force(db.session(), date(2026, 11, 22)).id == live.id
    known = rulefile.Known(states={"CA"})
    assert rulefile.rows(rulefile.read(live.text, known)) == [rulefile.rows(rulefile.read(live.text, known))[0]]
    (rule,) = publish.book_of(live).rules
    assert (rule.key, rule.credentials, rule.min_age, rule.valid_to) == (
        "CA-x",
        (("program:CA",),),
        18,
        date(2027, 1, 1),
    )
    assert rule.sentence == 'She said "no": all of it' and rule.reviewed_on == date(2026, 1, 2)
    db.session.rollback()
    flask_migrate.downgrade(revision="0001")
    with db.engine.begin() as connection:
        kept = connection.execute(text("SELECT status, count(*) FROM rulesets GROUP BY status ORDER BY status")).all()
    assert [tuple(row) for row in kept] == [("draft", 1), ("retired", 2)]  # nothing is live by half


def test_what_was_stored_before_rows_were_proven_is_believed(app: Flask) -> None:
    flask_migrate.upgrade(revision="0002")
    with db.engine.begin() as connection:
        for statement in (OLD_ITEM, OLD_ORDER, OLD_ORDER.replace("1, ", "2, ", 1).replace("'1", "'2")):
            connection.execute(text(statement), {"uid": uuid4().hex, "sealed": b"a box", "tag": token_bytes(32)})
        connection.execute(text("INSERT INTO lines (id, order_id, item_id, quantity) VALUES (1, 1, 1, 2)"))
        connection.execute(text("UPDATE orders SET sealed = NULL WHERE id = 2"))
    flask_migrate.upgrade()
    old, erased = db.session.scalars(select(Order).order_by(Order.id))
    assert old.proof == proof_of("of no value", old, b"a box") and old.erased_on is None and old.flags == []
    assert erased.proof is None and erased.erased_on is not None
    old.lines[0].quantity = 3
    assert old.proof != proof_of("of no value", old, b"a box")
    db.session.rollback()


def test_boxes_to_participants_are_not_left_for_a_version_that_would_mail_blanks(app: Flask) -> None:
    flask_migrate.upgrade()
    mail = (
        'INSERT INTO outbox (id, "to", subject, body, created_at, due_at, tries, problem, channel, uid, epoch, sealed)'
        " VALUES (:id, :to, '', '', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 0, '', 'mail', :uid, '', :sealed)"
    )
    with db.engine.begin() as connection:
        connection.execute(text(mail), {"id": 1, "to": "staff@example.org", "uid": None, "sealed": None})
        connection.execute(text(mail), {"id": 2, "to": "", "uid": uuid4().hex, "sealed": b"a box"})
        if db.engine.dialect.name == "postgresql":  # rights that name columns which go do not stop it
            for table, right in ROWS_ADDED.items():
                connection.exec_driver_sql(f'CREATE POLICY "all add" ON {table} FOR INSERT WITH CHECK ({right})')
    flask_migrate.downgrade(revision="0003")
    with db.engine.begin() as connection:
        assert connection.scalars(text('SELECT "to" FROM outbox')).all() == ["staff@example.org"]


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
