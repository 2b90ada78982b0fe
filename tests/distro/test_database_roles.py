"""Three roles on PostgreSQL: what each may do is tried out, statement by statement, with a login of its own.

Length: what a role may do and what it is refused stand side by side, so that a gap shows.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import NullPool, create_engine, make_url, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from distro import audit, clock, jobs
from distro.config import Settings, SettingWrong, Surface
from distro.databasecheck import check_way
from distro.db import Base, db
from distro.grants import CLOSE, QUIET
from orders import approval, letters, links, resend, voices
from orders.identity import Keys, open_person, view_remark
from orders.models import Count, Letter, Order, Remark, Reply, Status
from tests.commands import engines_disposed
from tests.conftest import Cli
from tests.orders.forms import code_in, fields, filled, filled_group
from tests.reliability.backups import back_up_database, restore_database
from tests.roles import OWNER, PUBLIC, REFUSED, ROOT, STAFF, Roles, quiet_statements

TABLES = {table.name: [column.name for column in table.columns] for table in Base.metadata.sorted_tables}
# What the public side may read, add and nothing else. A new table or column is closed until it is named here too.
OPEN_TABLES = {
    *("items", "kit_components", "sites", "site_items", "lots", "balances", "funds", "credentials", "parcels"),
    *("states", "counties", "zips", "referrals", "rulesets", "decision_tables"),
    "notices",
    "replies",  # boxes that only a code opens
}
OPEN_COLUMNS = {
    "orders": {
        *("id", "number", "nonce_tag", "code_tag", "erased_on"),
        *("status", "why_not", "state", "received_on", "closed_on", "lost_on", "resent_as_id"),
        "site_id",  # how long the queue of a warehouse is
    },
    "lines": {"id", "order_id"},
    "instructions": {"id", "order_id", "kind"},
    "recalls": {"id", "text", "text_es", "made_on"},
    "links": {"code", "closed_on"},
    "remarks": {"id", "uid", "read_on"},
    "tallies": {"id", "uid"},
    "wishes": {"id", "uid"},
}
ADDS = {"orders", "lines", "instructions", "remarks", "tallies", "wishes"}
KEPT_FOR_EVER = {"audit_entries", "movements"}
NEW = {  # a new request, as SQL
    "uid": "gen_random_uuid()",
    "number": "'MADEUP01'",
    "nonce_tag": "'a'",
    "code_tag": "'b'",
    "change_tag": "'c'",
    "status": "'received'",
    "state": "'OH'",
    "received_on": "current_date",
    "epoch": "'2026-W47'",
    "sealed": "'box'",
    "proof": "'proof'",
    "flags": "'[]'",
    "released": "false",
    "released_for": "'[]'",
    "note": "''",
    "why_not": "''",
    "counted": "false",
    "door": "'web'",
    "news": "''",
}


def new_order(**columns: str) -> str:
    """The statement that adds a request."""
    row = NEW | columns
    return f"INSERT INTO orders ({', '.join(row)}) VALUES ({', '.join(row.values())})"


def new_lines(*quantities: int, order: str = "SELECT max(id) FROM orders") -> str:
    """The statement that adds lines to an order, each with another item."""
    rows = ", ".join(
        f"(({order}), (SELECT id FROM items ORDER BY id LIMIT 1 OFFSET {place}), {quantity})"
        for place, quantity in enumerate(quantities)
    )
    return f"INSERT INTO lines (order_id, item_id, quantity) VALUES {rows}"


RIGHT = {  # what row security lets through
    "orders": new_order(),
    "lines": new_lines(1, order="0"),
    "instructions": "INSERT INTO instructions (kind) VALUES ('erase')",
    "remarks": "INSERT INTO remarks (kind, written_on, sealed) VALUES ('feedback', current_date, 'x')",
    "wishes": "INSERT INTO wishes (made_on, sealed) VALUES (current_date, 'x')",
    "tallies": "INSERT INTO tallies (kind, number, month) VALUES ('link', 1, date_trunc('month', current_date))",
}


@pytest.fixture
def web(roles: Roles) -> Iterator[FlaskClient]:
    with engines_disposed():
        yield roles.app(PUBLIC, Surface.PUBLIC).test_client()


def tried(roles: Roles, role: str) -> dict[tuple[str, str], bool]:
    """Every table by what was tried there: was it let through? One that breaks a constraint was."""
    return {
        (table, verb): roles.run(role, statement) != REFUSED
        for table, columns in TABLES.items()
        for verb, statement in (
            ("SELECT", f'SELECT * FROM "{table}" LIMIT 0'),
            ("INSERT", RIGHT.get(table, f'INSERT INTO "{table}" DEFAULT VALUES')),
            ("UPDATE", f'UPDATE "{table}" SET "{columns[-1]}" = "{columns[-1]}" WHERE false'),
            ("UPDATE all", f'UPDATE "{table}" SET "{columns[-1]}" = NULL'),
            ("DELETE", f'DELETE FROM "{table}"'),
            ("TRUNCATE", f'TRUNCATE "{table}" CASCADE'),
        )
    }


def test_the_owner_may_do_everything(roles: Roles) -> None:
    assert set(tried(roles, OWNER).values()) == {True}


def test_the_public_role_reads_and_adds_what_is_named_and_no_more(roles: Roles) -> None:
    found = {cell for cell, let in tried(roles, PUBLIC).items() if let}
    assert found == {(table, "SELECT") for table in OPEN_TABLES} | {(table, "INSERT") for table in ADDS}


def test_the_public_role_reads_no_column_that_is_not_named(roles: Roles) -> None:
    for table, columns in TABLES.items():
        expected = set(columns) if table in OPEN_TABLES else OPEN_COLUMNS.get(table, set())
        assert {c for c in columns if roles.run(PUBLIC, f'SELECT "{c}" FROM "{table}" LIMIT 0') == ""} == expected, (
            table
        )


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT sealed FROM orders",
        "SELECT proof FROM orders",
        "SELECT count(sealed) FROM orders",
        "SELECT id FROM orders WHERE sealed IS NOT NULL",
        "UPDATE orders SET status = 'cancelled'",
        "DELETE FROM orders",
        "SELECT id FROM orders FOR UPDATE",
        "SELECT decision, note, released_for, flags FROM orders",
        "SELECT id FROM orders WHERE packer_id IS NULL",
        "SELECT quantity FROM lines",
        new_order() + " ON CONFLICT (number) DO UPDATE SET note = 'x'",
        new_order(id="987654"),
        "INSERT INTO instructions (id) VALUES (987654)",
        "SELECT job FROM slots FOR UPDATE",
        "INSERT INTO slots (job, at) VALUES ('audit record', now())",
        "LOCK TABLE orders IN ROW EXCLUSIVE MODE",
        "SELECT lo_create(0)",
        "SELECT lo_creat(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_xact_lock_shared(1, 2)",
        "INSERT INTO orders DEFAULT VALUES RETURNING sealed",
        "SELECT * FROM users",
        "SELECT token FROM instructions",
        "INSERT INTO audit_entries (actor) VALUES ('x')",
        "SELECT * FROM alembic_version",
        "COPY orders TO STDOUT",
        "CREATE TABLE t (a int)",
        "CREATE TEMPORARY TABLE t (a int)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE orders ADD COLUMN x int",
        "DROP TABLE orders",
        "SELECT pg_read_file('/etc/hostname')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        f"SET ROLE {OWNER}",
        f"SET ROLE {STAFF}",
        f"ALTER ROLE {PUBLIC} SUPERUSER",
        "SET log_error_verbosity = 'verbose'",
        "SELECT setval('orders_id_seq', 1)",
    ],
)
def test_the_public_role_is_refused(roles: Roles, statement: str) -> None:
    assert roles.run(PUBLIC, statement) == REFUSED


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "'packed'"},
        {"status": "'held'"},
        {"released": "true"},
        {"released_for": "'[\"limit\"]'"},
        {"note": "'x'"},
        {"why_not": "'limit'"},
        {"counted": "true"},
        {"site_id": "1"},
        {"packer_id": "1"},
        {"closed_on": "current_date"},
        {"erased_on": "current_date"},
        {"change_tag": "NULL"},
        {"sealed": "NULL"},
        {"proof": "NULL"},
        {"door": "'phone'"},
        {"news": "'shipped'"},
        {"lost_on": "current_date"},
        {"resent_as_id": "1"},
    ],
)
def test_what_the_public_role_adds_is_a_new_request(roles: Roles, columns: dict[str, str]) -> None:
    assert roles.run(PUBLIC, new_order(**columns)) == REFUSED
    assert roles.run(PUBLIC, new_order() + " RETURNING id", new_lines(1, 2)) == ""
    assert roles.run(STAFF, new_order(**columns)) in ("", "23503")  # staff are not bound; warehouse 1 may not exist


def test_the_public_role_adds_no_line_to_an_order_that_has_one(roles: Roles) -> None:
    made = (new_order(), new_lines(1, 1))
    assert roles.run(PUBLIC, *made, new_lines(1)) == REFUSED
    assert roles.run(PUBLIC, new_order(), new_lines(-1)) == REFUSED
    assert roles.run(STAFF, *made, "DELETE FROM lines", new_lines(5)) in ("", "23503")
    roles.commit(OWNER, *made)
    try:
        assert roles.run(PUBLIC, new_lines(1)) == REFUSED
        assert roles.run(PUBLIC, new_lines(0, 0, 1)) == REFUSED
    finally:
        roles.commit(OWNER, "DELETE FROM lines", "DELETE FROM orders WHERE number = 'MADEUP01'")


@pytest.mark.parametrize(
    ("table", "right", "wrong"),
    [
        ("instructions", {"kind": "'correct'", "sealed": "repeat('x', 8300)::bytea"}, {"kind": "'ship'"}),
        ("instructions", {"kind": "'lost'"}, {"sealed": "repeat('x', 8301)::bytea"}),
        ("remarks", {"kind": "'reversal'", "written_on": "current_date - 2", "sealed": "'x'"}, {"kind": "'other'"}),
        (
            "remarks",
            {"kind": "'feedback'", "written_on": "current_date", "sealed": "'x'"},
            {"written_on": "'9999-1-1'"},
        ),
        (
            "remarks",
            {"kind": "'feedback'", "written_on": "current_date", "sealed": "repeat('x', 8300)::bytea"},
            {"sealed": "repeat('x', 8301)::bytea"},
        ),
        ("wishes", {"made_on": "current_date", "sealed": "'x'"}, {"made_on": "current_date - 3"}),
        ("wishes", {"made_on": "current_date + 2", "sealed": "'x'"}, {"sealed": "repeat('x', 8301)::bytea"}),
        (
            "tallies",
            {"kind": "'reversal'", "number": "20", "month": "date_trunc('month', current_date) - interval '1 year'"},
            {"month": "'1700-01-01'"},
        ),
        ("tallies", {"kind": "'link'", "number": "1", "month": "current_date"}, {"month": "current_date + 40"}),
    ],
)
def test_what_the_public_role_tells_is_small_and_of_these_days(
    roles: Roles, table: str, right: dict[str, str], wrong: dict[str, str]
) -> None:
    """The right row gets as far as a column that is missing: 23502."""
    for row, answer in ((right, "23502"), (right | wrong, REFUSED)):
        statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})"
        assert roles.run(PUBLIC, statement) == answer, statement


def test_staff_change_and_remove_rows_under_row_security(roles: Roles) -> None:
    """A policy too few would not refuse them: it would quietly find no row."""
    seen = "SELECT 1 / count(*) FROM orders WHERE status = 'held'"
    assert roles.run(STAFF, seen) == "22012"  # division by zero: the control
    assert roles.run(STAFF, new_order(), "UPDATE orders SET status = 'held'", seen) == ""
    assert roles.run(STAFF, new_order(), "UPDATE orders SET status = 'held'", "DELETE FROM orders", seen) == "22012"


def test_nobody_but_staff_can_stop_the_audit_record(roles: Roles) -> None:
    engine = create_engine(roles.url(ROOT), poolclass=NullPool)  # the public role may not even hold these locks
    with engine.connect() as held, roles.app(STAFF, Surface.STAFF).app_context(), engines_disposed():
        held.execute(text("SELECT pg_advisory_lock(7301942), pg_advisory_lock(0)"))
        db.session.execute(text("SET lock_timeout = '200ms'"))
        audit.record(db.session(), actor="system", action="test", subject="", at=clock.now())
        with Session(create_engine(roles.url(STAFF), poolclass=NullPool)) as other:  # the control: staff wait in line
            other.execute(text("SET lock_timeout = '200ms'"))
            with pytest.raises(OperationalError):
                audit.lock(other)
        db.session.rollback()
        db.session.remove()


def test_staff_change_everything_but_the_record_and_the_ledger(roles: Roles) -> None:
    found = tried(roles, STAFF)
    refused = {cell for cell, let in found.items() if not let}
    never = {(table, verb) for table in KEPT_FOR_EVER for verb in ("UPDATE", "UPDATE all", "DELETE")}
    assert refused == never | {(table, "TRUNCATE") for table in TABLES}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET reason = 'x'",
        "DELETE FROM movements",
        "CREATE TABLE t (a int)",
        "CREATE TEMPORARY TABLE t (a int)",
        "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
        "DROP TABLE audit_entries",
        f"SET ROLE {OWNER}",
    ],
)
def test_the_staff_role_is_refused(roles: Roles, statement: str) -> None:
    assert roles.run(STAFF, statement) == REFUSED


def test_a_whole_request_goes_through_both_roles(roles: Roles, web: FlaskClient) -> None:
    assert web.get("/readyz").status_code == 200
    form = filled(web, **{"item": ["naloxone-nasal", "wound-care-kit"], "many-wound-care-kit": "1"})
    for step in ("/answer", "/where", "/contact", "/check"):
        assert web.post(step, data=form).status_code == 200, step
    wish = {**form, "wish": "wound-care-kit", "tell": "yes", "by": "email", "by-email": "canary.quill@example.org"}
    assert all("We will tell you" in web.post("/tell", data=wish).text for _twice in range(2))
    code = code_in(web.post("/done", data=form))
    assert code_in(web.post("/done", data=form)) == code
    assert "We have your request" in web.post("/status", data={"code": code}).text
    assert web.post("/status", data={"code": "7K3M-9QXA-2B4C-5D6E-F"}).status_code == 404
    staff = roles.app(STAFF, Surface.STAFF)
    _run_jobs(staff, roles)
    assert "Look again in a minute" in web.post("/cancel", data={"code": code, "yes": "1"}).text
    _run_jobs(staff, roles)
    assert "cancelled" in web.post("/status", data={"code": code}).text
    again = {**fields(web.post("/again", data={"code": code}).text).to_dict(), "yes": "1"}
    next_code = code_in(web.post("/again", data=again))
    _run_jobs(staff, roles)
    assert "Your request is fine" in web.post("/status", data={"code": next_code}).text
    assert web.post("/erase", data={"code": next_code, "yes": "1"}).status_code == 200
    assert web.post("/erase", data={"code": code, "yes": "1"}).status_code == 200
    _run_jobs(staff, roles)
    assert web.post("/status", data={"code": code}).status_code == 404
    with staff.app_context():
        order, _again = db.session.scalars(select(Order).order_by(Order.id.desc()).limit(2)).all()[::-1]
        assert order.status == Status.CANCELLED and order.sealed is None is _again.sealed
        assert len(order.lines) == 2  # in one statement, or row security would have refused the second
        db.session.remove()


def test_a_group_asks_and_is_approved_through_both_roles(roles: Roles, web: FlaskClient) -> None:
    code = code_in(web.post("/groups/done", data=filled_group(web)))
    staff = roles.app(STAFF, Surface.STAFF)
    _run_jobs(staff, roles)
    with engines_disposed(), staff.app_context():
        session, keys = db.session(), Keys.of(roles.settings(STAFF, Surface.STAFF))
        order = session.scalars(select(Order).order_by(Order.id.desc())).first()
        assert order is not None and (order.door, order.status) == ("group", Status.HELD)
        fewer = {"naloxone-nasal": "1"}
        approval.approve(session, order, keys, fewer, reason="fine", by="manager", at=clock.now())
        session.commit()
        db.session.remove()
    _run_jobs(staff, roles)
    assert "Your request is fine" in web.post("/status", data={"code": code}).text


def test_what_comes_with_a_code_goes_through_both_roles(roles: Roles, web: FlaskClient) -> None:
    """Another address, a letter and its answer, a parcel that never came, and all of it erased."""
    code = code_in(web.post("/done", data=filled(web)))
    staff = roles.app(STAFF, Surface.STAFF)
    _run_jobs(staff, roles)
    form = fields(web.post("/correct", data={"code": code}).text).to_dict() | {"name": "Robin Example", "yes": "1"}
    form |= {"line1": "22 Mended Ave", "city": "Sampleton", "state": "OH", "zip": "43215"}
    assert "changing the address" in web.post("/correct", data=form).text
    letter = {"code": code, "form": form["form"], "text": "The buzzer is broken.", "yes": "1"}
    assert "We have your message" in web.post("/message", data=letter).text
    _run_jobs(staff, roles)
    with engines_disposed(), staff.app_context():
        session, keys = db.session(), Keys.of(roles.settings(STAFF, Surface.STAFF))
        order = session.scalars(select(Order).order_by(Order.id.desc())).first()
        assert order is not None and open_person(order, keys).line1 == "22 Mended Ave"
        assert len(letters.of(session, order)) == 1
        letters.answer(session, order, "We will call up.", keys, by="manager", at=clock.now())
        order.status, order.closed_on = Status.SHIPPED, clock.today() - resend.NOT_BEFORE
        session.commit()
        db.session.remove()
    assert "We will call up." in web.post("/status", data={"code": code}).text
    assert "Thank you for telling us" in web.post("/lost", data={"code": code, "yes": "1"}).text
    _run_jobs(staff, roles)
    page = web.post("/status", data={"code": code}).text
    assert "It is in the mail" not in page and "We will call up." in page
    assert web.post("/erase", data={"code": code, "yes": "1"}).status_code == 200
    _run_jobs(staff, roles)
    assert web.post("/status", data={"code": code}).status_code == 404
    with engines_disposed(), staff.app_context():
        left = select(Order.door).where(Order.sealed.is_not(None), Order.door != "group")  # another test's
        assert db.session.scalars(left).all() == []
        replies = select(Reply.id).join(Reply.order).where(Order.door != "group")
        assert db.session.scalars(replies).all() == db.session.scalars(select(Letter.id)).all() == []
        db.session.remove()


def test_what_is_told_without_a_code_goes_through_both_roles(roles: Roles, web: FlaskClient) -> None:
    """A reversal with words, and a request by a link: added by the public side, which reads none of it."""
    staff = roles.app(STAFF, Surface.STAFF)
    with engines_disposed(), staff.app_context():
        code = links.make(db.session(), name="Made-up Library", by="manager", at=clock.now()).code
        db.session.commit()
        db.session.remove()
    with clock.at(clock.now() - timedelta(minutes=1)):
        form = fields(web.get("/told").text).to_dict() | {"yes": "1", "state": "OH", "people": "2", "text": "Thanks."}
    for _ in range(2):
        assert "Thank you" in web.post("/told", data=form).text
    assert code_in(web.post("/done", data=filled(web, via=code)))
    for column in ("kind", "epoch", "sealed", "written_on"):
        assert roles.run(PUBLIC, f"SELECT {column} FROM remarks") == REFUSED
    for column in ("kind", "key", "month", "number"):
        assert roles.run(PUBLIC, f"SELECT {column} FROM tallies") == REFUSED
    assert roles.run(PUBLIC, "SELECT * FROM counts") == REFUSED
    assert roles.run(PUBLIC, "INSERT INTO tallies (kind, number) VALUES ('counted', 0)") == REFUSED
    _run_jobs(staff, roles)
    with engines_disposed(), staff.app_context():
        session, keys = db.session(), Keys.of(roles.settings(STAFF, Surface.STAFF))
        counts = {(one.kind, one.key): one.number for one in session.scalars(select(Count))}
        assert counts == {("reversal", "OH"): 2, ("link", code): 1}
        remark = session.scalars(select(Remark)).one()
        assert view_remark(session, remark, keys, by="manager", at=clock.now()) == {"text": "Thanks."}
        assert voices.forget_old(session, clock.today() + timedelta(days=22)) == 1
        session.commit()
        db.session.remove()


def _run_jobs(staff: object, roles: Roles) -> None:
    """Every job of the scheduler, with the staff's role; a job that was refused something would raise."""
    with engines_disposed(), staff.app_context():  # type: ignore[attr-defined]
        for job in jobs.JOBS:
            job(db.session(), roles.settings(STAFF, Surface.STAFF))
        db.session.remove()


def test_the_statements_that_a_superuser_runs_are_printed_and_nothing_secret(roles: Roles) -> None:
    statements = quiet_statements(roles.granted.stdout)
    assert any(f"ALTER ROLE {PUBLIC}" in one.replace('"', "") and "terse" in one for one in statements)
    assert SECRET_WORDS.isdisjoint(roles.granted.stdout.split())
    assert roles.granted.stderr == ""


SECRET_WORDS = {"password", "PASSWORD", "postgresql+psycopg://"}


def test_a_column_that_is_added_stays_closed(roles: Roles) -> None:
    roles.commit(OWNER, "ALTER TABLE items ADD COLUMN new_one int", "ALTER TABLE orders ADD COLUMN new_one int")
    try:
        assert roles.run(PUBLIC, "SELECT new_one FROM items") == REFUSED
        assert roles.run(PUBLIC, "SELECT new_one FROM orders") == REFUSED
        assert roles.run(PUBLIC, "SELECT id FROM orders") == ""
    finally:
        roles.commit(OWNER, "ALTER TABLE items DROP COLUMN new_one", "ALTER TABLE orders DROP COLUMN new_one")


def test_migrating_grants_again(roles: Roles) -> None:
    roles.commit(OWNER, f"REVOKE SELECT ON items FROM {PUBLIC}", f"GRANT UPDATE ON items TO {PUBLIC}")
    assert roles.run(PUBLIC, "SELECT * FROM items") == REFUSED
    told = roles.command(OWNER, "migrate")
    assert told.returncode == 0 and f"Granted again: {PUBLIC}, {STAFF}." in told.stdout
    assert roles.run(PUBLIC, "SELECT * FROM items") == ""
    assert roles.run(PUBLIC, "UPDATE items SET unit = unit") == REFUSED


@pytest.mark.parametrize("role", [OWNER, ROOT, "nobody-by-that-name", STAFF])
def test_a_role_that_may_do_everything_is_not_granted_to(roles: Roles, role: str) -> None:
    told = roles.command(OWNER, "database", "grants", "--public", role, "--staff", STAFF)
    assert told.returncode == 1 and "cannot be used" in told.stderr and role in told.stderr


def test_on_sqlite_there_is_one_role(cli: Cli, settings: Settings) -> None:
    sqlite = {"DATABASE_URL": f"sqlite:///{settings.instance / 'other.sqlite3'}"}
    told = cli("database", "grants", "--public", "a", "--staff", "b", env=sqlite)
    assert told.returncode == 1 and "SQLite has one role" in told.stderr
    told = cli("database", "check", env=sqlite)
    assert told.returncode == 0 and "SQLite has one role" in told.stdout


@pytest.mark.parametrize(("role", "surface"), [(PUBLIC, "public"), (STAFF, "staff"), (STAFF, "all")])
def test_a_right_set_up_passes_the_check(roles: Roles, role: str, surface: str) -> None:
    told = roles.command(role, "database", "check", DISTRO_SURFACE=surface)
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize(
    ("spoil", "mend", "named"),
    [
        (
            f"GRANT UPDATE ON orders TO {PUBLIC}",
            f"REVOKE UPDATE ON orders FROM {PUBLIC}",
            "It may UPDATE all of orders",
        ),
        (f"GRANT SELECT (sealed) ON orders TO {PUBLIC}", "{again}", "It may SELECT orders.sealed"),
        ("GRANT SELECT ON users TO PUBLIC", "REVOKE SELECT ON users FROM PUBLIC", "It may SELECT all of users"),
        (f"GRANT SELECT (note) ON orders TO {PUBLIC}", "{again}", "It may SELECT orders.note"),
        (f"GRANT INSERT ON orders TO {PUBLIC}", "{again}", "It may INSERT all of orders"),
        (f"REVOKE SELECT ON items FROM {PUBLIC}", "{again}", "which it needs"),
        ("ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "{again}", "Row security of orders is off"),
        ("ALTER TABLE lines DISABLE ROW LEVEL SECURITY", "{again}", "Row security of lines is off"),
        ('DROP POLICY "all add" ON lines', "{again}", "Row security of lines is off, or not what"),
        (f"CREATE POLICY x ON orders TO {PUBLIC} USING (true)", "DROP POLICY x ON orders", "Row security of orders"),
        ("GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC", CLOSE, "may run lo_create(oid)"),
        (f"ALTER ROLE {PUBLIC} CREATEROLE", f"ALTER ROLE {PUBLIC} NOCREATEROLE", "CREATEROLE"),
        (f"GRANT CREATE ON SCHEMA public TO {PUBLIC}", f"REVOKE CREATE ON SCHEMA public FROM {PUBLIC}", "make tables"),
        (f"GRANT {OWNER} TO {PUBLIC}", f"REVOKE {OWNER} FROM {PUBLIC}", "owns"),
        *(
            (f"ALTER ROLE {PUBLIC} SET {name} = {wrong}", f"ALTER ROLE {PUBLIC} SET {name} = '{QUIET[name][0]}'", name)
            for name, wrong in (
                ("log_error_verbosity", "verbose"),
                ("log_statement", "'all'"),
                ("log_min_error_statement", "error"),
                ("log_min_duration_statement", "0"),
                ("synchronous_commit", "off"),
            )
        ),
    ],
)
def test_each_fault_is_named(roles: Roles, spoil: str, mend: str, named: str) -> None:
    roles.commit(ROOT, spoil)
    try:
        told = roles.command(PUBLIC, "database", "check", "--as", "public")
        assert told.returncode == 1 and named in told.stdout, told.stdout
    finally:
        if mend == "{again}":
            roles.command(OWNER, "database", "grants", "--public", PUBLIC, "--staff", STAFF)
        else:
            roles.commit(ROOT, mend)


def test_staff_without_their_policy_are_told(roles: Roles) -> None:
    roles.commit(OWNER, f"DROP POLICY {STAFF} ON orders")
    told = roles.command(STAFF, "database", "check", DISTRO_SURFACE="staff")
    assert told.returncode == 1 and "Row security of orders" in told.stdout
    assert roles.command(OWNER, "migrate").returncode == 0
    assert roles.command(STAFF, "database", "check", DISTRO_SURFACE="staff").returncode == 0


def test_the_owner_dumps_and_restores_and_the_check_knows_what_a_superuser_must_do_again(
    roles: Roles, tmp_path: Path
) -> None:
    def at(role: str) -> str:
        return make_url(roles.url(role)).set(database="restored").render_as_string()

    roles.commit(OWNER, new_order())
    try:
        back_up_database(roles.url(OWNER), tmp_path / "dump")
    finally:
        roles.commit(OWNER, "DELETE FROM orders WHERE number = 'MADEUP01'")
    roles.commit(ROOT, f"CREATE DATABASE restored OWNER {OWNER}", database="postgres")
    restore_database(tmp_path / "dump", at(OWNER))
    granted = roles.command(OWNER, "database", "grants", "--public", PUBLIC, "--staff", STAFF, DATABASE_URL=at(OWNER))
    assert granted.returncode == 0, granted.stderr
    told = roles.command(PUBLIC, "database", "check", "--as", "public", DATABASE_URL=at(PUBLIC))
    assert told.stdout.count("\n") == 1 and "may run lo_creat(integer)" in told.stdout, told.stdout
    roles.commit(ROOT, CLOSE, database="restored")
    told = roles.command(PUBLIC, "database", "check", "--as", "public", DATABASE_URL=at(PUBLIC))
    assert told.returncode == 0, told.stdout


def test_a_superuser_for_the_pages_is_named(roles: Roles) -> None:
    told = roles.command(ROOT, "database", "check")
    assert told.returncode == 1 and "SUPER" in told.stdout and "owns" in told.stdout


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://web@db.example.org/depot",
        "postgresql+psycopg://web@10.0.0.5/depot?sslmode=require",
        "postgresql+psycopg://web@/depot?host=10.0.0.5",
        "postgresql+psycopg://web@/depot?host=/run/postgresql,10.0.0.5&sslmode=prefer",
        "postgresql://web@[2001:db8::1]/depot",
    ],
)
def test_plain_tcp_to_another_machine_is_refused(cli: Cli, url: str) -> None:
    told = cli("migrate", env={"DATABASE_URL": url})
    assert told.returncode == 1 and "sslmode=verify-full" in told.stderr


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://web@/depot",
        "postgresql+psycopg://web@/depot?host=/run/postgresql",
        "postgresql+psycopg://web@localhost/depot",
        "postgresql+psycopg://web@127.0.0.1/depot",
        "postgresql+psycopg://web@[::1]/depot",
        "postgresql+psycopg://web@db.example.org/depot?sslmode=verify-full",
        "sqlite:////tmp/x.sqlite3",
    ],
)
def test_a_safe_way_is_taken(url: str) -> None:
    check_way(url)


def test_the_way_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example.org")
    with pytest.raises(SettingWrong):
        check_way("postgresql+psycopg:///depot")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    check_way("postgresql+psycopg:///depot")
