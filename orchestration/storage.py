"""Where Dagster keeps runs, events and logs: under KPILOTE_HOME, or in PostgreSQL when an address is set.

`dagster.yaml` cannot choose between two storages nor join paths, so it names the three classes below and they read
the settings. Nothing else belongs here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dagster import DagsterEventType
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import ASSET_EVENTS
from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData, serialize_value
from dagster._utils import ensure_file
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.event import listen

from ingestion.settings import settings

if TYPE_CHECKING:
    from dagster._core.events.log import EventLogEntry

POSTGRES_VARIABLE = "KPILOTE_DAGSTER_POSTGRES_URL"
# A run over two years of days writes thousands of materialisations; Dagster hands them over in batches of this size.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
BUSY_TIMEOUT_SECONDS = 30

_BATCHED = {
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
}


class Storage(DagsterStorage, ConfigurableClass):
    """Chooser: PostgreSQL when KPILOTE_DAGSTER_POSTGRES_URL is set, else SQLite files under KPILOTE_HOME/dagster."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> DagsterStorage:  # type: ignore[override]
        address = os.environ.get(POSTGRES_VARIABLE)
        if address:
            from dagster_postgres import DagsterPostgresStorage

            return DagsterPostgresStorage(address, inst_data=inst_data)
        return SqliteStorage.from_local(str(settings().dagster_dir), inst_data)


class SqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage with the event log below."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = BatchingEventLog(str(Path(base_dir) / "history" / "runs"))


class BatchingEventLog(SqliteEventLogStorage):
    """Dagster's event log with its connections kept open and batches written in two transactions.

    Dagster's own class opens two to four connections per event, about 15 ms: a minute for two years of one source.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        batch = [event for event in events if event.dagster_event_type in _BATCHED]
        if batch:
            rows = [self._event_to_row(event) for event in batch]
            with self.run_connection(batch[0].run_id) as connection:
                connection.execute(SqlEventLogStorageTable.insert(), rows)
            with self.index_transaction() as connection:
                insert = SqlEventLogStorageTable.insert().returning(
                    SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
                )
                ids = [int(row[0]) for row in connection.execute(insert, rows)]
                self._index(connection, list(zip(batch, ids, strict=True)))
        for event in events:
            if event.dagster_event_type not in _BATCHED:
                self.store_event(event)

    def _index(self, connection: Connection, batch: Sequence[tuple[EventLogEntry, int]]) -> None:
        """What Dagster keeps beside the events themselves: tags and the newest event per asset, planned checks."""
        assets = [each for each in batch if each[0].dagster_event_type in ASSET_EVENTS]
        if assets:
            self._store_asset_event_tags(connection, [event for event, _ in assets], [id_ for _, id_ in assets])
            newest = {event.get_dagster_event().asset_key: (event, event_id) for event, event_id in assets}
            for event, event_id in newest.values():
                self._store_asset_event(connection, event, event_id)
        planned = [
            row
            for event, event_id in batch
            if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
            for row in self._planned_check_rows(event, event_id)
        ]
        if planned:
            connection.execute(AssetCheckExecutionsTable.insert(), planned)

    def _planned_check_rows(self, event: EventLogEntry, event_id: int) -> list[dict[str, Any]]:
        planned = cast(AssetCheckEvaluationPlanned, event.get_dagster_event().event_specific_data)
        keys = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
        return [
            {
                "asset_key": planned.asset_key.to_string(),
                "check_name": planned.check_name,
                "partition": key,
                "run_id": event.run_id,
                "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
                "evaluation_event": serialize_value(event),
                "evaluation_event_timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
                "evaluation_event_storage_id": event_id,
            }
            for key in keys
        ]

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        """The open engine of the index or of the run last written; a run's file may be deleted, so no other is kept."""
        address = self.conn_string_for_shard(shard)
        if shard not in self._engines:
            for old in [name for name in self._engines if name != INDEX_SHARD_NAME and shard != INDEX_SHARD_NAME]:
                self._engines.pop(old).dispose()
            engine = create_engine(address, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
            listen(engine, "connect", _without_waiting_for_the_disk)
            self._engines[shard] = engine
        return self._engines[shard]

    def wipe(self) -> None:
        self.dispose_engines()
        super().wipe()

    def dispose(self) -> None:
        self.dispose_engines()
        super().dispose()

    def dispose_engines(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    """With a write-ahead log a power cut may lose the last events, never the file; a sync per event doubles a run."""
    connection.execute("pragma synchronous = normal")


class ComputeLogs(LocalComputeLogManager):
    """What steps print goes to files under KPILOTE_HOME/dagster/logs and so to the UI, not to the terminal too."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> ComputeLogs:
        return cls(str(settings().dagster_dir / "logs"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        out, err = (self.get_captured_local_path(log_key, extension) for extension in ("out", "err"))
        ensure_file(out)
        ensure_file(err)
        with redirect_to_file(sys.stdout, out), redirect_to_file(sys.stderr, err):
            yield CapturedLogContext(log_key)
        Path(self.get_captured_local_path(log_key, "complete")).touch()


class Artifacts(LocalArtifactStorage):
    """Dagster's other files, under KPILOTE_HOME/dagster."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Artifacts:
        return cls(str(settings().dagster_dir), inst_data)
