"""What each database role may do on PostgreSQL, and the statements that make it so.

The *owner* migrates and grants, and no process that answers visitors uses it. *Staff* may do what the pages and the
scheduler do, but neither change nor remove a line of the audit record or of the stock ledger, nor any table. *Public*
may read what answering and status need, and add a request or an instruction: it reads no sealed box, nor why a person
looks at an order, and changes nothing. Columns are granted by name, so one that a later version adds is closed until it
is named here. Of rows that anybody but staff adds, row security wants that they are new requests (`ROWS_ADDED`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, MetaData, Table, text

from distro.errors import Refusal


class DatabaseRole(StrEnum):
    """Whose connection it is."""

    PUBLIC = "public"
    STAFF = "staff"


PUBLIC_READS = frozenset(  # whole tables, about places, rules and shelves; nothing in them is of a participant
    {
        "balances",
        "counties",
        "credentials",
        "decision_tables",
        "funds",
        "items",
        "kit_components",
        "lots",
        "notices",
        "parcels",
        "referrals",
        "rulesets",
        "site_items",
        "sites",
        "states",
        "zips",
    }
)
PUBLIC_READS_OF = {  # columns alone
    "orders": frozenset(  # what the status page goes by, and whether a form was stored before
        {
            *("id", "number", "nonce_tag", "code_tag", "erased_on"),
            *("status", "why_not", "state", "received_on", "closed_on", "lost_on", "resent_as_id"),
            "site_id",  # how long the queue of a warehouse is
        }
    ),
    "lines": frozenset({"id", "order_id"}),  # what an INSERT gives back, and what its check looks at
    "instructions": frozenset({"id", "order_id", "kind"}),
    "replies": frozenset({"id", "order_id", "uid", "sealed", "written_on"}),  # only the code's own key opens them
    "recalls": frozenset({"id", "text", "text_es", "made_on"}),  # what people read, and not who made it
    "links": frozenset({"code", "closed_on"}),
    "remarks": frozenset({"id", "uid", "read_on"}),  # ids: what an INSERT that comes twice looks at
    "tallies": frozenset({"id", "uid"}),
    "wishes": frozenset({"id", "uid"}),
}
PUBLIC_ADDS = frozenset({"orders", "lines", "instructions", "remarks", "tallies", "wishes"})
_SMALL = "octet_length(sealed) <= 8300"  # as large as the largest box of `distro.keys.sealing`, and no larger


def _about_today(column: str) -> str:
    """What lets through the day of any clock that is not far off the database's."""
    return f"{column} BETWEEN current_date - 2 AND current_date + 2"


ROWS_ADDED = {  # what a row has to be that anybody but staff adds
    "orders": "status = 'received' AND NOT released AND released_for::text = '[]' AND note = '' AND why_not = '' "
    "AND NOT counted AND site_id IS NULL AND packer_id IS NULL AND closed_on IS NULL AND erased_on IS NULL "
    "AND change_tag IS NOT NULL AND sealed IS NOT NULL AND proof IS NOT NULL "
    "AND door IN ('web', 'again', 'group') AND news = '' AND lost_on IS NULL AND resent_as_id IS NULL",
    # All lines of an order come in one statement, which does not see its own rows.
    "lines": "quantity > 0 AND asked_item_id IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM lines AS before WHERE before.order_id = lines.order_id)",
    "instructions": f"kind IN ('cancel', 'erase', 'correct', 'lost', 'message') AND (sealed IS NULL OR {_SMALL})",
    "remarks": f"read_on IS NULL AND kind IN ('reversal', 'feedback') AND {_about_today('written_on')} AND {_SMALL}",
    "wishes": f"{_about_today('made_on')} AND {_SMALL}",
    # A reversal may be told for one of the twelve months before this one.
    "tallies": "kind IN ('link', 'reversal') AND number BETWEEN 1 AND 20 "
    "AND month BETWEEN current_date - 400 AND current_date + 2",
}
POLICIES = ("all read", "all add")  # those of everybody; each staff role has one of its own name besides
CLOSED = (  # functions that no page needs, but that PostgreSQL lets everybody run
    *("lo_creat(integer)", "lo_create(oid)", "lo_from_bytea(oid, bytea)"),  # they fill the disk beside all tables
    *(  # enough of these locks stop the whole server
        f"pg_{wait}advisory_{until}lock{kind}({key})"
        for wait in ("", "try_")
        for until in ("", "xact_")
        for kind in ("", "_shared")
        for key in ("bigint", "integer, integer")
    ),
)
CLOSE = f"REVOKE EXECUTE ON FUNCTION {', '.join(CLOSED)} FROM PUBLIC"
NEVER_CHANGED = frozenset({"audit_entries", "movements"})
QUIET = {  # what keeps values and statements out of the server's log, and commits durable; with values that are as good
    "log_statement": ("none",),
    "log_min_error_statement": ("panic",),
    "log_error_verbosity": ("terse",),  # without DETAIL, which says `Failing row contains (...)`
    "log_min_duration_statement": ("-1",),
    "log_min_duration_sample": ("-1",),
    "log_transaction_sample_rate": ("0",),
    "log_parameter_max_length": ("0",),
    "log_parameter_max_length_on_error": ("0",),
    "log_duration": ("off",),
    "debug_print_parse": ("off",),
    "debug_print_rewritten": ("off",),
    "debug_print_plan": ("off",),
    "synchronous_commit": ("on", "remote_apply"),
}


class NoSuchRole(Refusal):
    """A role is missing, or may do everything already."""

    status = 404
    sentence = (
        "%(name)s cannot be used: it has to be a role of its own that may log in, no superuser, not the owner of the "
        "tables and no member of the owner. Make it with: CREATE ROLE %(name)s LOGIN"
    )


@dataclass(frozen=True)
class Grant:
    """One thing a role may do: to a whole table, or to the columns named."""

    table: str
    privilege: str
    columns: tuple[str, ...] = ()


def wanted(role: DatabaseRole, metadata: MetaData) -> Iterator[Grant]:
    """What a role should be granted on the tables of this version."""
    for table in metadata.sorted_tables:
        yield from _public(table) if role is DatabaseRole.PUBLIC else _staff(table)


def give(connection: Connection, role: DatabaseRole, name: str, metadata: MetaData) -> None:
    """Take everything from a role and grant what it needs, in the caller's transaction. Raises NoSuchRole."""
    _check(connection, name)
    who = _quoted(connection, name)
    present = set(connection.scalars(text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")))
    run = connection.exec_driver_sql
    for other in (who, "PUBLIC"):
        run(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {other}")
        run(f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {other}")
        run(f"REVOKE CREATE ON SCHEMA public FROM {other}")
    run(f"GRANT USAGE ON SCHEMA public TO {who}")
    for grant in wanted(role, metadata):
        if grant.table in present:
            named = ", ".join(_quoted(connection, column) for column in grant.columns)
            columns = f" ({named})" if named else ""
            run(f"GRANT {grant.privilege}{columns} ON {_quoted(connection, grant.table)} TO {who}")
    adds = {grant.table for grant in wanted(role, metadata) if grant.privilege == "INSERT"}
    for sequence in _sequences(connection, adds):
        run(f"GRANT USAGE ON SEQUENCE {_quoted(connection, sequence)} TO {who}")
    for table, right in ROWS_ADDED.items():
        if table in present:
            _secure_rows(connection, table, right, role, who)


def _secure_rows(connection: Connection, table: str, right: str, role: DatabaseRole, who: str) -> None:
    """Let everybody add `right` rows to a table alone, and staff do what they were granted; the owner is not bound."""
    run, (read, add) = connection.exec_driver_sql, POLICIES
    for policy in (f'"{read}"', f'"{add}"', who):
        run(f"DROP POLICY IF EXISTS {policy} ON {table}")
    run(f'CREATE POLICY "{read}" ON {table} FOR SELECT USING (true)')
    run(f'CREATE POLICY "{add}" ON {table} FOR INSERT WITH CHECK ({right})')
    if role is DatabaseRole.STAFF:
        run(f"CREATE POLICY {who} ON {table} TO {who} USING (true) WITH CHECK (true)")
    run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def close_database(connection: Connection) -> None:
    """Let nobody make temporary tables or connect who was not named; only the database's owner can say so."""
    name = _quoted(connection, str(connection.scalar(text("SELECT current_database()"))))
    if connection.scalar(
        text("SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()")
    ):
        connection.exec_driver_sql(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")


def keep_quiet(connection: Connection, name: str) -> list[str]:
    """Set a role's sessions so that the server's log holds no value; give back the statements we may not run ourselves.

    Most of these settings are a superuser's to make, or of someone granted SET on them (PostgreSQL 15 and later).
    """
    left = []
    for setting, values in QUIET.items():
        statement = f"ALTER ROLE {_quoted(connection, name)} SET {setting} = '{values[0]}'"
        if not _tried(connection, statement):
            left.append(statement + ";")
    return left


def _tried(connection: Connection, statement: str) -> bool:
    """Run a statement that may not be ours to run; False if it was refused."""
    point = connection.begin_nested()
    try:
        connection.exec_driver_sql(statement)
        point.commit()
    except Exception:
        point.rollback()
        return False
    return True


def close_functions(connection: Connection) -> list[str]:
    """Let nobody run the functions of CLOSED in this database; gives the statement if it is a superuser's to run."""
    if may_run_closed(connection, "public"):
        _tried(connection, CLOSE)  # from others than a superuser it does nothing, with a warning
    return [f"{CLOSE};"] if may_run_closed(connection, "public") else []


def may_run_closed(connection: Connection, name: str) -> list[str]:
    """Which functions of CLOSED a role, or `public` for everybody, may run."""
    query = text("SELECT f FROM unnest(CAST(:all AS text[])) f WHERE has_function_privilege(:name, f, 'EXECUTE')")
    return list(connection.scalars(query, {"name": name, "all": list(CLOSED)}))


def holders(connection: Connection) -> dict[DatabaseRole, list[str]]:
    """The roles that were granted something before, told by what they may do to orders."""
    rows = connection.execute(
        text(
            "SELECT r.rolname, array_agg(a.privilege_type) FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid "
            "CROSS JOIN aclexplode(c.relacl || t.attacl) a "
            "JOIN pg_roles r ON r.oid = a.grantee "
            "WHERE c.oid = to_regclass('public.orders') AND a.grantee <> c.relowner AND NOT r.rolsuper "
            "GROUP BY r.rolname"
        )
    )
    found: dict[DatabaseRole, list[str]] = {role: [] for role in DatabaseRole}
    for name, privileges in rows:
        if "INSERT" in privileges:
            found[DatabaseRole.STAFF if "UPDATE" in privileges else DatabaseRole.PUBLIC].append(name)
    return found


def _public(table: Table) -> Iterator[Grant]:
    if table.name in PUBLIC_READS:
        yield Grant(table.name, "SELECT", _names(table))
    elif table.name in PUBLIC_READS_OF:
        yield Grant(table.name, "SELECT", tuple(n for n in _names(table) if n in PUBLIC_READS_OF[table.name]))
    if table.name in PUBLIC_ADDS:
        yield Grant(table.name, "INSERT", tuple(n for n in _names(table) if n != "id"))  # the sequence says which id


def _staff(table: Table) -> Iterator[Grant]:
    for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        if table.name not in NEVER_CHANGED or privilege in ("SELECT", "INSERT"):
            yield Grant(table.name, privilege)


def _names(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns)


def _check(connection: Connection, name: str) -> None:
    row = connection.execute(
        text(
            "SELECT r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> current_user AND NOT EXISTS ("
            "SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace "
            "AND pg_has_role(r.oid, c.relowner, 'MEMBER')) "
            "FROM pg_roles r WHERE r.rolname = :name"
        ),
        {"name": name},
    ).scalar()
    if not row:
        raise NoSuchRole(name=name)


def _sequences(connection: Connection, tables: Iterable[str]) -> Iterator[str]:
    query = text(
        "SELECT s.relname FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i') "
        "JOIN pg_class t ON t.oid = d.refobjid WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace "
        "AND t.relname = ANY(:tables)"
    )
    yield from connection.scalars(query, {"tables": sorted(tables)})


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
