"""Acceptance: a person says that what a gate found is right, for a while, and why.

Flow: a finding's id (in the gate's message, `kpilote gate list`) → `accept` → `$KPILOTE_HOME/gates/accepted.jsonl` →
the next run of the gate shows exactly that finding as a warning, with who, until when and why; the same finding grown
worse, or another one, stops again. Belongs here: that file and what may be in it. Does not: what a finding is
(`results.py`). Lost rows, broken keys, changed types and addresses are never accepted: there only mending helps.
"""

import datetime as dt
import getpass
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ingestion.errors import KpiloteError
from ingestion.settings import Settings

DAYS, MOST_DAYS = 7, 90
# A finding is the same while it is at most this much larger than the one accepted: what is usual moves a little.
GROWTH = 1.1


class AcceptanceError(KpiloteError):
    """A finding that cannot be accepted; the message says why."""


class Acceptance(BaseModel):
    """One line of the file. about: what was found; size: how large it was."""

    model_config = ConfigDict(frozen=True)

    id: str
    gate: str
    table: str
    expectation: str
    about: str
    size: float
    by: str
    at: dt.datetime
    until: dt.datetime
    reason: str

    def covers(self, size: float, now: dt.datetime) -> bool:
        """Whether it still holds, for a finding that has not grown."""
        return now < self.until and size <= GROWTH * self.size

    def __str__(self) -> str:
        return f"accepted by {self.by} until {self.until:%Y-%m-%d %H:%M} UTC: {self.reason}"


@dataclass(frozen=True)
class Open:
    """A finding of the newest run that judged its table. acceptance: the newest of it, also if it no longer holds."""

    id: str
    gate: str
    table: str
    expectation: str
    severity: str
    about: str
    size: float
    text: str
    acceptable: bool
    judged_at: str
    acceptance: Acceptance | None

    def is_accepted(self, now: dt.datetime) -> bool:
        return self.acceptable and self.acceptance is not None and self.acceptance.covers(self.size, now)


def acceptances(settings: Settings) -> Mapping[str, Acceptance]:
    """Everything ever accepted, by finding; a later line for the same finding counts. Raises on a line that is none."""
    path = _path(settings)
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else (), start=1):
        try:
            each = Acceptance.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise AcceptanceError(f"{path}, line {number}: {where} {first['msg']}; mend or remove the line") from None
        found[each.id] = each
    return found


def open_findings(settings: Settings) -> list[Open]:
    """What the newest run of each gate found in each table, what stops first."""
    known = acceptances(settings)
    found = [
        Open(
            gate=run["gate"],
            table=table["table"],
            expectation=expectation["name"],
            severity=expectation["severity"],
            judged_at=run["judged_at"],
            acceptance=known.get(finding["id"]),
            **{key: finding[key] for key in ("id", "about", "size", "text", "acceptable")},
        )
        for run, table in _newest(settings.docs_dir / "results")
        for expectation in table["expectations"]
        for finding in expectation.get("findings", ())
    ]
    return sorted(found, key=lambda each: (each.severity, each.gate, each.table, each.expectation, each.about))


def accept(
    settings: Settings, finding_id: str, *, reason: str, days: int = DAYS, now: dt.datetime | None = None
) -> Acceptance:
    """Record that an open finding is right. Raises AcceptanceError when it is unknown, or not a person's to accept."""
    if not reason.strip():
        raise AcceptanceError("a reason is needed: it stands in the report of every run and in the release")
    if not 1 <= days <= MOST_DAYS:
        raise AcceptanceError(f"a finding is accepted for 1 to {MOST_DAYS} days, not {days}")
    named = next((each for each in open_findings(settings) if each.id == finding_id), None)
    if named is None:
        raise AcceptanceError(f"no open finding has the id {finding_id}: `kpilote gate list` shows them")
    if not named.acceptable:
        raise AcceptanceError(
            f"{named.table}: {named.expectation} cannot be accepted: rows, keys, types, amounts or privacy are at"
            " stake, mend it at its source"
        )
    moment = now or dt.datetime.now(tz=dt.UTC)
    accepted = Acceptance(
        id=named.id,
        gate=named.gate,
        table=named.table,
        expectation=named.expectation,
        about=named.about,
        size=named.size,
        by=getpass.getuser(),
        at=moment,
        until=moment + dt.timedelta(days=days),
        reason=" ".join(reason.split()),
    )
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(accepted.model_dump_json() + "\n")
    return accepted


def _path(settings: Settings) -> Path:
    return settings.home / "gates" / "accepted.jsonl"


def _newest(results: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Of each gate and table the newest stored result; a gate may judge its tables in several runs."""
    seen = set()
    for path in sorted(results.glob("*/*.json"), key=lambda path: path.stem, reverse=True):
        run = json.loads(path.read_text(encoding="utf-8"))
        for table in run["tables"]:
            if (run["gate"], table["table"]) not in seen:
                seen.add((run["gate"], table["table"]))
                yield run, table
