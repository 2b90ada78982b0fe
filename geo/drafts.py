"""Writing a ruleset: load one from a file, copy one, change, review or drop single rules and areas.

The text of the file is what counts; each change is made in the text, and the rules are read from it again.
"""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from distro import audit
from distro.errors import NotFound, Refusal
from geo import areas, publish, reviews, rulefile, ruletext
from geo.models import County, DecisionTable, Ruleset, RulesetStatus, State, Zip
from geo.publish import NotADraft
from geo.rulefile import Known, RulesWrong


class OwnRule(Refusal):
    """A review is a second look, so it needs other eyes than those of who wrote or loaded the rule."""

    status = 403
    sentence = "You wrote rule %(key)s, so someone else has to review it."


class AreaInUse(Refusal):
    """Rules still name the area."""

    sentence = "Area %(code)s is named by %(rules)s. Change or drop these rules first."


class AlreadyPublished(Refusal):
    """Orders were decided by it, so it stays for the record."""

    sentence = "Ruleset %(id)s was published, so it stays. To undo it, publish the one before it again."


class NotText(Refusal):
    """The file cannot be read."""

    status = 422
    sentence = "The file is not UTF-8 text. Save it as UTF-8 and try again."


def load_rules(
    session: Session, source: Path | str, *, by: str, at: datetime, items: Collection[str] | None = None
) -> Ruleset:
    """A draft from a YAML file, or from its text. `by` is a staff username or `system`, `items` the catalog's codes.

    Needs the places loaded. Raises NotText or rulefile.RulesWrong, with every fault by rule and line, or what
    `geo.areas` refuses; then nothing is stored.
    """
    text = text_of(source)
    draft = Ruleset(status=RulesetStatus.DRAFT, loaded_by=by, loaded_at=at, authors=[by], editors={})
    _write(session, draft, text, known(session, items))
    session.add(draft)
    session.flush()
    audit.record(session, actor=by, action="load rules", subject=draft.document, reason=draft.name, at=at)
    return draft


def copy(session: Session, ruleset: Ruleset, *, by: str, at: datetime) -> Ruleset:
    """A new draft that says the same, to change it or to publish it again. A demo's copy stays a demo's.

    What was published starts afresh. Of what was not, who wrote it stays on record: they do not publish the copy.
    """
    fresh = ruleset.publication is not None
    draft = Ruleset(
        name=ruleset.name,
        version=ruleset.version,
        status=RulesetStatus.DRAFT,
        allow_unreviewed=ruleset.allow_unreviewed,
        text=ruleset.text,
        rules=ruleset.rules,
        areas=ruleset.areas,
        digest=ruleset.digest,
        authors=[by] if fresh else list(dict.fromkeys([*ruleset.authors, by])),
        editors={} if fresh else reviews.writers(session, ruleset),
        loaded_by=by,
        loaded_at=at,
    )
    session.add(draft)
    session.flush()
    reason = f"copy of {ruleset.document}"
    audit.record(session, actor=by, action="copy rules", subject=draft.document, reason=reason, at=at)
    return draft


def discard(session: Session, draft: Ruleset, *, by: str, at: datetime) -> None:
    """Delete what was never published, drafted or proposed. Raises AlreadyPublished."""
    if publish.hold(session, draft).status == RulesetStatus.PUBLISHED:
        raise AlreadyPublished(id=draft.id)
    document, name = draft.document, draft.name
    session.execute(delete(DecisionTable).where(DecisionTable.ruleset_id == draft.id))
    session.delete(draft)
    session.flush()
    audit.record(session, actor=by, action="discard rules", subject=document, reason=name, at=at)


def put_rule(
    session: Session, draft: Ruleset, rule: Mapping[str, Any], *, by: str, at: datetime, items: Collection[str] | None
) -> None:
    """Add a rule, or change the one with its key. It needs a review anew. Raises NotADraft or RulesWrong.

    Only this rule's items are looked for: a ruleset may speak of more than the catalog of one installation.
    """
    publish.hold(session, draft)
    told = rulefile.unknowns(rule, {area["code"] for area in draft.areas}, known(session, items))
    if told:
        raise RulesWrong(problem=f"{rule['key']}: {' '.join(told)}")
    written = {**rule, "reviewed_by": None, "reviewed_on": None}
    _change(session, draft, ruletext.put_rule(draft.text, written), by=by)
    draft.editors = {**draft.editors, rule["key"]: by}
    audit.record(session, actor=by, action="write rule", subject=draft.document, reason=rule["key"], at=at)


def drop_rule(session: Session, draft: Ruleset, key: str, *, by: str, at: datetime) -> None:
    """Take a rule out of a draft. Raises NotADraft or NotFound."""
    _rule(publish.hold(session, draft), key)
    _change(session, draft, ruletext.drop_rule(draft.text, key), by=by)
    draft.editors = {name: who for name, who in draft.editors.items() if name != key}
    audit.record(session, actor=by, action="drop rule", subject=draft.document, reason=key, at=at)


def review_rule(session: Session, draft: Ruleset, key: str, *, by: str, at: datetime) -> None:
    """Record that someone checked a rule against its source. Raises NotADraft, NotFound, or OwnRule."""
    rule = _rule(publish.hold(session, draft), key)
    if reviews.wrote(session, draft, rule, by):
        raise OwnRule(key=key)
    written = {**rule, "reviewed_by": by, "reviewed_on": at.date()}
    _change(session, draft, ruletext.put_rule(draft.text, written), by=None)
    audit.record(session, actor=by, action="review rule", subject=draft.document, reason=key, at=at)


def put_area(session: Session, draft: Ruleset, area: Mapping[str, Any], *, by: str, at: datetime) -> dict[str, Any]:
    """Add an area, or change the one with its code; gives it back with the ZIP codes found in it.

    Where its bounds change, its rules need a review anew, by someone else than who changed them. Raises NotADraft,
    RulesWrong, or what `geo.areas` refuses.
    """
    code, before = f"area:{area['code']}", reviews.bounds(publish.hold(session, draft).areas)
    _change(session, draft, ruletext.put_area(draft.text, area), by=by)
    if before.get(code) != reviews.bounds(draft.areas)[code]:
        _change(session, draft, _unreviewed(draft, code), by=by)
        draft.editors = {**draft.editors, code: by}
    audit.record(session, actor=by, action="write area", subject=draft.document, reason=area["code"], at=at)
    return next(found for found in draft.areas if found["code"] == area["code"])


def drop_area(session: Session, draft: Ruleset, code: str, *, by: str, at: datetime) -> None:
    """Take an area out of a draft. Raises NotADraft, NotFound, or AreaInUse."""
    if all(area["code"] != code for area in publish.hold(session, draft).areas):
        raise NotFound(what="area", name=code)
    using = [rule["key"] for rule in draft.rules if rule["place"] == f"area:{code}"]
    if using:
        raise AreaInUse(code=code, rules=", ".join(using[:5]))
    _change(session, draft, ruletext.drop_area(draft.text, code), by=by)
    draft.editors = {named: who for named, who in draft.editors.items() if named != f"area:{code}"}
    audit.record(session, actor=by, action="drop area", subject=draft.document, reason=code, at=at)


def put_heading(session: Session, draft: Ruleset, *, name: str, version: str, by: str, at: datetime) -> None:
    """Give a draft another name and version; a demo's keeps the name that says so. Raises NotADraft or RulesWrong."""
    publish.hold(session, draft)
    _change(session, draft, ruletext.put_heading(draft.text, name=name, version=version), by=by)
    audit.record(session, actor=by, action="name rules", subject=draft.document, reason=name[:80], at=at)


def known(session: Session, items: Collection[str] | None = None) -> Known:
    """What the rules of this instance may name. `items` are the catalog's codes; None or none: not checked yet."""
    return Known(
        states=frozenset(session.scalars(select(State.code))),
        counties=frozenset(session.scalars(select(County.fips))),
        zips=frozenset(session.scalars(select(Zip.zip))),
        items=items or None,
    )


def text_of(source: Path | str) -> str:
    """The text of a file, or the text itself. Raises RulesWrong if it is too long, NotText if it is none."""
    if isinstance(source, str):
        return source
    if source.stat().st_size > 4 * rulefile.LONGEST:
        raise RulesWrong(problem=f"The file has {source.stat().st_size:,} bytes; that is too long for rules.")
    try:
        return source.read_bytes().decode()
    except UnicodeDecodeError:
        raise NotText from None


def _unreviewed(draft: Ruleset, place: str) -> str:
    """The text with the reviews of a place's rules taken out."""
    text = draft.text
    for rule in draft.rules:
        if rule["place"] == place and rule["reviewed_by"]:
            text = ruletext.put_rule(text, {**rule, "reviewed_by": None, "reviewed_on": None})
    return text


def _change(session: Session, draft: Ruleset, text: str, *, by: str | None) -> None:
    """Give a draft its new text; `by` becomes an author, None does not (who reviews writes nothing)."""
    if draft.status != RulesetStatus.DRAFT:
        raise NotADraft(id=draft.id, status=draft.status)
    _write(session, draft, text, known(session))
    if draft.allow_unreviewed:
        publish.name_demo(draft)
    if by is not None and by not in draft.authors:
        draft.authors = [*draft.authors, by]
    session.flush()


def _write(session: Session, draft: Ruleset, text: str, known: Known) -> None:
    file = rulefile.read(text, known)
    before = {area["code"]: area for area in draft.areas or []} if draft.id else {}
    fresh = [area for area in file.areas if not _same(area, before.get(area["code"]))]
    located = {area["code"]: area for area in areas.locate(session, fresh)} if fresh else {}
    found = [located.get(area["code"]) or before[area["code"]] for area in file.areas]
    areas.require_few_doubts(found)
    draft.name, draft.version, draft.text = file.name, file.version, text
    draft.rules = rulefile.rows(file)
    draft.areas = found
    draft.digest = hashlib.sha256(text.encode()).hexdigest()


def _same(area: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    return before is not None and all(before.get(name) == value for name, value in area.items())


def _rule(draft: Ruleset, key: str) -> dict[str, Any]:
    rule = next((rule for rule in draft.rules if rule["key"] == key), None)
    if rule is None:
        raise NotFound(what="rule", name=key[:60])
    return rule
