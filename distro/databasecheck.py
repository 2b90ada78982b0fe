"""Whether the connection to the database is safe: on the way, in what it may do, and in what the server logs of it."""

import ipaddress
import os
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, MetaData, make_url, text

from distro.errors import SettingWrong
from distro.grants import POLICIES, QUIET, ROWS_ADDED, DatabaseRole, may_run_closed, wanted

VERIFIED = ("verify-ca", "verify-full")
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
BY_COLUMN = ("SELECT", "INSERT", "UPDATE", "REFERENCES")


def check_way(url: str) -> None:
    """Refuse a PostgreSQL on another machine unless TLS proves which one it is.

    A Unix socket and this machine's loopback need none. Raises SettingWrong.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return
    given: dict[str, Any] = parsed.translate_connect_args() | dict(parsed.query)
    hosts = _listed(given.get("hostaddr") or given.get("host") or os.environ.get("PGHOST", ""))
    mode = given.get("sslmode") or os.environ.get("PGSSLMODE", "")
    if mode not in VERIFIED and not all(map(_is_here, hosts)):
        raise SettingWrong(
            name="DATABASE_URL",
            problem="to a database on another machine the way has to be by TLS: add ?sslmode=verify-full",
        )


def unsafe(connection: Connection, role: DatabaseRole | None, metadata: MetaData) -> Iterator[str]:
    """What is not as it should be for a process of this role, one sentence each; None is the owner, who migrates."""
    if connection.dialect.name != "postgresql":
        yield from _sqlite(connection)
        return
    yield from _way(connection)
    yield from _settings(connection)
    if role is not None:
        yield from _powers(connection)
        yield from _excess(connection, role, metadata)
        yield from _rows(connection, role)


def _sqlite(connection: Connection) -> Iterator[str]:
    for pragma, right, meaning in (("synchronous", (2, 3), "FULL"), ("secure_delete", (1,), "ON")):
        if connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() not in right:
            yield f"PRAGMA {pragma} is not {meaning}."


def _way(connection: Connection) -> Iterator[str]:
    server = connection.scalar(text("SELECT host(inet_server_addr())"))
    ssl = connection.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
    if server is not None and not ipaddress.ip_address(server).is_loopback and not ssl:
        yield "The connection crosses a network without TLS: add ?sslmode=verify-full to DATABASE_URL."


def _settings(connection: Connection) -> Iterator[str]:
    for setting, right in QUIET.items():
        found = connection.scalar(text("SELECT current_setting(:name, true)"), {"name": setting})
        if found is not None and found not in right:
            yield f"{setting} is {found}, not {right[0]}: what people typed could reach the server's log, or be lost."
    for extension in ("pgaudit.log", "auto_explain.log_min_duration"):
        found = connection.scalar(text("SELECT current_setting(:name, true)"), {"name": extension})
        if found not in (None, "", "none", "-1"):
            yield f"{extension} is {found}: it writes statements to the server's log."


def _powers(connection: Connection) -> Iterator[str]:
    row = connection.execute(
        text(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles "
            "WHERE rolname = current_user"
        )
    ).one()
    for power, held in row._mapping.items():
        if held:
            yield f"The role of DATABASE_URL has {power.removeprefix('rol').upper()}, which no page needs."
    owned = connection.scalars(
        text(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
            "AND pg_has_role(relowner, 'MEMBER')"
        )
    ).first()
    if owned:
        yield f"The role of DATABASE_URL owns {owned} and other tables. Use the owner for `distro migrate` alone."
    if connection.scalar(text("SELECT has_schema_privilege('public', 'CREATE')")):
        yield "The role of DATABASE_URL may make tables."
    if found := may_run_closed(connection, str(connection.scalar(text("SELECT current_user")))):
        yield f"The role of DATABASE_URL may run {found[0]}. A superuser runs what `distro database grants` prints."


def _excess(connection: Connection, role: DatabaseRole, metadata: MetaData) -> Iterator[str]:
    """What the role may do and should not, and the reverse, by table and column."""
    right = {(grant.table, grant.privilege): grant.columns for grant in wanted(role, metadata)}
    tables = connection.scalars(
        text(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'v', 'm', 'p')"
        )
    ).all()
    for table in sorted(tables):
        for privilege in PRIVILEGES:
            granted = _may(connection, table, privilege)
            columns = right.get((table, privilege))
            if granted and (columns is None or columns):
                yield f"It may {privilege} all of {table}."
            elif not granted and columns == ():
                yield f"It may not {privilege} {table}, which it needs. Run: distro database grants"
            elif not granted and privilege in BY_COLUMN:
                yield from _columns(connection, table, privilege, columns or ())


def _rows(connection: Connection, role: DatabaseRole) -> Iterator[str]:
    """Where row security is off, or other policies hold for the role than those of `distro database grants`."""
    query = text(
        "SELECT c.relrowsecurity, array_agg(p.polname::text) FROM pg_class c "
        "LEFT JOIN pg_policy p ON p.polrelid = c.oid "
        "AND EXISTS (SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_has_role(r, 'USAGE')) "
        "WHERE c.oid = to_regclass(:table) GROUP BY c.oid, c.relrowsecurity"
    )
    name = str(connection.scalar(text("SELECT current_user")))
    right = {*POLICIES, name} if role is DatabaseRole.STAFF else {*POLICIES}
    for table in ROWS_ADDED:
        found = connection.execute(query, {"table": f"public.{table}"}).first()
        if found is not None and (not found[0] or set(found[1]) != right):
            yield f"Row security of {table} is off, or not what it has to be. Run: distro database grants"


def _columns(connection: Connection, table: str, privilege: str, right: tuple[str, ...]) -> Iterator[str]:
    query = text(
        "SELECT attname, has_column_privilege(attrelid, attnum, :privilege) FROM pg_attribute "
        "WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    for column, granted in connection.execute(query, {"privilege": privilege, "table": f'public."{table}"'}):
        if granted and column not in right:
            yield f"It may {privilege} {table}.{column}."
        elif not granted and column in right:
            yield f"It may not {privilege} {table}.{column}, which it needs. Run: distro database grants"


def _may(connection: Connection, table: str, privilege: str) -> bool:
    query = text("SELECT has_table_privilege(to_regclass(:table), :privilege)")
    return bool(connection.scalar(query, {"table": f'public."{table}"', "privilege": privilege}))


def _listed(hosts: str | tuple[str, ...]) -> list[str]:
    return (hosts if isinstance(hosts, str) else ",".join(hosts)).split(",")


def _is_here(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
