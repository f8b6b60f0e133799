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
    # Klaviyo's tiers: (per second, per minute) of one operation.
    klaviyo_m: tuple[int, int] = (10, 150)
    klaviyo_l: tuple[int, int] = (75, 750)
    klaviyo_xl: tuple[int, int] = (350, 3_500)
    brevo_contacts_per_second: int = 10
    brevo_contacts_per_hour: int = 36_000
    brevo_smtp_per_hour: int = 300
    brevo_others_per_hour: int = 100
    salesforce_calls_per_day: int = 100_000
    salesforce_query_jobs_per_day: int = 10_000
    salesforce_uri_bytes: int = 16_384
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
    klaviyo_m=(1_000, 15_000),
    klaviyo_l=(7_500, 75_000),
    klaviyo_xl=(35_000, 350_000),
    brevo_contacts_per_second=1_000,
    brevo_contacts_per_hour=3_600_000,
    brevo_smtp_per_hour=30_000,
    brevo_others_per_hour=10_000,
    salesforce_calls_per_day=10_000_000,
    salesforce_query_jobs_per_day=1_000_000,
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

    def frees_in(self) -> float:
        """Seconds until something of what was spent comes back."""
        return max(0.0, self._spent[0][0] + self.seconds - time.monotonic()) if self._spent else 0.0

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
        self.brevo = {
            "contacts": (
                RollingWindow(limits.brevo_contacts_per_second, 1),
                RollingWindow(limits.brevo_contacts_per_hour, 3_600),
            ),
            "smtp": (RollingWindow(limits.brevo_smtp_per_hour, 3_600),),
            "others": (RollingWindow(limits.brevo_others_per_hour, 3_600),),
        }
        self.salesforce_day = RollingWindow(limits.salesforce_calls_per_day, 86_400)
        self.salesforce_jobs = RollingWindow(limits.salesforce_query_jobs_per_day, 86_400)
        self.pipedrive_burst = RollingWindow(limits.pipedrive_per_two_seconds, 2)
        self.pipedrive_day = RollingWindow(limits.pipedrive_tokens_per_day, 86_400)
        self.open_requests: Counter[str] = Counter()
        self._klaviyo: dict[str, tuple[RollingWindow, RollingWindow]] = {}

    def klaviyo(self, operation: str, tier: str) -> tuple[RollingWindow, RollingWindow]:
        """The second and the minute of one operation."""
        if operation not in self._klaviyo:
            burst, steady = getattr(self.limits, f"klaviyo_{tier}")
            self._klaviyo[operation] = RollingWindow(burst, 1), RollingWindow(steady, 60)
        return self._klaviyo[operation]
