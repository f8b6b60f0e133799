"""Which visits make a day: `Live.getLastVisitsDetails`, page by page in the order of last actions, checked before it
is believed.

Pages are offsets into a set that grows when logs are imported, so a page may answer no other day's visits, none may
come twice, and a day with fewer visits than Matomo's report counts must hold the newest visit of the log: then the
others were deleted there (a person's erasure), and no page was lost. Belongs here: that. Does not: fields (`rows.py`).
"""

import datetime as dt
from functools import partial

from ingestion.http import Json
from ingestion.sources.matomo.api import ROWS, Matomo, rows_of
from ingestion.sources.matomo.rows import VISIT_COLUMNS, instant, whole

METHOD = "Live.getLastVisitsDetails"


class Log:
    """The visits log of one site; `zone` cuts its days."""

    def __init__(self, matomo: Matomo, zone: dt.tzinfo, page_rows: int) -> None:
        self._matomo, self.zone, self._page_rows = matomo, zone, page_rows

    def day(self, asked: tuple[dt.date, int]) -> list[Json]:
        """Every visit of a day of which the report counts so many."""
        day, counted = asked
        return rows_of(self._matomo.verified(partial(self._read, day), partial(self._fault, day, counted)))

    def _read(self, day: dt.date) -> Json:
        visits: list[Json] = []
        while True:
            page = self._page(day, "asc", len(visits), self._page_rows)
            visits += page
            # A full page that begins like an earlier one would never end.
            if len(page) < self._page_rows or page[0] in visits[: -len(page) : self._page_rows]:
                return {ROWS: visits}

    def _page(self, day: dt.date, order: str, offset: int, limit: int) -> list[Json]:
        answer = self._matomo.ask_of_site(
            METHOD,
            partial(self._foreign, day),
            period="day",
            date=day.isoformat(),
            filter_sort_order=order,
            filter_offset=str(offset),
            filter_limit=str(limit),
            showColumns=",".join(VISIT_COLUMNS),
        )
        return rows_of(answer)

    def _foreign(self, day: dt.date, answer: Json) -> str | None:
        """A visit is filed under the day of its last action."""
        for visit in answer[ROWS]:
            if instant(visit["lastActionTimestamp"], self.zone).date() != day:
                return f"{METHOD} answered other days than asked for"
        return None

    def _fault(self, day: dt.date, counted: int, answer: Json) -> str | None:
        ids = {whole(visit["idVisit"]) for visit in answer[ROWS]}
        if len(ids) < len(answer[ROWS]):
            return f"{METHOD} repeated a page"
        if len(ids) >= counted:
            return None
        newest = self._page(day, "desc", 0, 1)
        if not newest:
            return (
                f"{METHOD} answered none of the {counted} visits that {day} has by its report (where Matomo deletes old"
                " visits, set SOURCES__MATOMO__LOG_RETENTION_DAYS)"
            )
        if whole(newest[0]["idVisit"]) not in ids:
            return f"{METHOD} answered {len(ids)} of {counted} visits"
        return None
