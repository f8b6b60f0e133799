"""The folders the company's systems leave files in: GA4's daily export and the spreadsheets people keep.

Flow: `Snapshot → $home/sandbox/{ga4_export/events_YYYYMMDD.parquet, spreadsheets/*.csv|xlsx}`. A file is written, whole
and in one step, only when what it should say has changed: `files.json` beside the folders remembers what each says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox import export
from sandbox.apis.ga4_sessions import observed
from sandbox.world import Snapshot
from sandbox.world.clock import TIME_ZONE

BATCH_DAYS = 90  # built at once: memory does not grow with the years
LAYOUT = 2  # raise it when files should be written anew although the data did not change
# Format of each spreadsheet and its headers, which are the snapshot's columns.
SPREADSHEETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ad_spend": (
        "csv", ("date", "platform", "channel", "campaign", "spend", "currency", "impressions", "clicks"),
    ),
    "marketing_costs": ("csv", ("month", "category", "channel", "amount", "currency")),
    "targets": ("xlsx", ("kpi", "cadence", "period_start", "dimension", "dimension_value", "target")),
    "fx_rates": ("csv", ("date", "currency", "rate")),
    "subscriptions": (
        "csv", ("subscription_id", "customer_id", "plan", "mrr", "currency", "started_on", "ended_on"),
    ),
    "benchmarks": ("xlsx", ("kpi", "sector", "year", "value", "source", "definition")),
    "touches": ("csv", ("touched_at", "email", "touch_type", "channel", "campaign")),
}  # fmt: skip
# What the billing system calls otherwise.
RENAMED = {"company_id": "customer_id"}


def export_folder(home: Path) -> Path:
    return home.absolute() / "sandbox" / "ga4_export"


def spreadsheet_folder(home: Path) -> Path:
    return home.absolute() / "sandbox" / "spreadsheets"


def write(snapshot: Snapshot, home: Path, company_id: Callable[[str], str] = str) -> list[Path]:
    """Brings both folders to the snapshot; returns the files that were written.

    company_id: how the CRM in use calls a company, which the billing system has its customers from.
    """
    register = home.absolute() / "sandbox" / "files.json"
    said: dict[str, str] = json.loads(register.read_text(encoding="utf-8")) if register.exists() else {}
    written = [
        *_write_export(snapshot, export_folder(home), said),
        *_write_sheets(snapshot, spreadsheet_folder(home), said, company_id),
    ]
    if written:
        _replace(register, lambda path: path.write_text(json.dumps(said, indent=0, sort_keys=True), encoding="utf-8"))
    return written


def _replace(path: Path, fill: Callable[[Path], Any]) -> None:
    """Writes a file in one step: readers see the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    fill(unfinished)
    unfinished.replace(path)


def _write_export(snapshot: Snapshot, folder: Path, said: dict[str, str]) -> list[Path]:
    sessions = observed(snapshot)
    days, wanted = _days(sessions)
    stale = [file for file in folder.glob("events_*.parquet") if file.name not in wanted]
    for file in stale:
        file.unlink()
        said.pop(f"ga4_export/{file.name}", None)
    changed = {
        name: day
        for day, (name, digest) in zip(days, wanted.items(), strict=True)
        if said.get(f"ga4_export/{name}") != digest or not (folder / name).exists()
    }
    if not changed:
        return []
    contacts = snapshot.contacts
    addresses = dict(zip(contacts["contact_id"], contacts["email"], strict=True))
    written = []
    for batch in range(0, len(changed), BATCH_DAYS):
        files = dict([*changed.items()][batch : batch + BATCH_DAYS])
        table = export.events(sessions[sessions["day"].isin([*files.values()])].reset_index(drop=True), addresses)
        dates = table.column("event_date").to_numpy(zero_copy_only=False).astype(str)
        for name in files:
            first, last = np.searchsorted(dates, [name[7:15], name[7:15] + "~"])
            _write_day(table.slice(first, last - first), folder / name)
            said[f"ga4_export/{name}"] = wanted[name]
            written.append(folder / name)
    return written


def _write_day(events: pa.Table, path: Path) -> None:
    _replace(path, lambda unfinished: pq.write_table(events, unfinished, compression="snappy", write_statistics=False))


def _days(sessions: pd.DataFrame) -> tuple[list[np.datetime64], dict[str, str]]:
    """The days with sessions, and per file name a digest of the rows it is made of."""
    day = sessions["day"].to_numpy("datetime64[D]")
    texts = [
        "client_id", "user_id", "source", "medium", "campaign", "content", "country", "device", "landing_page",
        "key_event",
    ]  # fmt: skip
    numbers = ["session_id", "at", "page_views", "engagement_ms", "session_number", "first_at"]
    hashes = pd.util.hash_pandas_object(sessions[texts + numbers], index=False).to_numpy()
    unique, first = np.unique(day, return_index=True)
    sums = np.add.reduceat(hashes, first) if len(first) else hashes
    counts = np.diff([*first, len(day)])
    names = [f"events_{str(each).replace('-', '')}.parquet" for each in unique]
    digests = [f"{LAYOUT}-{count}-{total:016x}" for count, total in zip(counts.tolist(), sums.tolist(), strict=True)]
    return list(unique), dict(zip(names, digests, strict=True))


def _write_sheets(
    snapshot: Snapshot, folder: Path, said: dict[str, str], company_id: Callable[[str], str]
) -> list[Path]:
    written = []
    for name, (suffix, headers) in SPREADSHEETS.items():
        frame = getattr(snapshot, name)
        if "company_id" in frame:
            frame = frame.assign(company_id=frame["company_id"].map(company_id, na_action="ignore"))
        sheet = _sheet(frame.rename(columns=RENAMED)[list(headers)].copy())
        text = sheet.to_csv(index=False, lineterminator="\n")
        digest = f"{LAYOUT}-{hashlib.sha256(text.encode()).hexdigest()}"
        path = folder / f"{name}.{suffix}"
        if said.get(f"spreadsheets/{path.name}") == digest and path.exists():
            continue
        _replace(path, partial(_workbook, sheet) if suffix == "xlsx" else partial(_text, text))
        said[f"spreadsheets/{path.name}"] = digest
        written.append(path)
    return written


def _text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _sheet(frame: pd.DataFrame) -> pd.DataFrame:
    """As people keep it: days as YYYY-MM-DD, times as their clocks show them, empty cells empty."""
    for name in frame.columns:
        if pd.api.types.is_datetime64_any_dtype(frame[name]):
            local = frame[name] if frame[name].dt.tz is None else frame[name].dt.tz_convert(TIME_ZONE)
            is_day = local == local.dt.normalize()
            frame[name] = local.dt.strftime("%Y-%m-%d").where(is_day, local.dt.strftime("%Y-%m-%d %H:%M"))
    return frame


def _workbook(sheet: pd.DataFrame, path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    page = book.create_sheet("Sheet1")
    page.append(list(sheet.columns))
    for row in sheet.astype(object).where(sheet.notna(), None).itertuples(index=False):
        page.append(list(row))
    with path.open("wb") as file:
        book.save(file)
