"""Form tokens and claim codes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import codes, codewords

SECRET = "a secret for tests"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
nonces = st.binary(min_size=16, max_size=16)


def test_a_form_is_read_for_six_hours() -> None:
    token = codes.new_form(SECRET, NOW)
    assert codes.read_form(SECRET, token, NOW + timedelta(hours=6)) == codes.peek_form(SECRET, token)[0]
    with pytest.raises(codes.FormExpired):
        codes.read_form(SECRET, token, NOW + timedelta(hours=6, seconds=1))


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 10_000, "Zm9v", "AAAA AAAA"])
def test_what_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(codes.FormTampered):
        codes.read_form(SECRET, token, NOW)


def test_another_secret_s_or_a_changed_token_is_refused() -> None:
    token = codes.new_form(SECRET, NOW)
    with pytest.raises(codes.FormTampered):
        codes.read_form("another secret", token, NOW)
    with pytest.raises(codes.FormTampered):
        codes.read_form(SECRET, ("B" if token[0] == "A" else "A") + token[1:], NOW)


@given(nonce=nonces, between=st.sampled_from([" ", "-", ", ", " . ", "\n"]), language=st.sampled_from(["en", "es"]))
def test_a_code_reads_back_however_it_is_typed(nonce: bytes, between: str, language: str) -> None:
    code = codes.claim_code(SECRET, nonce, language)
    assert code == codes.claim_code(SECRET, nonce, language) and len(code.split()) == codes.WORDS
    clean = codes.clean_code(code)
    assert codes.clean_code(clean) == clean
    for typed in (code.upper(), codewords.plain(code), f"  {between.join(code.split())} "):
        assert codes.clean_code(typed) == clean


@given(nonce=nonces, foreign=nonces)
def test_a_code_is_the_same_in_both_languages_and_every_other_one_is_another(nonce: bytes, foreign: bytes) -> None:
    english, spanish, other = (codes.claim_code(SECRET, nonce, language) for language in ("en", "es", "pt_BR"))
    assert english == other != spanish
    for make in (codes.code_tag, codes.change_token):
        assert make(SECRET, english) == make(SECRET, spanish) == make(SECRET, codes.clean_code(english))
        assert (make(SECRET, codes.claim_code(SECRET, foreign)) == make(SECRET, english)) is (foreign == nonce)


@given(nonce=nonces)
def test_codes_from_before_they_were_words_still_read(nonce: bytes) -> None:
    code = codes.letter_code(SECRET, nonce)
    assert codes.clean_code(code) == code
    assert codes.clean_code(f"  {code.lower().replace('-', ' ')} ") == code
    assert codes.clean_code(code[:-2].replace("1", "I").replace("0", "o") + code[-2:]) == code


def test_a_code_of_letters_is_kept_as_it_was() -> None:
    """What version 0.1 gave for this secret and nonce, and what it kept of it."""
    code = codes.letter_code(SECRET, b"sixteen bytes 16")
    assert code == "WF4B-TD9K-7WDW-RCZN-7"
    assert codes.code_tag(SECRET, code) == codes._keyed(SECRET, "code tag", code.encode())


@given(nonce=nonces, place=st.integers(0, 15), other=st.sampled_from(codes.ALPHABET))
def test_one_wrong_symbol_is_always_noticed(nonce: bytes, place: int, other: str) -> None:
    code = codes.letter_code(SECRET, nonce)
    place += place // 4  # step over the dashes
    if code[place] != other:
        with pytest.raises(codes.CodeUnknown):
            codes.clean_code(code[:place] + other + code[place + 1 :])


@pytest.mark.parametrize(
    "typed", ["", "hello", "A" * 10_000, "👋" * 17, "0000-0000-0000-0000-1", "----", "0000-0000-0000-0000-1600"]
)
def test_what_cannot_be_a_code_gets_the_one_answer(typed: str) -> None:
    with pytest.raises(codes.CodeUnknown):
        codes.clean_code(typed)


def test_neither_nonce_nor_code_can_be_read_from_what_is_stored() -> None:
    nonce = b"sixteen bytes 16"
    code = codes.claim_code(SECRET, nonce)
    for tag in (codes.nonce_tag(SECRET, nonce), codes.code_tag(SECRET, code)):
        assert nonce not in tag and code.encode() not in tag and len(tag) == 32
