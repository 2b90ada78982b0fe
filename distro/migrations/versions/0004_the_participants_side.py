"""Kinds of one thing, what comes with a code, letters and replies, recalls, wishes, links and counts."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _item() -> list[sa.Column[Any]]:
    return [
        sa.Column("family", sa.String(length=40), nullable=False, server_default=""),
        sa.Column("variant", sa.String(length=60), nullable=False, server_default=""),
        sa.Column("variant_es", sa.String(length=60), nullable=False, server_default=""),
        sa.Column("case_units", sa.Integer(), nullable=True),
        sa.Column("cases_most", sa.Integer(), nullable=True),
    ]


def _order() -> list[sa.Column[Any]]:
    return [
        sa.Column("door", sa.String(length=8), nullable=False, server_default="web"),
        sa.Column("news", sa.String(length=12), nullable=False, server_default=""),
        sa.Column("lost_on", sa.Date(), nullable=True),
        sa.Column("resent_as_id", sa.Integer(), nullable=True),
    ]


def _instruction() -> list[sa.Column[Any]]:
    return [
        sa.Column("uid", sa.Uuid(), nullable=False, server_default="0" * 32),
        sa.Column("epoch", sa.String(length=12), nullable=False, server_default=""),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("proof", sa.LargeBinary(length=32), nullable=True),
    ]


def _message() -> list[sa.Column[Any]]:
    return [
        sa.Column("channel", sa.String(length=4), nullable=False, server_default="mail"),
        sa.Column("uid", sa.Uuid(), nullable=True),
        sa.Column("epoch", sa.String(length=12), nullable=False, server_default=""),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("proof", sa.LargeBinary(length=32), nullable=True),
    ]


def _line() -> list[sa.Column[Any]]:
    return [sa.Column("asked_item_id", sa.Integer(), nullable=True)]


def _zip() -> list[sa.Column[Any]]:
    return [sa.Column("names", sa.JSON(), nullable=False, server_default="[]")]


def _added() -> dict[str, list[sa.Column[Any]]]:
    return {
        "items": _item(),
        "orders": _order(),
        "instructions": _instruction(),
        "outbox": _message(),
        "lines": _line(),
        "zips": _zip(),
    }


def upgrade() -> None:
    for table, columns in _added().items():
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.add_column(column)
        with op.batch_alter_table(table) as batch_op:  # apart, so that the rows are given the default first
            for column in columns:
                if column.server_default is not None:
                    batch_op.alter_column(column.name, server_default=None)
    with op.batch_alter_table("orders") as batch_op:
        batch_op.create_foreign_key(op.f("fk_orders_resent_as_id_orders"), "orders", ["resent_as_id"], ["id"])
        batch_op.create_unique_constraint(op.f("uq_orders_resent_as_id"), ["resent_as_id"])
    told = sa.text("news <> ''")
    op.create_index("ix_orders_news", "orders", ["news"], sqlite_where=told, postgresql_where=told)
    lost = sa.text("lost_on IS NOT NULL")
    op.create_index("ix_orders_lost_on", "orders", ["lost_on"], sqlite_where=lost, postgresql_where=lost)
    op.create_index("ix_orders_received_on", "orders", ["received_on"])
    with op.batch_alter_table("lines") as batch_op:
        batch_op.create_foreign_key(op.f("fk_lines_asked_item_id_items"), "items", ["asked_item_id"], ["id"])
    with op.batch_alter_table("instructions") as batch_op:
        batch_op.drop_constraint(op.f("uq_instructions_order_id"), type_="unique")
        batch_op.create_unique_constraint(op.f("uq_instructions_order_id"), ["order_id", "kind", "token", "uid"])
    _new_tables()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":  # what `distro database grants` put there names columns that go
        for table in ("orders", "lines", "instructions", "remarks", "wishes", "tallies"):
            op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
            op.execute(f'DROP POLICY IF EXISTS "all add" ON {table}')
    op.execute("DELETE FROM outbox WHERE uid IS NOT NULL")  # boxes to participants: the older version would mail blanks
    for table in ("counts", "tallies", "links", "remarks", "wishes", "notices", "recalls", "replies", "letters"):
        op.drop_table(table)
    with op.batch_alter_table("instructions") as batch_op:
        batch_op.drop_constraint(op.f("uq_instructions_order_id"), type_="unique")
    op.execute("DELETE FROM instructions WHERE kind NOT IN ('cancel', 'erase')")
    with op.batch_alter_table("instructions") as batch_op:
        batch_op.create_unique_constraint(op.f("uq_instructions_order_id"), ["order_id", "kind", "token"])
    with op.batch_alter_table("lines") as batch_op:
        batch_op.drop_constraint(op.f("fk_lines_asked_item_id_items"), type_="foreignkey")
    for name in ("news", "lost_on", "received_on"):
        op.drop_index(f"ix_orders_{name}", "orders")
    with op.batch_alter_table("orders") as batch_op:
        batch_op.drop_constraint(op.f("uq_orders_resent_as_id"), type_="unique")
        batch_op.drop_constraint(op.f("fk_orders_resent_as_id_orders"), type_="foreignkey")
    for table, columns in _added().items():
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.drop_column(column.name)


def _new_tables() -> None:
    proof = sa.Column("proof", sa.LargeBinary(length=32), nullable=False)
    _table("letters", *_of_order(), _uid(), *_box(), proof, _day("written_on"), _day("read_on", empty=True))
    _table("replies", *_of_order(), _uid(), sa.Column("sealed", sa.LargeBinary(), nullable=False), _day("written_on"))
    _table(
        "recalls",
        sa.Column("lot_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=400), nullable=False),
        sa.Column("text_es", sa.String(length=400), nullable=False),
        _day("made_on"),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.id"], name=op.f("fk_recalls_lot_id_lots")),
        sa.UniqueConstraint("lot_id", name=op.f("uq_recalls_lot_id")),
    )
    op.create_table(
        "notices",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("recall_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_notices_order_id_orders")),
        sa.ForeignKeyConstraint(["recall_id"], ["recalls.id"], name=op.f("fk_notices_recall_id_recalls")),
        sa.PrimaryKeyConstraint("order_id", "recall_id", name=op.f("pk_notices")),
    )
    _table(
        "wishes",
        _uid(),
        sa.Column("state", sa.String(length=2), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        *_box(),
        _day("made_on"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_wishes_item_id_items")),
    )
    op.create_index("ix_wishes_item_id", "wishes", ["item_id"])
    _table("remarks", _uid(), _kind(), *_box(), _day("written_on"), _day("read_on", empty=True))
    _table(
        "links",
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        _day("made_on"),
        _day("closed_on", empty=True),
        sa.UniqueConstraint("code", name=op.f("uq_links_code")),
    )
    _table("tallies", _uid(), *_counted())
    op.create_table("counts", *_counted(), sa.PrimaryKeyConstraint("kind", "key", "month", name=op.f("pk_counts")))
    for table in ("letters", "replies"):
        op.create_index(f"ix_{table}_order_id", table, ["order_id"])
        with op.batch_alter_table(table) as batch_op:
            batch_op.create_foreign_key(op.f(f"fk_{table}_order_id_orders"), "orders", ["order_id"], ["id"])
    for table in ("letters", "replies", "wishes", "remarks", "tallies"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.create_unique_constraint(op.f(f"uq_{table}_uid"), ["uid"])


def _table(name: str, *parts: Any) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), nullable=False),
        *parts,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )


def _counted() -> list[sa.Column[Any]]:
    return [
        _kind(),
        sa.Column("key", sa.String(length=20), nullable=False),
        _day("month"),
        sa.Column("number", sa.Integer(), nullable=False),
    ]


def _kind() -> sa.Column[Any]:
    return sa.Column("kind", sa.String(length=12), nullable=False)


def _of_order() -> list[sa.Column[Any]]:
    return [sa.Column("order_id", sa.Integer(), nullable=False)]


def _uid() -> sa.Column[Any]:
    return sa.Column("uid", sa.Uuid(), nullable=False)


def _box() -> list[sa.Column[Any]]:
    return [
        sa.Column("epoch", sa.String(length=12), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    ]


def _day(name: str, *, empty: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Date(), nullable=empty)
