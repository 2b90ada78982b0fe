"""Who gets what: every staff page x every role x every object, against a table a person can read (ASVS 8.2.1 to 8.3.1).

`PAGES` says for each page which roles it is for, and what kind of thing it is about; a small letter is a role that may
look at the thing, but not do this. `THINGS` says for each kind what the people in question get: those who look after
Ohio alone (the packer, the manager and the reviewer of this test), and the admin, who looks after everything. Whoever a
page is not for gets `no`, whatever the thing, and cannot tell which things there are. Visitors, and who has shown one
factor only, are sent to sign in. A page that the table does not name fails the test.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask

from distro.app import routes

IN, NO, GONE, SIGN_IN = "in", "no", "gone", "sign in"  # let in (2xx, 3xx, or told what to mend); 403; 404; 302 or 401

PAGES = """
GET  /account                                             P M R A  -
POST /account/password                                    P M R A  proof
POST /account/provider                                    P M R A  proof
POST /account/provider/unlink                             P M R A  proof
POST /account/recovery-codes                              P M R A  proof
POST /account/sign-out-everywhere                         P M R A  last
GET  /address/<number>                                      M   A  order
POST /address/<number>                                      M   A  order
POST /address/<number>/show                                 M   A  order
GET  /desk                                                P M   A  -
GET  /desk/carrier-file                                     M   A  -
POST /desk/carrier-file                                     M   A  -
POST /desk/open                                           P M   A  order
GET  /desk/orders/<number>                                P M   A  order
GET  /desk/orders/<number>/insert                         P M   A  order
POST /desk/orders/<number>/gone                             M   A  order
POST /desk/orders/<number>/label                          P M   A  order
POST /desk/orders/<number>/missing                        P M   A  order
POST /desk/orders/<number>/put-back                       P M   A  order
POST /desk/orders/<number>/scan                           P M   A  order
POST /desk/orders/<number>/ship                           P M   A  order
POST /desk/orders/<number>/unpack                         P M   A  order
GET  /desk/pick-sheet                                     P M   A  -
GET  /letters                                               M   A  -
GET  /letters/<number>                                      M   A  order
POST /letters/<number>                                      M   A  order
POST /letters/<number>/open                                 M   A  order
GET  /links                                                 M   A  -
POST /links                                                 M   A  -
GET  /links/<code>                                          M   A  link
GET  /links/<code>/<language>.svg                           M   A  link
POST /links/<code>/close                                    M   A  link
GET  /manage                                                M   A  -
GET  /planning                                              M   A  -
GET  /planning/demand                                       M   A  -
GET  /record                                                    A  -
GET  /record/export.csv                                         A  -
POST /requests/answer                                       M   A  -
POST /requests/check                                        M   A  -
POST /requests/done                                         M   A  -
GET  /requests/new                                          M   A  -
POST /requests/new                                          M   A  -
POST /requests/where                                        M   A  -
GET  /review                                                M   A  -
POST /review/<number>/approve                               M   A  held order
POST /review/<number>/decline                               M   A  held order
POST /review/<number>/plan                                  M   A  held order
POST /review/<number>/release                               M   A  held order
POST /review/<number>/shared                                M   A  held order
GET  /rules/                                                M R A  -
GET  /rules/credentials                                     M R A  -
GET  /rules/credentials/<paper>                             M R A  paper
GET  /rules/credentials/<paper>/change                      M R A  paper
POST /rules/credentials/<paper>/change                      M R A  paper
POST /rules/credentials/<paper>/renew                       M R A  paper
POST /rules/credentials/<paper>/withdraw                    M R A  paper
GET  /rules/credentials/new                                 M R A  -
POST /rules/credentials/new                                 M R A  -
GET  /rules/drafts/                                         M R A  -
GET  /rules/drafts/<draft_id>                               M R A  draft
GET  /rules/drafts/<draft_id>/areas/                        M R A  draft
POST /rules/drafts/<draft_id>/areas/                        M R A  draft
GET  /rules/drafts/<draft_id>/areas/<code>                  M R A  area to read
POST /rules/drafts/<draft_id>/areas/<code>/drop             M R A  area to drop
GET  /rules/drafts/<draft_id>/changes                       M R A  draft
GET  /rules/drafts/<draft_id>/changes/<code>                M R A  state
POST /rules/drafts/<draft_id>/changes/propose               M R A  draft
POST /rules/drafts/<draft_id>/changes/publish               m R A  whole draft
POST /rules/drafts/<draft_id>/changes/take-back             M R A  whole draft
POST /rules/drafts/<draft_id>/discard                       M R A  draft
GET  /rules/drafts/<draft_id>/export.yaml                   M R A  draft
POST /rules/drafts/<draft_id>/heading                       M R A  draft
GET  /rules/drafts/<draft_id>/rules/<key>                   M R A  rule to read
GET  /rules/drafts/<draft_id>/rules/<key>/change            M R A  rule to read
POST /rules/drafts/<draft_id>/rules/<key>/change            M R A  rule to write
POST /rules/drafts/<draft_id>/rules/<key>/drop              M R A  rule to write
POST /rules/drafts/<draft_id>/rules/<key>/review            M R A  rule to write
GET  /rules/drafts/<draft_id>/rules/new                     M R A  draft
POST /rules/drafts/<draft_id>/rules/new                     M R A  draft
POST /rules/drafts/copy                                     M R A  -
POST /rules/drafts/load                                     M R A  -
GET  /rules/map                                             M R A  -
GET  /rules/map/<code>                                      M R A  state
GET  /rules/map/county/<fips>                               M R A  county
GET  /rules/place                                           M R A  -
GET  /rules/referrals                                       M R A  -
GET  /rules/referrals/<referral_id>                         M R A  referral
POST /rules/referrals/<referral_id>                         M R A  referral
POST /rules/referrals/<referral_id>/back                    M R A  referral
POST /rules/referrals/<referral_id>/checked                 M R A  referral
POST /rules/referrals/<referral_id>/withdraw                M R A  referral
GET  /rules/referrals/new                                   M R A  -
POST /rules/referrals/new                                   M R A  -
GET  /stock                                               P M   A  -
GET  /stock/export.csv                                    P M   A  -
GET  /stock/lots/<lot_id>                                 P M   A  lot to read
POST /stock/lots/<lot_id>/adjust                          P M   A  lot to read
POST /stock/lots/<lot_id>/hold                            p M   A  lot to hold
GET  /stock/lots/<lot_id>/recall                            M   A  lot to read
POST /stock/lots/<lot_id>/recall                            M   A  lot to hold
GET  /stock/lots/<lot_id>/recall/orders.csv                 M   A  lot to read
GET  /stock/receive                                       P M   A  -
POST /stock/receive                                       P M   A  -
GET  /users                                                     A  -
GET  /users/<user_id>                                           A  account
POST /users/<user_id>/access                                    A  account
POST /users/<user_id>/disable                                   A  account
POST /users/<user_id>/enable                                    A  account
POST /users/<user_id>/end-sessions                              A  account
POST /users/<user_id>/reset                                     A  account
GET  /users/new                                                 A  -
POST /users/new                                                 A  -
GET  /voices                                                M   A  -
POST /voices/<remark_id>/handled                            M   A  -
POST /voices/<remark_id>/open                               M   A  -
"""

OPEN = """
GET  /join/<token>
POST /join/<token>
POST /join/<token>/provider
POST /join/<token>/with-password
GET  /mailbox
GET  /sign-in
POST /sign-in
GET  /sign-in/code
POST /sign-in/code
GET  /sign-in/enrol
POST /sign-in/enrol
GET  /sign-in/provider
GET  /sign-in/provider/back
POST /sign-in/provider/back
POST /sign-out
GET  /staff
"""

ALIKE = {"own": (IN, IN), "missing": (GONE, GONE)}
SCOPED = {"own": (IN, IN), "foreign site": (GONE, IN), "foreign state": (GONE, IN), "missing": (GONE, GONE)}
THINGS: dict[str, dict[str, tuple[str, str]]] = {  # kind -> which one -> what those of Ohio get, what the admin gets
    "-": {"": (IN, IN)},
    "last": {"": (SIGN_IN, SIGN_IN)},  # it ends the session
    "proof": {"": (NO, NO)},  # asked without password and code
    "order": SCOPED,
    "held order": {**SCOPED, "no warehouse yet": (IN, IN)},
    "lot to read": {**ALIKE, "foreign site": (IN, IN)},
    "lot to hold": {**ALIKE, "foreign site": (NO, IN)},
    "rule to read": {**ALIKE, "foreign state": (IN, IN), "nation": (IN, IN)},
    "rule to write": {**ALIKE, "foreign state": (NO, IN), "nation": (NO, IN)},
    "area to read": {**ALIKE, "foreign state": (IN, IN)},
    "area to drop": {**ALIKE, "foreign state": (NO, IN)},
    "draft": ALIKE,
    "whole draft": {"own": (NO, IN), "missing": (GONE, GONE)},  # it changes other states too
    "state": ALIKE,
    "county": ALIKE,
    "paper": ALIKE,
    "referral": ALIKE,
    "account": ALIKE,
    "link": ALIKE,
}
ROLES = {"P": "packer", "M": "manager", "R": "reviewer", "A": "admin"}
PEOPLE = ("a visitor", "one factor", "packer", "manager", "reviewer", "admin")
CANARY = "Canary Quillfeather"
MISSING = {"number": "ZZZZZZZZ", "key": "no-such-rule", "code": "no-such", "fips": "99999", "token": "x" * 43}


@dataclass(frozen=True)
class Page:
    """A line of the table."""

    method: str
    path: str
    roles: frozenset[str]
    lookers: frozenset[str]
    kind: str


def pages(table: str) -> list[Page]:
    found = []
    for line in filter(str.strip, table.splitlines()):
        read = re.fullmatch(r" *(GET|POST) +(\S+)((?: +[PMRApmra](?= ))*) *(.*)", line)
        assert read, line
        letters = read[3].split()
        roles, lookers = (
            {ROLES[letter.upper()] for letter in letters if letter.isupper() == acts} for acts in (True, False)
        )
        found.append(Page(read[1], read[2], frozenset(roles), frozenset(lookers), read[4] or "-"))
    return found


def doors(app: Flask) -> set[tuple[str, str]]:
    """Method and path of every staff page, its converters left out; not the participants' pages and files."""
    public = {"en", "es", "health", "static", "bootstrap"}
    theirs = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] in public}
    return {
        (method, re.sub(r"<[^>]*?:(\w+)>", r"<\1>", str(row["path"])))
        for row in routes(app)
        if row["path"] not in theirs
        for method in row["methods"]  # type: ignore[attr-defined]
    }


def unnamed(app: Flask, table: str) -> set[tuple[str, str]]:
    """The doors that neither table names, and the lines that no door answers."""
    return doors(app) ^ {(page.method, page.path) for page in pages(table + OPEN)}


def cells(page: Page, who: str) -> Iterator[tuple[str, str]]:
    """Which things someone asks a page for, and what they get."""
    if who not in ROLES.values():
        yield next(iter(THINGS[page.kind])), SIGN_IN
        return
    for which, (scoped, whole) in THINGS[page.kind].items():
        theirs = whole if who == "admin" else scoped
        looks = who in page.lookers and theirs == GONE
        yield which, theirs if looks or who in page.roles else NO
