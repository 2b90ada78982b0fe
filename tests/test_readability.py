"""The reading formulas, against texts whose syllables can be counted on one's fingers."""

import pytest

from tests.readability import ease, english_syllables, grade, spanish_syllables

EASY = "We mail it free. No one asks who you are. You get a code. Keep it safe."
HARD = (
    "Notwithstanding considerations of confidentiality, participating organisations administering pharmaceutical "
    "distribution necessarily accumulate identifying documentation concerning individual beneficiaries."
)


@pytest.mark.parametrize(
    ("word", "syllables"), [("we", 1), ("code", 1), ("package", 2), ("overdose", 3), ("address", 2), ("xylazine", 3)]
)
def test_english_syllables(word: str, syllables: int) -> None:
    assert english_syllables(word) == syllables


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        *[("su", 1), ("día", 2), ("María", 3), ("dirección", 3), ("aéreo", 4), ("ciudad", 2), ("quién", 1)],
        *[("guía", 2), ("envío", 3), ("muy", 1), ("y", 1), ("naloxona", 4), ("sobredosis", 4), ("reúne", 3)],
    ],
)
def test_spanish_syllables(word: str, syllables: int) -> None:
    assert spanish_syllables(word) == syllables


def test_the_formulas_as_published() -> None:
    # 17 words of one syllable each in 4 sentences
    assert grade(EASY) == pytest.approx(0.39 * 17 / 4 + 11.8 - 15.59)
    # 4 words, 8 syllables, 1 sentence
    assert ease("Guarde su código seguro.") == pytest.approx(206.84 - 60 * 9 / 4 - 1.02 * 4)


def test_a_hard_text_is_told_from_an_easy_one() -> None:
    assert grade(EASY) < 2 < 15 < grade(HARD)
    assert ease("Su código es corto. Va bien.") > 80 > ease(HARD.replace(" ", " y "))
