"""ASVS 6 to 8: passwords, second factors, sessions, and who gets what."""

import re
from datetime import timedelta

from argon2 import extract_parameters
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import clock
from distro.accounts import passwords, secondfactor, sessions, tries
from distro.app import routes
from distro.auth import StaffSession
from distro.errors import InvalidInput
from tests.asvs.checks import ROOT, calls, check, is_excepted
from tests.asvs.world import guarded
from tests.depot import PASSWORD, STAFF_KEY, Depot, code_now, sign_in, type_password
from tests.staff import post

LOGIN, MATRIX = "tests/distro/test_login.py", "tests/distro/test_matrix.py"
WORDS = "four quiet herons over slate"


def refused(password: str) -> bool:
    """Whether nobody may have this password."""
    try:
        passwords.hash_new(password)
    except InvalidInput:
        return True
    return False


@check(
    "6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.2.9",
    says="15 characters at least, of any kind, common ones refused; long, pasted and odd ones count as they are.",
    by=(
        "tests/distro/test_passwords.py::test_leaked_passwords_are_refused_as_they_are_and_repeated",
        "tests/distro/test_passwords.py::test_any_characters_do_and_long_ones_count_whole",
        "tests/distro/test_passwords.py::test_too_short_and_too_long_are_told_apart",
        "tests/distro/test_own_account.py::test_changing_one_s_password_ends_every_other_session",
        "tests/distro/test_own_account.py::test_nothing_of_one_s_own_changes_without_password_and_code",
    ),
)
def test_6_2_1_to_6_2_9_passwords(client: FlaskClient) -> None:
    assert refused("k7#Rw!zQ2@pL9x") and refused("passwordpassword") and refused("qwertyuiopasdfghjkl")
    kept = passwords.hash_new(f" {WORDS} ")
    assert passwords.fits(kept, f" {WORDS} ") and not passwords.fits(kept, WORDS.upper())
    assert not passwords.fits(kept, f" {WORDS} more") and not passwords.fits(kept, WORDS), "nothing is cut or folded"
    assert not refused(WORDS * 6), "a long one of small letters alone"
    page = client.get("/sign-in").text
    [box] = [tag for tag in re.findall(r"<input[^>]*>", page) if 'name="password"' in tag]
    assert 'type="password"' in box and 'autocomplete="current-password"' in box
    assert "maxlength" not in box and "pattern" not in box and "onpaste" not in page
    is_cut = "[:MOST]" in (ROOT / "distro" / "accounts" / "login.py").read_text()
    assert not is_cut, "one that is longer than any fits none"


@check(
    "6.3.1",
    says="Wrong passwords make their network wait, wrong codes the account; nobody is locked out for ever.",
    by=(
        f"{LOGIN}::test_a_hundred_wrong_passwords_are_slowed_and_lock_nobody_out_for_ever",
        f"{LOGIN}::test_wrong_codes_are_slowed_however_often_the_password_is_right",
        "tests/distro/test_throttle.py::test_a_hundred_wrong_passwords_are_slowed_down_but_not_for_ever",
    ),
)
def test_6_3_1_guessing(client: FlaskClient, depot: Depot) -> None:
    at = clock.now()

    def tried(password: str, after: timedelta = timedelta(), address: str = "127.0.0.1") -> bool:
        client.environ_base["REMOTE_ADDR"] = address
        with clock.at(at + after):
            return type_password(client, "packer", password).status_code == 303

    assert not any(tried("wrong") for _ in range(tries.WRONG_PASSWORDS))
    assert not tried(PASSWORD), "the right one has to wait too"
    assert tried(PASSWORD, address="198.51.100.7") and tried(PASSWORD, timedelta(minutes=10)), "not elsewhere, nor long"


@check(
    "6.3.3",
    says="Whoever has shown the password alone reaches no page of staff, and nor does a provider that knew one factor.",
    by=(
        f"{LOGIN}::test_the_password_alone_opens_no_page",
        f"{MATRIX}::test_every_cell_is_as_the_table_says",
        "tests/distro/test_oidc.py::test_one_factor_there_asks_for_our_code",
    ),
)
def test_6_3_3_two_factors(client: FlaskClient, depot: Depot) -> None:
    assert type_password(client, "admin").location == "/sign-in/code"
    for path in ("/desk", "/users", "/record"):
        assert client.get(path).location.startswith("/sign-in")
    assert depot.session.scalars(select(StaffSession)).all() == []


@check(
    "6.5.1",
    says="A code of the app and a recovery code count once, the first also where the try failed for another reason.",
    by=(
        f"{LOGIN}::test_a_code_works_once",
        f"{LOGIN}::test_a_code_tried_in_the_wait_is_used_up",
        f"{LOGIN}::test_a_recovery_code_signs_in_once",
        "tests/distro/test_secondfactor.py::test_of_two_browsers_with_the_same_code_one_is_let_in",
    ),
)
def test_6_5_1_codes_count_once(depot: Depot) -> None:
    user, at, code = depot.user("packer"), clock.now(), code_now()
    assert [secondfactor.check(user, code, STAFF_KEY, at) for _ in range(2)] == [True, False]
    [recovery, *_], user.recovery_hashes = secondfactor.new_recovery_codes()
    assert [secondfactor.check(user, recovery, STAFF_KEY, at) for _ in range(2)] == [True, False]


@check(
    "6.5.2 6.5.3 6.5.4",
    says="Recovery codes are 60 bits of the system's generator and kept as Argon2id, each with a salt of its own.",
    by=(
        "tests/distro/test_secondfactor.py::test_recovery_codes_are_ten_and_hard_to_guess",
        "tests/distro/test_secondfactor.py::test_secrets_are_160_bits_and_never_the_same",
        "tests/orders/test_codes.py::test_neither_nonce_nor_code_can_be_read_from_what_is_stored",
    ),
)
def test_6_5_2_codes_at_rest() -> None:
    shown, kept = secondfactor.new_recovery_codes()
    assert all(hash.startswith("$argon2id$") and extract_parameters(hash).salt_len >= 16 for hash in kept)
    assert len(set(shown)) == 10 and all(len(code.replace("-", "")) * 5 >= 60 for code in shown)
    made = [name for name, _ in calls(ROOT / "distro" / "accounts" / "secondfactor.py") if "random" in name]
    assert made == ["pyotp.random_base32"], "which draws from the secrets module"
    assert is_excepted("6.5.2"), "claim codes are kept by a keyed hash"


@check(
    "7.2.3 7.2.4",
    says="A session is named by 256 random bits, kept as a hash, and new at each sign-in.",
    by=(
        f"{LOGIN}::test_signing_in_starts_a_new_session",
        "tests/distro/test_sessions.py::test_tokens_never_repeat_and_old_rows_go",
        "tests/distro/test_sessions.py::test_a_token_planted_before_signing_in_does_not_become_the_session",
    ),
)
def test_7_2_3_session_tokens(depot: Depot) -> None:
    tokens = {sessions.begin(depot.session, depot.user("packer"), clock.now()) for _ in range(50)}
    assert len(tokens) == 50 and min(map(len, tokens)) * 6 >= 256
    kept = depot.session.scalars(select(StaffSession.token_hash)).all()
    assert not {token.encode() for token in tokens} & set(kept) and {len(hash) for hash in kept} == {32}


@check(
    "7.3.1 7.3.2",
    says="A session ends after 15 minutes of rest and after 10 hours however busy, by the server's clock.",
    by=(
        "tests/distro/test_sessions.py::test_a_session_is_over_after_fifteen_idle_minutes",
        "tests/distro/test_sessions.py::test_a_session_is_over_after_ten_hours_however_busy",
    ),
)
def test_7_3_1_sessions_end(client: FlaskClient, depot: Depot) -> None:
    begun = clock.now()
    with clock.at(begun):
        sign_in(client, "packer")
    for minutes in range(10, 600, 10):
        with clock.at(begun + timedelta(minutes=minutes)):
            assert client.get("/stock/receive").status_code == 200, minutes
    with clock.at(begun + timedelta(hours=10)):
        assert client.get("/desk").status_code == 302
    with clock.at(begun + timedelta(hours=11)):
        sign_in(client, "packer")
    with clock.at(begun + timedelta(hours=11, minutes=15, seconds=1)):
        assert client.get("/desk").status_code == 302


@check(
    "7.4.1 7.4.2 7.4.3 7.4.5",
    says="Signing out, being disabled, a new password and an admin each end sessions at once, in the database.",
    by=(
        "tests/distro/test_sessions.py::test_signing_out_ends_it_for_a_copy_of_the_cookie_too",
        f"{LOGIN}::test_changing_the_password_can_end_every_session",
        "tests/distro/test_accounts.py::test_disabling_ends_sessions_at_once_and_enabling_lets_in_again",
        "tests/distro/test_accounts.py::test_signing_someone_out_everywhere",
        "tests/distro/test_own_account.py::test_signing_oneself_out_everywhere",
    ),
)
def test_7_4_1_sessions_are_ended(app: Flask, depot: Depot) -> None:
    admin, packer, copy = (app.test_client() for _ in range(3))
    sign_in(admin, "admin")
    for end in ("sign out", "disable", "end-sessions"):
        sign_in(packer, "packer")
        copy.set_cookie("staff", packer.get_cookie("staff").value)  # type: ignore[union-attr]
        assert copy.get("/desk").status_code == 200, end
        who = depot.user("packer").id
        answer = post(packer, "/sign-out") if end == "sign out" else post(admin, f"/users/{who}/{end}")
        assert answer.status_code == 303 and copy.get("/desk").status_code == 302, end
        post(admin, f"/users/{who}/enable")


@check(
    "8.2.1 8.2.2 8.2.3",
    says="Every role, page and object is asserted by a table: whose role, site or states it is not gets no or nothing.",
    by=(
        f"{MATRIX}::test_every_cell_is_as_the_table_says",
        f"{MATRIX}::test_only_a_reason_given_shows_an_address_and_the_canary_is_seen_there",
        f"{MATRIX}::test_a_wrong_line_of_the_table_is_noticed",
        "tests/orders/test_desk.py::test_no_page_shows_a_name_or_address_before_the_label",
    ),
)
def test_8_2_1_who_gets_what(client: FlaskClient, depot: Depot) -> None:
    depot.shelve()
    order = depot.allocated(name="Canary Quill")
    got = {}
    for who in ("packer", "packer-mn", "manager", "reviewer"):
        sign_in(client, who)
        page = client.get(f"/desk/orders/{order.number}")
        got[who] = page.status_code
        assert "Canary" not in page.text + client.get("/desk").text, who
        post(client, "/sign-out")
    assert got == {"packer": 200, "packer-mn": 404, "manager": 200, "reviewer": 403}
    assert is_excepted("8.2.3"), "a manager may correct an address, with a reason"


@check(
    "8.3.1",
    says="The server asks who it is before every page of staff: one that nobody guards is found.",
    by=(
        f"{MATRIX}::test_a_page_without_a_guard_is_noticed",
        "tests/distro/test_surfaces.py::test_every_blueprint_says_who_may_enter",
        "tests/distro/test_surfaces.py::test_a_blueprint_nobody_guards_would_be_noticed",
    ),
)
def test_8_3_1_asked_by_the_server(app: Flask, client: FlaskClient) -> None:
    for path in guarded(app, "GET"):
        assert client.get(path).location.startswith("/sign-in"), path
    for path in guarded(app, "POST"):
        assert client.post(path).status_code in (400, 401), path
    unsaid = [row["path"] for row in routes(app) if row["guard"] is None]
    assert all(str(path).startswith("/bootstrap") for path in unsaid), unsaid
