"""`kpilote erase`: a person taken out of everything this home keeps, once and for all later pulls.

Flow: who is meant (`ingestion.identity`) → journal → list of erased people → lake → warehouse and releases → what
gates, runs and logs showed → one line in `erasures.jsonl`, journal gone. Every step says the same when done again, so
an erasure that was killed is finished by `resume`; until then nothing is pulled or built. The journal is the only place
where identifiers (hashes and vendors' ids, never an address) meet their surrogates, and it goes last.
Belongs here: the order of things and the locks. Does not: how each room forgets.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ingestion import erasure as lake_side
from ingestion import identity, suppression
from ingestion.errors import KpiloteError
from ingestion.persons import Rules
from ingestion.pipeline import alone
from ingestion.privacy import Hasher
from ingestion.registry import SOURCES
from orchestration import dbt
from orchestration.resources import held
from serving import erasure as release_side
from serving import files

if TYPE_CHECKING:
    import dagster as dg

    from ingestion.settings import Settings

# Called with what the erasure is at.
Report = Callable[[str], None]
# Folders that have their own way of forgetting, or are not ours (the demo's imaginary vendors).
APART = ("lake", "releases", "ledger", "gx", "as_of", "sandbox", "dlt")
# Vendors' ids with fewer characters are also counts, amounts and versions: crossed out, a log says nothing any more.
SHORTEST = 8
SAMPLES = "unexpected_rows"
REMOVED = "(removed by an erasure)"


class ErasureError(KpiloteError):
    """Nobody can be erased by what was given, or not now; the message says what to do."""


@contextmanager
def quiet(now: Settings) -> Iterator[None]:
    """Nothing is pulled, built or judged meanwhile: the locks of a refresh, in its order."""
    with ExitStack() as locks:
        try:
            locks.enter_context(held(now))
        except files.LockTimeoutError as error:
            raise ErasureError(f"{error}: a refresh is running, erase when it has ended") from None
        for name in SOURCES:
            locks.enter_context(alone(now, name))
        yield


def find(now: Settings, email: str | None, vendor_id: str | None) -> identity.Identity:
    """Everything that leads to the person; an error where nothing does."""
    lake_side.refuse_while_unfinished(now)
    hasher = Hasher(now.require_hash_key())
    start = identity.from_address(email, hasher) if email is not None else identity.from_id(vendor_id or "", hasher)
    known = suppression.read(now)
    found = identity.resolve(now, start, _rules())
    if not found.rows:
        if any(known.knows(kind, value) for kind, value in start):
            raise ErasureError("this person was erased before: nothing is left to erase")
        raise ErasureError("the lake holds nothing of this person: check what was typed; nothing was changed")
    return found


def _rules() -> Rules:
    """What the models join by."""
    said = dbt.rules()
    return Rules(
        crm_until=said["crm_until"],
        most_records_per_value=said["identity_most_records_per_value"],
        most_records_per_survivor=said["identity_most_records_per_survivor"],
        most_persons_per_browser=said["identity_most_persons_per_browser"],
        most_browsers_per_login=said["identity_most_browsers_per_login"],
    )


def counted(found: identity.Identity) -> str:
    """How many identifiers lead to the person, in words; none of them is shown."""
    words = {
        "contact": "CRM contacts",
        "recipient": "contacts of email platforms",
        "hash": "hashes of addresses, logins and subscriber ids",
        "client": "browsers",
    }
    return ", ".join(f"{len(found.of(kind))} {word}" for kind, word in words.items())


def erase(now: Settings, found: identity.Identity, dagster: dg.DagsterInstance, report: Report) -> str:
    """Erase a person that was found; returns the erasure's id."""
    journal = {
        "erasure": secrets.token_hex(8),
        "started_at": dt.datetime.now(tz=dt.UTC).isoformat(timespec="seconds"),
        "rows": found.rows,
        "surrogates": lake_side.surrogates(found.nodes),
    }
    files.replace_with_text(json.dumps(journal), now.erasure_journal)
    return resume(now, dagster, report)


def resume(now: Settings, dagster: dg.DagsterInstance, report: Report) -> str:
    """Do, or finish, what the journal says."""
    if not now.erasure_journal.exists():
        raise ErasureError("no erasure was interrupted: there is nothing to resume")
    journal = json.loads(now.erasure_journal.read_text(encoding="utf-8"))
    drawn = journal["surrogates"]
    report("list of erased people")
    nodes = [(kind, value) for kind, known in drawn.items() for value in known]
    suppression.write(now, journal["erasure"], journal["started_at"], nodes)
    lake_side.rewrite(now, drawn, lambda done, of: report(f"lake: {done:,} of {of:,} files"))
    report("warehouse and releases")
    amended = release_side.erase(now, drawn)
    report("what gates, runs and logs showed")
    forget_pasts(now)
    forget_gates(now)
    forget_runs(now, dagster)
    forget_logs(now, drawn)
    _record(now, {key: journal[key] for key in ("erasure", "started_at", "rows")} | {"releases": len(amended)})
    now.erasure_journal.unlink()
    files.sync(now.home)
    return str(journal["erasure"])


def forget_pasts(now: Settings) -> None:
    """Warehouses of earlier moments go: `kpilote refresh --as-of` makes them anew."""
    folder = now.home / "as_of"
    if not os.path.lexists(folder):
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ErasureError(
            f"{folder} cannot be removed ({error.strerror or error}), and the person is in it: remove it, then"
            " `kpilote erase --resume`"
        ) from error


def forget_gates(now: Settings) -> None:
    """Results and pages of gates that show rows go: Great Expectations is imported for nothing else here."""
    if (now.docs_dir / "results").exists():
        from expectations import docs

        docs.forget_rows(now.docs_dir)


def forget_runs(now: Settings, dagster: dg.DagsterInstance) -> None:
    """Rows that gates showed in Dagster's events: emptied, whoever they are about (see `expectations.docs`)."""
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable

    from orchestration.storage import BatchingEventLog

    log: Any = dagster.event_log_storage
    shards = [log.index_connection]
    if isinstance(log, BatchingEventLog):  # a file per run; events of no run have one named by no run
        ids = ["", *(run.run_id for run in dagster.get_runs())]
        shards += [partial(log.run_connection, run_id) for run_id in ids]
    for connect in shards:
        with connect() as connection:
            for table, name in ((SqlEventLogStorageTable, "event"), (AssetCheckExecutionsTable, "evaluation_event")):
                if connection.dialect.has_table(connection, table.name):
                    _empty_samples(connection, table, table.c[name])
    # SQLite leaves what was overwritten in its free pages.
    for path in sorted(now.dagster_dir.rglob("*.db")):
        with sqlite3.connect(path, timeout=60) as connection:
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")
        connection.close()


def _empty_samples(connection: Any, table: Any, column: Any) -> None:
    from sqlalchemy import select

    shown = connection.execute(select(table.c.id, column).where(column.contains(f'"{SAMPLES}"'))).fetchall()
    for row_id, text in shown:
        event = json.loads(text)
        changed = _without_samples(event)
        if changed != event:
            connection.execute(table.update().where(table.c.id == row_id).values({column.name: json.dumps(changed)}))


def _without_samples(event: Any) -> Any:
    """An event with the text of its samples replaced; Dagster keeps metadata as (label, value) or by label."""
    if isinstance(event, list):
        return [_without_samples(each) for each in event]
    if not isinstance(event, dict):
        return event
    if event.get("label") == SAMPLES:
        return {**event, "entry_data": _marked(event["entry_data"])}
    return {key: _marked(value) if key == SAMPLES else _without_samples(value) for key, value in event.items()}


def _marked(value: Any) -> Any:
    return {**value, "md_str": REMOVED} if isinstance(value, dict) and "md_str" in value else _without_samples(value)


def forget_logs(now: Settings, drawn: lake_side.Surrogates) -> None:
    """Cross the identifiers out of every other file, in place: a daemon may hold its log open."""
    shutil.rmtree(now.dbt_target_dir, ignore_errors=True)  # made of the project alone, and made again
    values = {value for kind in ("hash", "client", "contact", "recipient") for value in drawn.get(kind, {})}
    known = sorted({each for value in values for each in (value, value.partition(":")[2]) if len(each) >= SHORTEST})
    if not known:
        return
    pattern = re.compile(
        rb"(?<![0-9A-Za-z])(?:%s)(?![0-9A-Za-z])" % b"|".join(re.escape(each.encode()) for each in known)
    )
    for path in sorted(now.home.rglob("*")):
        inside = path.relative_to(now.home)
        if inside.parts[0] in APART or path.suffix in (".db", ".duckdb", ".lock") or not path.is_file():
            continue
        if path == now.erasure_journal or path.is_symlink():
            continue
        content = path.read_bytes()
        crossed = pattern.sub(lambda found: b"#" * len(found[0]), content)
        if crossed != content:
            with path.open("r+b") as file:
                file.write(crossed)


def _record(now: Settings, line: dict[str, Any]) -> None:
    """One line per erasure, once: an erasure killed right here has it already."""
    path = now.erasures_path
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if f'"erasure": "{line["erasure"]}"' not in before:
        done = {**line, "finished_at": dt.datetime.now(tz=dt.UTC).isoformat(timespec="seconds"), "status": "done"}
        files.replace_with_text(before + json.dumps(done) + "\n", path)
