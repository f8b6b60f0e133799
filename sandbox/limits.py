"""The vendors' limits: how many requests, tokens and connections they allow, and the clocks that count them.

`VENDOR` holds the numbers the vendors publish; `FAST` the same limits with a hundred times the room, the default of
`kpilote sandbox`, so that a demo measures Kpilote rather than HubSpot's five searches per second. Both refuse for
real. Belongs here: counting. Does not: the body of a refusal (the vendor's file in `apis`).
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Limits:
    """Requests, tokens and sizes allowed; the defaults are the vendors'."""

    hubspot_per_ten_seconds: int = 190
    hubspot_per_day: int = 650_000
    hubspot_searches_per_second: int = 5
    hubspot_url_bytes: int = 16_000
    hubspot_association_page: int = 500
    ga4_tokens_per_day: int = 200_000
    ga4_tokens_per_hour: int = 40_000
    ga4_tokens_per_project_hour: int = 14_000
    ga4_concurrent: int = 10
    mailchimp_concurrent: int = 10
    pipedrive_per_two_seconds: int = 20
    pipedrive_tokens_per_day: int = 30_000


VENDOR = Limits()
FAST = replace(
    VENDOR,
    hubspot_per_ten_seconds=19_000,
    hubspot_searches_per_second=500,
    ga4_tokens_per_day=20_000_000,
    ga4_tokens_per_hour=4_000_000,
    ga4_tokens_per_project_hour=1_400_000,
    pipedrive_per_two_seconds=2_000,
    pipedrive_tokens_per_day=3_000_000,
)


class RollingWindow:
    """At most `allowed` units within any `seconds`."""

    def __init__(self, allowed: int, seconds: float) -> None:
        self.allowed, self.seconds = allowed, seconds
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    def remaining(self) -> int:
        now = time.monotonic()
        while self._spent and self._spent[0][0] <= now - self.seconds:
            self._sum -= self._spent.popleft()[1]
        return self.allowed - self._sum

    def take(self, units: int = 1) -> bool:
        """Spends the units, or says no and spends nothing."""
        if self.remaining() < units:
            return False
        self._spent.append((time.monotonic(), units))
        self._sum += units
        return True


class Counters:
    """The running counts of one server."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.hubspot = RollingWindow(limits.hubspot_per_ten_seconds, 10)
        self.hubspot_day = RollingWindow(limits.hubspot_per_day, 86_400)
        self.hubspot_search = RollingWindow(limits.hubspot_searches_per_second, 1)
        self.ga4_day = RollingWindow(limits.ga4_tokens_per_day, 86_400)
        self.ga4_hour = RollingWindow(limits.ga4_tokens_per_hour, 3_600)
        self.ga4_project_hour = RollingWindow(limits.ga4_tokens_per_project_hour, 3_600)
        self.pipedrive_burst = RollingWindow(limits.pipedrive_per_two_seconds, 2)
        self.pipedrive_day = RollingWindow(limits.pipedrive_tokens_per_day, 86_400)
        self.open_requests: Counter[str] = Counter()
