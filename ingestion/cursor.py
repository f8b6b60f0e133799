"""How far a record table was read: the vendor's own newest timestamp, kept with the load, and the overlap read
again.

Vendors show writes late and clocks differ, so each load reads some time before its cursor again. What it held
already in the very same version is not appended twice. No clock of ours is involved.

Rows are also made by settings: those that name a company's own fields. Where they changed since the load before, what
the lake holds is stale though no record changed, so the cursor begins anew and the table is read whole, by the way of a
first pull. Remembered is only what differs from the defaults; a cursor without a memory was made by the defaults.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

# Records of the overlap remembered between loads; where there are more, the overlap is simply appended again.
REMEMBERED = 5_000
EPOCH = "1970-01-01T00:00:00+00:00"


class Cursor:
    """Newest timestamp loaded, kept in the load's state, and the records of the overlap already loaded.

    forget: whose ids must not be kept, since the door turns their rows away. made_by: the settings, other than their
    defaults, that rows are made by.
    """

    def __init__(
        self,
        state: dict[str, Any],
        name: str,
        overlap: dt.timedelta,
        forget: Callable[[str], bool] = lambda _record_id: False,
        made_by: Mapping[str, str] | None = None,
    ) -> None:
        self._state, self._name, self._overlap, self._forget = state, name, overlap, forget
        self._made_by = dict(made_by or {})
        saved = state.get(name, {})
        # Whether the lake holds nothing yet; a cursor that begins anew has no `since` either.
        self.is_first = not saved
        if saved.get("made_by", {}) != self._made_by:
            saved = {}
        self._known: dict[str, str] = saved.get("known", {})
        self._seen: dict[str, str] = {}
        self._newest: str | None = saved.get("newest")
        # Records changed after this moment may be missing, so the cursor must not pass it.
        self.cap: str | None = None

    @property
    def since(self) -> dt.datetime | None:
        return None if self._newest is None else moment(self._newest) - self._overlap

    def is_new(self, record_id: str | None, changed: str | None) -> bool:
        """False for a record that the load before held in this very version."""
        if not record_id or not isinstance(changed, str) or self._forget(record_id):
            return True
        since = self.since
        if since is not None and moment(changed) < since:
            return False
        self._seen[record_id] = changed
        return self._known.get(record_id) != changed

    def save(self) -> None:
        seen = max(self._seen.values(), key=moment, default=None)
        newest = max(filter(None, (self._newest, seen)), key=moment, default=self.cap or EPOCH)
        if self.cap is not None:
            newest = min(newest, self.cap, key=moment)
        floor = moment(newest) - self._overlap
        known = {key: changed for key, changed in {**self._known, **self._seen}.items() if moment(changed) >= floor}
        self._state[self._name] = {
            "newest": newest,
            "known": known if len(known) <= REMEMBERED else {},
            "made_by": self._made_by,
        }


def moment(text: str) -> dt.datetime:
    parsed = dt.datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)
