"""The compiled table: what may be sent where, by looking it up. It answers exactly as `geo.decision` does.

`geo.compile` makes it. A value says what the rules say to everybody at the spots of a place; the decision for a person
of whom nothing is known is made once, at the first question, and kept.
"""

from bisect import bisect_right
from collections.abc import Hashable
from dataclasses import replace
from datetime import date
from typing import Any

from distro.errors import Refusal
from geo.decision import Decision, conclude, conclude_strictly, depends_on_person
from geo.places import StateElsewhere, ZipUnknown
from geo.rules import Facts
from geo.standing import Candidate, Spot
from geo.tablefile import Parts, from_bytes, to_bytes

NOBODY = Facts()  # nothing known of the person: the quickest to answer
KEPT = 100_000  # values kept ready before all are forgotten: about 40 MB
_NO_CODES: frozenset[str] = frozenset()


class NotCompiled(Refusal):
    """An item or a warehouse that came after the rules were compiled."""

    status = 503
    sentence = "The rules were compiled without the %(what)s “%(name)s”. Compile them anew."


class Asking:
    """A value that depends on the person: what it says to all, and the decision while nothing is known."""

    __slots__ = ("found", "plain")

    def __init__(self, plain: Decision, found: tuple[Candidate, ...]) -> None:
        self.plain, self.found = plain, found


# What a cell says to nobody in particular: a decision, or where it changes, the days on which it does and then what
# counts before the first of them and from each on. A tuple: each thing less to fetch from memory is felt when a hundred
# thousand cells are asked at random.
Ready = Decision | tuple[Any, ...]


class Table:
    """Answers for every ZIP code, product, warehouse and day. Threads may share it."""

    __slots__ = ("_answers", "_cells", "_grid", "_one", "_strictly", "_zips", "parts")

    def __init__(self, parts: Parts) -> None:
        self.parts, self._zips = parts, parts.zips
        self._forget()

    def _forget(self) -> None:
        """Start anew with no decision made."""
        parts, origins = self.parts, len(self.parts.origins)
        self._cells: dict[int, Ready] = {}
        self._answers: dict[int, Decision | Asking] = {}  # by value
        self._strictly: dict[int, Decision] = {}  # by value
        self._one: dict[Hashable, Any] = {}  # equal things, once
        sizes = [len(parts.rows[number]) for number in range(len(parts.rows))]
        always: list[list[Decision | None]] = [[None] * size for size in sizes]  # the cells that never change
        dated: list[list[tuple[Any, ...] | None]] = [[None] * size for size in sizes]  # those that do
        grid = {}
        for p, product in enumerate(parts.products):
            keys = parts.keys[p * parts.profiles : (p + 1) * parts.profiles]
            own = parts.grid[p * origins : (p + 1) * origins]
            grid[product] = {at: (keys, always[n], dated[n]) for at, n in zip(parts.origins, own, strict=True)}
        self._grid = grid

    @classmethod
    def from_bytes(cls, content: bytes) -> "Table":
        """The table that `to_bytes` stored. Raises TableUnreadable."""
        return cls(from_bytes(content))

    def to_bytes(self) -> bytes:
        """The table as a database keeps it; equal tables give equal bytes."""
        return to_bytes(self.parts)

    def decide(
        self, zip_code: str, product_code: str, origin_code: str | None, facts: Facts, on: date, units: int = 1
    ) -> Decision:
        """May `units` of a product go from a warehouse (None: whichever) to a ZIP code on that day (the ZIP's own)?

        Equal to `decision.decide` with the law it was compiled from. Raises ZipUnknown, NotCompiled, StateElsewhere.
        """
        try:
            if facts is NOBODY and units == 1 and len(zip_code) == 5 and zip_code.isdecimal():
                keys, always, dated = self._grid[product_code][origin_code]
                at = keys[self._zips[int(zip_code)]]
                decision = always[at]
                if decision is not None:  # nothing of it is looked at here: it may lie far off in memory
                    return decision
                turns = dated[at]
                if turns is not None:
                    return turns[1 + bisect_right(turns[0], on)]  # type: ignore[no-any-return]
        except LookupError:
            pass  # which of them is not known, is said below
        return self._decided(zip_code, product_code, origin_code, facts, on, units)

    def strictest(
        self, zip_code: str, product_code: str, origin_code: str | None, facts: Facts, on: date, units: int = 1
    ) -> Decision:
        """The same where nobody can be asked, as `decision.strictest`. Raises as `decide` does."""
        value = self._value(zip_code, product_code, origin_code, on)
        if facts.state is None and facts.county is None:
            answer = self._answer(value)
            if type(answer) is Decision or (facts == NOBODY and units == 1):
                known = self._strictly.get(value)
                if known is None:
                    known = self._strictly[value] = self._once(conclude_strictly(self._found(value), NOBODY))
                return known
        return conclude_strictly(self._fitting(value, zip_code, facts), facts, units)

    def _decided(
        self, zip_code: str, product_code: str, origin_code: str | None, facts: Facts, on: date, units: int
    ) -> Decision:
        """The same, with all that the quick way leaves out."""
        value = self._value(zip_code, product_code, origin_code, on)
        answer = self._answer(value)
        if facts == NOBODY and units == 1:
            self._keep(zip_code, product_code, origin_code)
            return answer.plain if isinstance(answer, Asking) else answer
        if type(answer) is Decision and facts.state is None and facts.county is None:
            return answer
        found = self._fitting(value, zip_code, facts)
        return answer if type(answer) is Decision and len(found) == 1 else conclude(found, facts, units)

    def _fitting(self, value: int, zip_code: str, facts: Facts) -> tuple[Candidate, ...]:
        """What a value lists. Raises StateElsewhere if the person's state is not there."""
        found = self._found(value)
        if facts.state is not None and all(spot.state != facts.state for spot, _ in found):
            raise StateElsewhere(zip=zip_code)
        return found

    def _profile(self, zip_code: str) -> int:
        """The profile of a ZIP code. Raises ZipUnknown."""
        good = len(zip_code) == 5 and zip_code.isdecimal()
        profile = self._zips[int(zip_code)] if good else self.parts.profiles
        if profile >= self.parts.profiles:
            raise ZipUnknown(zip=zip_code)
        return profile

    def _cell(self, zip_code: str, product_code: str, origin_code: str | None) -> int:
        """The number of the cell. Raises ZipUnknown, NotCompiled."""
        parts, profile = self.parts, self._profile(zip_code)
        if product_code not in parts.products:
            raise NotCompiled(what="item", name=product_code)
        if origin_code not in parts.origins:
            raise NotCompiled(what="warehouse", name=origin_code)
        return parts.cell(profile, product_code, origin_code)

    def _value(self, zip_code: str, product_code: str, origin_code: str | None, on: date) -> int:
        """The number of the value that counts that day."""
        cell = self.parts.cells[self._cell(zip_code, product_code, origin_code)]
        return cell[1::2][bisect_right(cell[::2], on.toordinal()) - 1]

    def _keep(self, zip_code: str, product_code: str, origin_code: str | None) -> None:
        """Have the cell ready for the next question."""
        if len(self._answers) > KEPT:
            self._forget()
        keys, always, dated = self._grid[product_code][origin_code]
        at, ready = keys[self._profile(zip_code)], self._ready(self._cell(zip_code, product_code, origin_code))
        if isinstance(ready, Decision):
            always[at] = ready
        else:
            dated[at] = ready

    def _ready(self, number: int) -> Ready:
        """A cell as `decide` wants it; one for all the rows that have it."""
        ready = self._cells.get(number)
        if ready is None:
            cell = self.parts.cells[number]
            answers = map(self._answer, cell[1::2])
            held = [answer.plain if isinstance(answer, Asking) else answer for answer in answers]
            starts = tuple(date.fromordinal(day) for day in cell[2::2])
            ready = (self._one.setdefault(starts, starts), *held) if starts else held[0]
            self._cells[number] = ready
        return ready

    def _answer(self, value: int) -> Decision | Asking:
        """A value's decision while nothing is known of the person."""
        answer = self._answers.get(value)
        if answer is None:
            found = self._found(value)
            answer = plain = self._once(conclude(found, NOBODY))
            if any(depends_on_person(finding) for _, findings in found for finding in findings):
                answer = Asking(plain, found)
            self._answers[value] = answer
        return answer

    def _once(self, decision: Decision) -> Decision:
        """That decision, with every part of it in memory once."""
        one = self._one
        reasons = tuple(one.setdefault(reason, reason) for reason in decision.reasons)
        decision = replace(decision, reasons=one.setdefault(reasons, reasons))
        return one.setdefault(decision, decision)  # type: ignore[no-any-return]

    def _found(self, value: int) -> tuple[Candidate, ...]:
        """What a value lists: each spot with its findings; the codes of the spots are not kept."""
        answer = self._answers.get(value)
        if type(answer) is Asking:
            return answer.found
        parts = self.parts
        return tuple(
            (Spot(state, county, _NO_CODES), parts.standing(number)) for state, county, number in parts.value(value)
        )
