"""A small proof of work, so that sending requests by the thousand costs something and sending one costs nothing.

The check page carries a puzzle made from its form, so an answer is good for that one request. A browser solves it while
the page is read (`static/effort.js`); we check with one SHA-256. Without a script there is no answer: then a person
looks at the request, and nobody is refused. Off unless EFFORT_BITS is set. docs/limits.md
"""

import hashlib

ANSWER_MOST = 20  # letters


def puzzle(form: str) -> str:
    """The puzzle of a form's token: 32 hexadecimal letters. Whoever knows it learns nothing of the form."""
    return hashlib.sha256(b"effort\0" + form.encode()).hexdigest()[:32]


def is_solved(form: str, answer: str, bits: int) -> bool:
    """Whether SHA-256 of the puzzle, a colon and the answer begins with so many zero bits."""
    if not (answer.isascii() and answer.isdigit() and len(answer) <= ANSWER_MOST):
        return False
    digest = hashlib.sha256(f"{puzzle(form)}:{answer}".encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - bits) == 0
