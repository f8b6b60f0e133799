"""dlt's pipeline of a source, ready for the next load whatever became of the last one.

Flow: working directory and lake as a run left them → nothing pending, cursors of the newest committed load. Belongs
here: where dlt keeps what and what a killed process may have left of it. Does not: how a load is made (`pipeline.py`).
"""

import datetime as dt
import json
import os
import shutil
import time
from contextlib import suppress

import dlt
from dlt.destinations.impl.filesystem.filesystem import CURRENT_VERSION, INIT_FILE_NAME

from ingestion.errors import SourceError
from ingestion.filesystems import located, make_folder
from ingestion.lake import source_url
from ingestion.settings import Settings

LAYOUT = "{table_name}/{load_id}.{file_id}.{ext}"
# dlt resolves its own configuration from these when a pipeline is made. Readers depend on the load id of every row.
CONFIGURATION = {
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
}


def _pipeline(source_name: str, settings: Settings) -> dlt.Pipeline:
    os.environ.update(CONFIGURATION)
    lake = settings.lake_url if "://" in settings.lake_url else f"file://{settings.lake_url}"
    return dlt.pipeline(
        pipeline_name=f"kpilote_{source_name}",
        pipelines_dir=str(settings.dlt_dir),
        destination=dlt.destinations.filesystem(bucket_url=lake, layout=LAYOUT),
        dataset_name=source_name,
    )


def ready_pipeline(source_name: str, settings: Settings) -> dlt.Pipeline:
    """The source's pipeline with nothing pending and the cursors of the newest committed load in the lake.

    What an interrupted run had extracted whole is loaded, or dropped if it cannot be. The working directory is then
    made anew from the lake: it may be lost or damaged at any time, and a lake restored from a backup is read on from
    where it stands.
    """
    _initialise(source_name, settings)
    with suppress(Exception):
        interrupted = _pipeline(source_name, settings)
        if interrupted.has_pending_data:
            interrupted.normalize()
            interrupted.load()
    shutil.rmtree(settings.dlt_dir / f"kpilote_{source_name}", ignore_errors=True)
    committed = _forget_uncommitted_cursors(source_name, settings)
    _refuse_a_clock_behind(source_name, committed)
    pipeline = _pipeline(source_name, settings)
    pipeline.sync_destination()
    return pipeline


def _forget_uncommitted_cursors(source_name: str, settings: Settings) -> set[str]:
    """Remove the cursors of loads that never counted; returns the loads that do.

    dlt writes them just before the load's record and reads the newest, committed or not: after a kill between the two
    they would lead past rows that nobody kept.
    """
    filesystem, root = located(source_url(settings, source_name))
    filesystem.invalidate_cache()
    committed = {_load_of(path) for path in filesystem.glob(f"{root}/_dlt_loads/*.jsonl")}
    for path in filesystem.glob(f"{root}/_dlt_pipeline_state/*.jsonl"):
        if _load_of(path) not in committed:
            filesystem.rm_file(path)
    return committed - {""}


def _refuse_a_clock_behind(source_name: str, committed: set[str]) -> None:
    """A load's id is the time it was made at, and the newer load is right: one made now must be the newest."""
    newest = max(map(float, committed), default=0.0)
    if newest > time.time():
        told = dt.datetime.fromtimestamp(newest, tz=dt.UTC)
        raise SourceError(
            source_name,
            f"this machine's clock is behind the newest load of the lake ({told:%Y-%m-%d %H:%M:%S} UTC), which would be"
            " taken for newer than anything pulled now: set the clock",
        )


def _load_of(path: str) -> str:
    """The load id in the name of one of dlt's own files: `{name}__{load id}[__{hash}].jsonl`."""
    _, load_id, *_ = (*path.rpartition("/")[2].removesuffix(".jsonl").split("__"), "")
    return load_id


def _initialise(source_name: str, settings: Settings) -> None:
    """Mark the source's folder as dlt's: it refuses a folder that exists unmarked, and the contract files came
    first.
    """
    filesystem, root = located(source_url(settings, source_name))
    marker = f"{root}/{INIT_FILE_NAME}"
    if not filesystem.exists(marker):
        make_folder(filesystem, root)
        versions = {"initial_version": CURRENT_VERSION, "current_version": CURRENT_VERSION}
        filesystem.pipe_file(marker, json.dumps(versions).encode())
