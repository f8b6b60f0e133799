"""`kpilote doctor`: is what a refresh needs there? One finding per thing, and nothing is changed.

What a source needs is its connector's business (`ingestion.sources.<name>.check`); secrets are used, never shown.
"""

from __future__ import annotations

import datetime as dt
import importlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ingestion.errors import KpiloteError, SettingsError
from ingestion.filesystems import located, make_folder
from ingestion.privacy import without_secrets

if TYPE_CHECKING:
    from ingestion.settings import Settings

NEEDED_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    subject: str
    text: str
    fine: bool = True


def findings(now: Settings) -> Iterator[Finding]:
    """Everything a refresh needs, in the order in which it would miss it."""
    yield _finding("settings", lambda: _basics(now))
    yield _finding("sources", lambda: _sources(now))
    yield _finding("home", lambda: _home(now))
    yield _finding("lake", lambda: _lake(now.lake_url))
    yield _finding("hash key", lambda: now.require_hash_key() and "KPILOTE_HASH_KEY is set")
    for name in now.sources:
        yield _finding(name, partial(_history, now, name) if name in now.frozen_sources else partial(_source, name))
    yield _finding("release", lambda: _release(now))


def _finding(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, check())
    except (KpiloteError, OSError) as error:
        text = str(error).removeprefix(f"{subject}: ")
        return Finding(subject, text, fine=False)
    except Exception as error:  # of a library: its words may repeat a secret
        return Finding(subject, f"failed unexpectedly ({type(error).__name__})", fine=False)


def _basics(now: Settings) -> str:
    from orchestration.partitions import today

    if now.start_date > today(now):
        raise SettingsError(f"KPILOTE_START_DATE {now.start_date} lies in the future: nothing would be pulled")
    return f"{now.timezone}, {now.currency}, from {now.start_date}"


def _sources(now: Settings) -> str:
    from ingestion.registry import SOURCES

    if not any(SOURCES[name].is_api for name in now.sources):
        raise KpiloteError("KPILOTE_SOURCES names no CRM, analytics or email platform: files alone tell of no days")
    return ", ".join(now.sources)


def _home(now: Settings) -> str:
    now.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=now.home):
        free = shutil.disk_usage(now.home).free
    if free < NEEDED_BYTES:
        raise OSError(f"{now.home}: {free / 1024**3:.1f} GB free, a refresh may need 2: make room or set KPILOTE_HOME")
    return f"{now.home}, {free / 1024**3:.0f} GB free"


def _lake(url: str) -> str:
    """Write and remove a file: permissions are only known by using them."""
    shown = without_secrets(url)
    try:
        filesystem, root = located(url)
        make_folder(filesystem, root)
        filesystem.pipe_file(f"{root}/.doctor", b"")
        filesystem.rm_file(f"{root}/.doctor")
    except Exception as error:  # every storage has its own
        raise KpiloteError(f"{shown} cannot be written ({type(error).__name__}): mend KPILOTE_LAKE_URL") from None
    return f"{shown} can be written"


def _source(name: str) -> str:
    from ingestion.registry import source

    connector = importlib.import_module(f"ingestion.sources.{source(name).name}")
    return str(connector.check())


def _history(now: Settings, name: str) -> str:
    """Of a frozen source the lake is all there is."""
    from ingestion.lake import held_sources
    from ingestion.registry import bookkeeping
    from ingestion.standing import newest_rows

    ends: list[dt.date] = []
    if name in held_sources(now):
        ends = newest_rows(now, bookkeeping(name).windows).column("window_end").to_pylist()  # type: ignore[assignment]
    if not ends:
        raise KpiloteError("KPILOTE_FROZEN_SOURCES names it, and the lake holds nothing of it: take it out of there")
    return f"history through {max(ends) - dt.timedelta(days=1)}, not pulled (KPILOTE_FROZEN_SOURCES)"


def _release(now: Settings) -> str:
    from serving.release import current

    served = current(now)
    return f"{served.id}, data through {served.data_through}" if served else "none yet: run `kpilote refresh`"
