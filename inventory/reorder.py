"""When to order, and how much. Pure arithmetic, explained in the words a manager reads."""

from dataclasses import dataclass
from math import ceil, inf

ORDER_FOR_DAYS = 60  # how long an order should last once it has arrived


@dataclass(frozen=True)
class Cover:
    """How long stock lasts. Units and units a day; days are calendar days."""

    available: int
    daily_demand: float
    lead_time_days: int
    safety_days: int

    @property
    def days(self) -> float:
        """Days until the shelf is empty at this rate; infinite if nothing is asked for."""
        return self.available / self.daily_demand if self.daily_demand else inf

    @property
    def reorder_days(self) -> int:
        """Order when fewer days are left than this: the time an order takes, and a reserve."""
        return self.lead_time_days + self.safety_days

    @property
    def is_low(self) -> bool:
        """Whether a new order would come too late if it were put off."""
        return self.daily_demand > 0 and self.days < self.reorder_days

    @property
    def clears(self) -> bool:
        """Whether an open alert may close: a tenth above the reorder point, so that it does not flicker."""
        return self.daily_demand == 0 or self.days >= self.reorder_days * 1.1

    @property
    def suggested(self) -> int:
        """Units to order now: enough for the lead time, the reserve and sixty days more, less what is there."""
        wanted = self.daily_demand * (self.reorder_days + ORDER_FOR_DAYS) - self.available
        return max(0, ceil(wanted))
