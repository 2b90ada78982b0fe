"""Proof of each row, instructions by code, household tags; second factors, sessions and invitations of staff."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op
from flask import current_app

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _order() -> list[sa.Column[Any]]:
    return [
        sa.Column("proof", sa.LargeBinary(length=32), nullable=True),
        sa.Column("change_tag", sa.LargeBinary(length=32), nullable=True),
        sa.Column("erased_on", sa.Date(), nullable=True),
        sa.Column("flags", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("why_not", sa.String(length=16), nullable=False, server_default=""),
    ]


def _user() -> list[sa.Column[Any]]:
    return [
        sa.Column("state_codes", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("totp_secret", sa.String(length=200), nullable=False, server_default=""),
        sa.Column("totp_last", sa.Integer(), nullable=True),
        sa.Column("recovery_hashes", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("oidc_subject", sa.String(length=255), nullable=True),
    ]


def _item() -> list[sa.Column[Any]]:
    return [
        sa.Column("household_most", sa.Integer(), nullable=True),
        sa.Column("household_days", sa.Integer(), nullable=True),
    ]


def _added() -> dict[str, list[sa.Column[Any]]]:
    return {"orders": _order(), "users": _user(), "items": _item()}


def upgrade() -> None:
    _new_tables()
    for table, columns in _added().items():
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.add_column(column)
        with op.batch_alter_table(table) as batch_op:  # apart, so that the rows are given the default first
            for column in columns:
                if column.server_default is not None:
                    batch_op.alter_column(column.name, server_default=None)
    with op.batch_alter_table("users") as batch_op:
        batch_op.create_unique_constraint(op.f("uq_users_oidc_subject"), ["oidc_subject"])
    with op.batch_alter_table("orders") as batch_op:
        batch_op.alter_column("epoch", type_=sa.String(length=12), existing_nullable=False)
    with op.batch_alter_table("lines") as batch_op:
        batch_op.create_unique_constraint(op.f("uq_lines_order_id"), ["order_id", "item_id"])
    with op.batch_alter_table("audit_entries") as batch_op:
        batch_op.create_index("ix_audit_entries_actor_at", ["actor", "at"])
        batch_op.create_index("ix_audit_entries_action_at", ["action", "at"])
        batch_op.drop_index("ix_audit_entries_action")
    orders = sa.table("orders", sa.column("sealed"), sa.column("erased_on", sa.Date()))
    op.execute(orders.update().where(orders.c.sealed.is_(None)).values(erased_on=datetime.now(UTC).date()))
    _prove_rows()


def _prove_rows() -> None:
    """What is stored now is believed: each row gets the proof that intake gives from here on."""
    secret = current_app.config["SETTINGS"].secret_key.encode()
    rows = op.get_bind().execute(
        sa.text(
            "SELECT id, uid, number, nonce_tag, code_tag, epoch, state, received_on, sealed FROM orders"
            " WHERE sealed IS NOT NULL"
        )
    )
    for row in rows.all():
        wanted = op.get_bind().execute(
            sa.text("SELECT items.code, quantity FROM lines JOIN items ON items.id = item_id WHERE order_id = :id"),
            {"id": row.id},
        )
        told = [str(UUID(str(row.uid))), row.number, row.nonce_tag.hex(), row.code_tag.hex(), None]
        told += [row.epoch, row.state, str(row.received_on), sorted(map(list, wanted.all()))]
        told += [[], hashlib.sha256(row.sealed).hexdigest()]
        text = b"row proof\0" + json.dumps(told, separators=(",", ":")).encode()
        op.get_bind().execute(
            sa.text("UPDATE orders SET proof = :proof WHERE id = :id"),
            {"proof": hmac.digest(secret, text, hashlib.sha256), "id": row.id},
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":  # what `distro database grants` put there names columns that go
        for table in ("orders", "lines"):
            op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
            op.execute(f'DROP POLICY IF EXISTS "all add" ON {table}')
    with op.batch_alter_table("audit_entries") as batch_op:
        batch_op.create_index("ix_audit_entries_action", ["action"])
        batch_op.drop_index("ix_audit_entries_action_at")
        batch_op.drop_index("ix_audit_entries_actor_at")
    with op.batch_alter_table("orders") as batch_op:
        batch_op.alter_column("epoch", type_=sa.String(length=8), existing_nullable=False)
    with op.batch_alter_table("lines") as batch_op:
        batch_op.drop_constraint(op.f("uq_lines_order_id"), type_="unique")
    with op.batch_alter_table("users") as batch_op:
        batch_op.drop_constraint(op.f("uq_users_oidc_subject"), type_="unique")
    for table, columns in _added().items():
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.drop_column(column.name)
    for table in ("invitations", "staff_sessions", "households", "instructions"):
        op.drop_table(table)


def _new_tables() -> None:
    op.create_table(
        "instructions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("token", sa.LargeBinary(length=32), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_instructions_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instructions")),
        sa.UniqueConstraint("order_id", "kind", "token", name=op.f("uq_instructions_order_id")),
    )
    op.create_index("ix_instructions_order_id", "instructions", ["order_id"])
    op.create_table(
        "households",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("week", sa.String(length=8), nullable=False),
        sa.Column("tag", sa.LargeBinary(length=4), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_households_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_households")),
    )
    op.create_index("ix_households_week_tag", "households", ["week", "tag"])
    for table, columns in _of_staff().items():
        op.create_table(
            table,
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("user_id", sa.Integer(), nullable=False),
            sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
            *columns,
            sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id_users")),
            sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
            sa.UniqueConstraint("token_hash", name=op.f(f"uq_{table}_token_hash")),
        )
        op.create_index(f"ix_{table}_user_id", table, ["user_id"])


def _of_staff() -> dict[str, list[sa.Column[Any]]]:
    return {
        "staff_sessions": [
            sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        ],
        "invitations": [
            sa.Column("made_by", sa.String(length=64), nullable=False),
            sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        ],
    }
