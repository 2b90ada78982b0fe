"""The words of claim codes: which, and how they are heard."""

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import codewords
from orders.codewords import ENGLISH, FILES, LEFT_OUT, MANY, heard, plain, say, words

NEVER = Path(__file__).parents[2] / "geo" / "data" / "never-words.txt"
NUMBERS = st.lists(st.integers(0, MANY - 1), min_size=5, max_size=5)
# The beginning of the SHA-256 of the words: another one, and codes that people wrote down mean something else.
FIXED = {
    "en": "ce997d7212cadcce",
    "es": "7d2c9c7f2655111e",
}


@pytest.mark.parametrize("language", FILES)
def test_the_words_never_change(language: str) -> None:
    assert len(words(language)) == len(set(words(language))) == MANY
    assert hashlib.sha256(" ".join(words(language)).encode()).hexdigest()[:16] == FIXED[language]


@pytest.mark.parametrize("language", FILES)
def test_four_letters_tell_a_word_and_none_is_of_both_lists(language: str) -> None:
    begun = {plain(word)[:4] for word in words(language)}
    assert len(begun) == MANY
    assert not {plain(word) for word in words("en")} & {plain(word) for word in words("es")}


@pytest.mark.parametrize("language", FILES)
def test_nothing_upsetting_is_among_them(language: str) -> None:
    """Each is left out once, with a reason, and a few that nobody may ever be given are named here again."""
    left_out = [word for _why, some in LEFT_OUT[language] for word in some.split()]
    assert len(left_out) == len(set(left_out)) and all(why for why, _some in LEFT_OUT[language])
    assert not set(left_out) & set(words(language))
    never = (
        "addict abuse clean crack dirt habit junk needle police prison drug gun kill dead adicto droga jeringa aguja"
    )
    never += " cárcel policía coger bicho paloma concha muerte cáncer aborto sexo negro gordo pobre jaula arma"
    never += " brick bundle stamp glass candy limpio perico hielo vidrio goma gallo talco tiza arpón"
    assert not set(never.split()) & set(words(language))
    lines = [line for line in NEVER.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    pattern = re.compile("|".join(lines), re.IGNORECASE)
    assert [word for word in words(language) if pattern.fullmatch(word) or pattern.fullmatch(plain(word))] == []
    assert pattern.fullmatch("limpio"), "a control"


@given(numbers=NUMBERS, language=st.sampled_from(sorted(FILES)))
def test_what_is_said_is_heard(numbers: list[int], language: str) -> None:
    said = " ".join(say(numbers, language))
    for typed in (said, said.upper(), plain(said), said.replace(" ", "-"), said.replace(" ", ", ") + "."):
        assert tuple(numbers) in heard(typed, 5)


@given(numbers=NUMBERS, language=st.sampled_from(sorted(FILES)))
def test_four_letters_are_always_enough(numbers: list[int], language: str) -> None:
    """Where all of them begin words of the other language too, both codes are tried."""
    short = " ".join(plain(word)[:4] for word in say(numbers, language))
    (other,) = set(FILES) - {language}
    begun = {plain(word)[:4] for word in words(other)}
    found = heard(short, 5)
    assert tuple(numbers) in found and len(found) <= (2 if set(short.split()) <= begun else 1)


def test_the_same_beginnings_stand_for_a_code_in_each_language() -> None:
    begun = [sorted({plain(word)[:4] for word in words(language) if len(word) > 3}) for language in FILES]
    shared = sorted(set(begun[0]) & set(begun[1]))
    assert len(shared) > 300
    (english, spanish) = heard(" ".join(shared[:5]), 5)
    assert [plain(word)[:4] for word in say(english, "en")] == [plain(word)[:4] for word in say(spanish, "es")]


@given(
    numbers=NUMBERS,
    language=st.sampled_from(sorted(FILES)),
    place=st.integers(0, 4),
    data=st.data(),
)
def test_a_slip_is_forgiven_only_where_one_word_alone_is_that_near(
    numbers: list[int], language: str, place: int, data: st.DataObject
) -> None:
    """Never another code than the one meant, unless the slip itself makes a word or the beginning of one."""
    said = [plain(word) for word in say(numbers, language)]
    word = said[place]
    at = data.draw(st.integers(0, len(word) - 1))
    slip = data.draw(
        st.sampled_from([word[:at] + word[at + 1 :], word[:at] + "x" + word[at + 1 :], word[:at] + "x" + word[at:]])
    )
    typed = " ".join([*said[:place], slip, *said[place + 1 :]])
    every = [plain(each) for each in words(language)]
    near = [each for each in every if codewords._is_near(slip, each)]
    begins = [each for each in every if len(slip) >= 4 and each.startswith(slip)]
    if slip in every or begins:
        return
    assert word in near
    assert (tuple(numbers) in heard(typed, 5)) is (len(near) == 1)


@pytest.mark.parametrize(
    "typed", ["", "able", "able able able able", "able abeja able able able", "a b c d e", "1 2 3 4 5"]
)
def test_what_is_no_code_is_none(typed: str) -> None:
    assert heard(typed, 5) == ()


def test_any_other_language_is_told_in_english() -> None:
    assert codewords.spoken_in("fr") == codewords.spoken_in("pt_BR") == ENGLISH
    assert codewords.spoken_in("es_MX") == "es"
