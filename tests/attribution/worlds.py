"""Random worlds as files: logs of touches and counted paths, with everything that has gone wrong in other tools.

Ties, touches at and after the conversion, several conversions, none, all direct, zero and negative values, separators
and quotes inside names.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from tests.attribution.naive import DAY, Conversion, Touch

CHANNELS = ("direct", "email", "paid > search", 'it\'s, "odd"')
EPOCH = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
PEOPLE = st.sampled_from("xyz")
# A few instants, so that many are the same; some far apart.
INSTANTS = st.sampled_from([0, 1, 60_000_000, 3_600_000_000, DAY, DAY + 1, 3 * DAY, 8 * DAY, 8 * DAY + 1])
TOUCHES = st.builds(Touch, PEOPLE, INSTANTS, st.sampled_from(CHANNELS), st.booleans(), st.booleans())
CONVERSIONS = st.builds(Conversion, PEOPLE, INSTANTS, st.sampled_from([0, 1, 10, 9_999, 100_000, -1_000, 33_333]))
LOGS = st.tuples(st.lists(TOUCHES, max_size=14), st.lists(CONVERSIONS, min_size=1, max_size=5))
PATHS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["direct", "a", "b", "c"]), min_size=1, max_size=6).map(tuple),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=8,
)


def moment(microseconds: int) -> str:
    return (EPOCH + dt.timedelta(microseconds=microseconds)).isoformat()


def write_log(file: Path, touches: Sequence[Touch], conversions: Sequence[Conversion]) -> Path:
    """A log as a CSV file: a row per touch, a row without a channel per conversion."""
    with file.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["person", "time", "channel", "converted", "value", "lead_creating", "opportunity_creating"])
        for touch in touches:
            rows.writerow(
                [touch.person, moment(touch.at), touch.channel, 0, "", int(touch.lead), int(touch.opportunity)]
            )
        for each in conversions:
            rows.writerow([each.person, moment(each.at), "", 1, f"{each.cents / 100:.2f}", "", ""])
    return file


def write_paths(file: Path, paths: Sequence[tuple[tuple[str, ...], int, int]], value: int = 7) -> Path:
    """Counted paths as a CSV file; each conversion is worth `value`."""
    with file.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["path", "conversions", "value", "nulls"])
        rows.writerows([" > ".join(path), won, won * value, lost] for path, won, lost in paths)
    return file
