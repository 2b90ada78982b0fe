"""When to order, and how much. Pure arithmetic, explained in the words a manager reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, inf

LIMITS_COMBINED = 8  # funds' limits on one shelf whose every combination is looked at
ORDER_FOR_DAYS = 60  # how long an order should last once it has arrived
ANYWHERE: frozenset[str] = frozenset()  # the states of a fund that says none

Supply = Mapping[frozenset[str], int]  # units, by the states they may serve; ANYWHERE for no limit


@dataclass(frozen=True)
class Cover:
    """How long a shelf lasts. `supply` is units by the states their fund allows, `daily` units a day by state asking.

    A limited unit helps nobody outside its states. So the shelf lasts until the first state, or the first group of
    states, has used up all that may go to any of them (Hall's condition). An order must fill the widest such gap.
    """

    supply: Supply
    daily: Mapping[str, float]
    lead_time_days: int
    safety_days: int

    @property
    def available(self) -> int:
        """Units that may go to at least one of the states that ask; every unit while none asks."""
        return self.units_for(frozenset(self.daily)) if self.daily else sum(self.supply.values())

    @property
    def daily_demand(self) -> float:
        """Units a day, from all states together."""
        return sum(self.daily.values())

    @property
    def days(self) -> float:
        """Days until the first state that asks can get no more; infinite if nothing is asked for."""
        return min((units / daily for units, daily in self._groups() if daily), default=inf)

    @property
    def reorder_days(self) -> int:
        """Order when fewer days are left than this: the time an order takes, and a reserve."""
        return self.lead_time_days + self.safety_days

    @property
    def is_low(self) -> bool:
        """Whether a new order would come too late if it were put off."""
        return self.days < self.reorder_days

    @property
    def clears(self) -> bool:
        """Whether an open alert may close: a tenth above the reorder point, so that it does not flicker."""
        return self.days >= self.reorder_days * 1.1

    @property
    def suggested(self) -> int:
        """Units to order now, from money that may serve every state: enough for the lead time, the reserve and
        sixty days more, less what is there and may be used by then."""
        horizon = self.reorder_days + ORDER_FOR_DAYS
        return max([0, *(ceil(daily * horizon - units) for units, daily in self._groups())])

    def units_for(self, states: frozenset[str]) -> int:
        """Units that may go to at least one of these states."""
        return sum(units for limit, units in self.supply.items() if not limit or limit & states)

    def _groups(self) -> list[tuple[int, float]]:
        """(units that may serve any of them, units a day they ask for) of each group of states that can run out alone.

        Such a group is everyone who asks, less the states of some limited units; other groups have more units. There
        are two to the power of the limits of such groups. Past `LIMITS_COMBINED` limits only the widest and the
        single ones are looked at: then days may come out too long, never too short.
        """
        asking = frozenset(self.daily)
        limits = [limit for limit in self.supply if limit]
        groups = {asking}
        if len(limits) > LIMITS_COMBINED:
            groups |= {asking - limit for limit in limits} | {frozenset({state}) for state in asking}
        else:
            for limit in limits:
                groups |= {group - limit for group in groups}
        return [(self.units_for(group), sum(self.daily[state] for state in group)) for group in groups]
