"""Rules as text, published by two people; papers, compiled tables, other help, and what rules ask of things."""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_RULE = ["key", "place", "items", "effect", "legal_status", "scope", "min_age", "conditions", "credentials"]
_RULE += ["valid_from", "valid_to", "citation", "source", "source_url", "source_date", "confidence"]
_RULE += ["reviewed_by", "reviewed_on", "sentence", "sentence_es", "note"]


_OF_TEXT = [
    "text",
    "rules",
    "areas",
    "authors",
    "editors",
    "proposed_at",
    "proposed_by",
    "compared_with",
    "effective_on",
    "publication",
]


def upgrade() -> None:
    _new_tables()
    _new_columns()
    with op.batch_alter_table("rulesets") as batch_op:
        batch_op.drop_index("uq_rulesets_one_live")
        batch_op.alter_column("status", type_=sa.String(length=9), existing_nullable=False)
        for name, kind in (("text", sa.Text()), ("digest_of_text", sa.String(length=64))):
            batch_op.add_column(sa.Column(name, kind, nullable=False, server_default=""))
        for name in ("rules", "areas", "authors"):
            batch_op.add_column(sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("editors", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("proposed_by", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("compared_with", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("effective_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("publication", sa.Integer(), nullable=True))
    _write_rulesets()
    op.drop_table("rules")
    with op.batch_alter_table("rulesets") as batch_op:
        batch_op.drop_column("digest")
        batch_op.alter_column("digest_of_text", new_column_name="digest", existing_type=sa.String(length=64))
        batch_op.create_unique_constraint(op.f("uq_rulesets_publication"), ["publication"])


def _new_tables() -> None:
    op.create_table(
        "crosswalk",
        sa.Column("zip", sa.String(length=5), nullable=False),
        sa.Column("counties", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("imported_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("zip", name=op.f("pk_crosswalk")),
    )
    op.create_table(
        "decision_tables",
        sa.Column("ruleset_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["ruleset_id"], ["rulesets.id"], name=op.f("fk_decision_tables_ruleset_id_rulesets")),
        sa.PrimaryKeyConstraint("ruleset_id", name=op.f("pk_decision_tables")),
    )
    op.create_table(
        "credentials",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=160), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("issuer", sa.String(length=160), nullable=False),
        sa.Column("sites", sa.JSON(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_on", sa.Date(), nullable=True),
        sa.Column("warned_days", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
    )
    with op.batch_alter_table("credentials") as batch_op:
        batch_op.create_index(batch_op.f("ix_credentials_kind"), ["kind"], unique=False)
    op.create_table(
        "referrals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("name_es", sa.String(length=120), nullable=False),
        sa.Column("detail", sa.String(length=240), nullable=False),
        sa.Column("detail_es", sa.String(length=240), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=False),
        sa.Column("phone_es", sa.String(length=40), nullable=False),
        sa.Column("url", sa.String(length=300), nullable=False),
        sa.Column("areas", sa.JSON(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("checked_by", sa.String(length=64), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referrals")),
        sa.UniqueConstraint("code", name=op.f("uq_referrals_code")),
    )


def _added() -> dict[str, list[sa.Column[Any]]]:
    return {
        "zips": [
            sa.Column("radius", sa.Double(), nullable=True),
            sa.Column("zone", sa.String(length=40), nullable=False, server_default="UTC"),
        ],
        "counties": [sa.Column("outline", sa.Text(), nullable=False, server_default="")],
        "items": [
            sa.Column("kind", sa.String(length=20), nullable=False, server_default=""),
            sa.Column("form", sa.String(length=3), nullable=False, server_default=""),
            sa.Column("analytes", sa.JSON(), nullable=False, server_default="[]"),
        ],
        "sites": [
            sa.Column("county", sa.String(length=5), nullable=True),
            sa.Column("operator", sa.String(length=24), nullable=False, server_default=""),
        ],
        "orders": [sa.Column("released_for", sa.JSON(), nullable=False, server_default="[]")],
        "funds": [
            sa.Column("kind", sa.String(length=12), nullable=False, server_default=""),
            sa.Column("lawful_states", sa.JSON(), nullable=False, server_default="{}"),
        ],
    }


def _new_columns() -> None:
    for table, columns in _added().items():
        for column in columns:
            op.add_column(table, column)


def _write_rulesets() -> None:
    """Each ruleset as the text of a file. What was live or retired was published, in that order."""
    bind = op.get_bind()
    rulesets = sa.Table("rulesets", sa.MetaData(), autoload_with=bind)
    rules = sa.Table("rules", sa.MetaData(), autoload_with=bind)
    order = (sa.case((rulesets.c.status == "live", 1), else_=0), rulesets.c.published_at, rulesets.c.id)
    publication = 0
    for row in bind.execute(sa.select(rulesets).order_by(*order)).mappings().all():
        found = bind.execute(sa.select(rules).where(rules.c.ruleset_id == row["id"]).order_by(rules.c.id)).mappings()
        kept = [_rule(rule) for rule in found]
        text = "\n".join([f"name: {_json(row['name'])}", f"version: {_json(row['version'])}", *_lines(kept), ""])
        values: dict[str, Any] = {
            "text": text,
            "rules": kept,
            "digest_of_text": hashlib.sha256(text.encode()).hexdigest(),
            "authors": [row["loaded_by"]],
        }
        if row["status"] != "draft":
            publication += 1
            day = _day(row["published_at"] or row["loaded_at"]) - timedelta(days=1)
            values |= {"status": "published", "publication": publication, "effective_on": day}
        bind.execute(rulesets.update().where(rulesets.c.id == row["id"]).values(**values))


def _rule(row: Any) -> dict[str, Any]:
    rule = {name: row[name] for name in _RULE if name != "credentials"}
    if rule["place"] == "US" and rule["scope"] != "federal" and not _plain_yes(row):
        rule["scope"] = "federal"  # the strictest of nation and state held then; now a state's yes would win
    rule["credentials"] = [[_kind(row["credential"])]] if row["credential"] else []
    return {name: str(value) if isinstance(value, date) else value for name, value in rule.items()}


def _plain_yes(row: Any) -> bool:
    return row["effect"] == "allow" and not (row["conditions"] or row["credential"] or row["min_age"] is not None)


def _kind(credential: str) -> str:
    """A credential as rules write it now: `State licence` -> `state-licence`."""
    if re.fullmatch(r"[a-z][a-z0-9-]*(:[A-Za-z0-9][A-Za-z0-9:-]*)?", credential):
        return credential
    return "paper-" + (re.sub(r"[^a-z0-9]+", "-", credential.lower()).strip("-") or "unnamed")


def _lines(rules: list[dict[str, Any]]) -> Iterator[str]:
    yield "rules:" if rules else "rules: []"
    for rule in rules:
        for index, name in enumerate(_RULE):
            value = rule[name]
            plain = name.endswith(("_from", "_to", "_on")) and value
            yield ("    " if index else "  - ") + f"{name}: {value if plain else _json(value)}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _day(moment: datetime | str) -> date:
    return date.fromisoformat(moment[:10]) if isinstance(moment, str) else moment.date()


def downgrade() -> None:
    """Back to rows. The old form cannot hold every rule, and half a ruleset is worse than none: no rule comes back."""
    for table in ("referrals", "credentials", "decision_tables", "crosswalk"):
        op.drop_table(table)
    for table, columns in _added().items():
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.drop_column(column.name)
    op.execute("UPDATE rulesets SET status = CASE WHEN publication IS NULL THEN 'draft' ELSE 'retired' END")
    with op.batch_alter_table("rulesets") as batch_op:
        batch_op.drop_constraint(op.f("uq_rulesets_publication"), type_="unique")
        for name in _OF_TEXT:
            batch_op.drop_column(name)
        batch_op.alter_column("status", type_=sa.String(length=8), existing_nullable=False)
        batch_op.create_index(
            "uq_rulesets_one_live",
            ["status"],
            unique=True,
            sqlite_where=sa.text("status = 'live'"),
            postgresql_where=sa.text("status = 'live'"),
        )
    _old_rules()


def _old_rules() -> None:
    op.create_table(
        "rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ruleset_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("place", sa.String(length=2), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("effect", sa.String(length=8), nullable=False),
        sa.Column("min_age", sa.Integer(), nullable=True),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("credential", sa.String(length=60), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("citation", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_url", sa.Text(), nullable=False),
        sa.Column("source_date", sa.String(length=40), nullable=False),
        sa.Column("confidence", sa.String(length=8), nullable=False),
        sa.Column("legal_status", sa.String(length=40), nullable=False),
        sa.Column("reviewed_by", sa.String(length=80), nullable=True),
        sa.Column("reviewed_on", sa.Date(), nullable=True),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("sentence_es", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint("confidence IN ('high', 'medium', 'low')", name=op.f("ck_rules_confidence")),
        sa.CheckConstraint("effect IN ('allow', 'deny', 'review')", name=op.f("ck_rules_effect")),
        sa.ForeignKeyConstraint(["ruleset_id"], ["rulesets.id"], name=op.f("fk_rules_ruleset_id_rulesets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rules")),
        sa.UniqueConstraint("ruleset_id", "key", name=op.f("uq_rules_ruleset_id")),
    )
    with op.batch_alter_table("rules") as batch_op:
        batch_op.create_index("ix_rules_ruleset_id_place", ["ruleset_id", "place"], unique=False)
