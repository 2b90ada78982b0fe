import re
from datetime import UTC, datetime, timedelta
from math import log2
from threading import Barrier, Thread
from xml.etree import ElementTree

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from distro import clock
from distro.accounts import secondfactor
from distro.accounts.secondfactor import (
    SecondFactorLost,
    check,
    fitting_step,
    new_recovery_codes,
    new_secret,
    unwrap,
    wrap,
)
from distro.auth import User
from distro.db import db
from tests.depot import STAFF_KEY, TOTP_SECRET, Depot, code_now

AT = datetime(2026, 11, 22, 12, 0, 10, tzinfo=UTC)
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B: "12345678901234567890"


@pytest.fixture
def packer(depot: Depot) -> User:
    return depot.user("packer")


def code_at(moment: datetime) -> str:
    with clock.at(moment):
        return code_now()


@pytest.mark.parametrize(("second", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
def test_codes_are_those_of_the_standard(second: int, code: str) -> None:
    assert fitting_step(RFC_SECRET, code, datetime.fromtimestamp(second, UTC)) == second // 30


@pytest.mark.parametrize(("late", "taken"), [(-61, False), (-30, True), (0, True), (30, True), (61, False)])
def test_a_code_is_taken_one_step_early_or_late(packer: User, late: int, taken: bool) -> None:
    assert check(packer, code_at(AT), STAFF_KEY, AT + timedelta(seconds=late)) is taken


def test_a_code_is_taken_once_and_so_is_any_older_one(packer: User) -> None:
    before, now, after = (code_at(AT + timedelta(seconds=off)) for off in (-30, 0, 30))
    assert check(packer, now, STAFF_KEY, AT)
    assert not check(packer, now, STAFF_KEY, AT)
    assert not check(packer, "000000" if now != "000000" else "111111", STAFF_KEY, AT)
    assert not check(packer, now, STAFF_KEY, AT + timedelta(seconds=20)), "a failed try between makes no difference"
    assert not check(packer, before, STAFF_KEY, AT)
    assert check(packer, after, STAFF_KEY, AT)


def test_of_two_browsers_with_the_same_code_one_is_let_in(depot: Depot, app: Flask, packer: User) -> None:
    user_id, code, answers, start = packer.id, code_at(AT), [], Barrier(4)
    depot.session.commit()

    def try_it() -> None:
        with app.app_context():
            start.wait()
            user = db.session.get(User, user_id)
            assert user is not None
            answers.append(check(user, code, STAFF_KEY, AT))
            db.session.commit()

    threads = [Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False, False, False, True]


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "１２３４５６", "abcdef", "\x00" * 6, "A" * 12, "x" * 100])
def test_what_is_no_code_is_refused(packer: User, typed: str) -> None:
    assert not check(packer, typed, STAFF_KEY, AT)
    assert packer.totp_last is None


def test_spaces_in_a_code_do_no_harm(packer: User) -> None:
    code = code_at(AT)
    assert check(packer, f" {code[:3]} {code[3:]} ", STAFF_KEY, AT)


def test_without_a_second_factor_no_code_fits(packer: User) -> None:
    packer.totp_secret = ""
    assert not check(packer, code_at(AT), STAFF_KEY, AT)


def test_a_recovery_code_works_once(packer: User) -> None:
    codes, packer.recovery_hashes = new_recovery_codes()
    assert check(packer, codes[3].lower().replace("-", " "), STAFF_KEY, AT)
    assert len(packer.recovery_hashes) == 9
    assert not check(packer, codes[3], STAFF_KEY, AT)
    assert check(packer, codes[9], STAFF_KEY, AT)


def test_recovery_codes_are_ten_and_hard_to_guess() -> None:
    codes, hashes = new_recovery_codes()
    assert len(set(codes)) == len(set(hashes)) == 10
    assert all(re.fullmatch(r"[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}", code) for code in codes)
    assert 12 * log2(32) >= 50
    assert all(kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for kept in hashes)
    assert not set(codes) & set(new_recovery_codes()[0])


def test_secrets_are_160_bits_and_never_the_same() -> None:
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50 and all(re.fullmatch("[A-Z2-7]{32}", secret) for secret in made)


def test_the_secret_is_not_plain_in_the_database(depot: Depot, packer: User) -> None:
    assert TOTP_SECRET not in packer.totp_secret and len(packer.totp_secret) <= 200
    assert unwrap(STAFF_KEY, packer.totp_secret, packer.id) == TOTP_SECRET
    other = depot.user("manager")
    for key, wrapped, user in (
        ("another key", packer.totp_secret, packer),
        (STAFF_KEY, packer.totp_secret, other),  # moved to someone else's row
        (STAFF_KEY, packer.totp_secret[:-8] + "AAAAAAA=", packer),
        (STAFF_KEY, packer.totp_secret[:10], packer),
        (STAFF_KEY, "not base64 at all", packer),
    ):
        with pytest.raises(SecondFactorLost):
            unwrap(key, wrapped, user.id)


@given(st.text(max_size=60), st.integers(1, 10**6))
def test_what_is_wrapped_comes_back(secret: str, user_id: int) -> None:
    once, twice = wrap(STAFF_KEY, secret, user_id), wrap(STAFF_KEY, secret, user_id)
    assert once != twice and unwrap(STAFF_KEY, once, user_id) == unwrap(STAFF_KEY, twice, user_id) == secret


def test_the_picture_stands_in_a_page_under_our_policy() -> None:
    uri, picture = secondfactor.provisioning("robin@example.org", TOTP_SECRET)
    assert uri == f"otpauth://totp/Distro:robin%40example.org?secret={TOTP_SECRET}&issuer=Distro"
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert "style" not in picture and "<script" not in picture and "href" not in picture
