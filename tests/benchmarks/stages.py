"""One stage in one fresh process, measured by the operating system's own accounting of that process."""

from __future__ import annotations

import datetime as dt
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from typing import Any

KIB_PER_MB = 1_000_000 / 1024
REFRESH = ("dbt.cli.main", "dlt", "great_expectations")


@dataclass(frozen=True)
class Measured:
    """Wall and CPU seconds of the stage itself (imports left out), peak memory of its process, rows it handled."""

    name: str
    wall_seconds: float
    cpu_seconds: float
    peak_mb: float
    rows: int

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.wall_seconds


def measure(
    name: str, env: dict[str, str], stage: Callable[..., int], *arguments: Any, imports: tuple[str, ...] = REFRESH
) -> Measured:
    """Runs `stage(*arguments) -> rows` in a process of its own with `env` added to the environment.

    imports: modules loaded before the clock starts. A refresh pays them once, not per stage.
    Raises RuntimeError with the stage's own message when it fails.
    """
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_run, args=(there, name, env, imports, stage, arguments))
    process.start()
    result = here.recv()
    process.join()
    if isinstance(result, str):
        raise RuntimeError(f"{name}: {result}")  # noqa: TRY004 - the text is the child's error
    return result


def _run(
    pipe: Any,
    name: str,
    env: dict[str, str],
    imports: tuple[str, ...],
    stage: Callable[..., int],
    arguments: tuple[Any, ...],
) -> None:
    os.environ.update(env)
    try:
        for module in imports:
            import_module(module)
        wall, cpu = time.perf_counter(), time.process_time()
        rows = stage(*arguments)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        pipe.send(
            Measured(name, time.perf_counter() - wall, time.process_time() - cpu, usage.ru_maxrss / KIB_PER_MB, rows)
        )
    except Exception as error:  # told to the parent, which raises it
        pipe.send(f"{type(error).__name__}: {error}")


def world(start: dt.date, scale: float, until: dt.date) -> int:
    """Build the imaginary company from nothing."""
    from sandbox.world import World

    snapshot = World(seed=7, start=start, scale=scale).snapshot(until)
    return sum(len(frame) for frame in vars(snapshot).values() if hasattr(frame, "columns"))


def pull(source: str, first: dt.date, end: dt.date) -> int:
    """Pull one source over [first, end) into the lake; rows are those accepted."""
    from ingestion import lake
    from ingestion.settings import settings

    lake.prepare(settings())
    pulled = lake.pull(source, first, end, settings=settings(), progress=None)
    return sum(pulled.rows.values())


def compact() -> int:
    """The weekly compaction of the lake; rows are those written again."""
    from ingestion import compaction
    from ingestion.settings import settings

    return sum(each.rows for each in compaction.compact_all(settings()))


def build(*selection: str) -> int:
    """dbt build (with data tests) of everything, or of a selection; rows are those of the marts."""
    from ingestion.settings import settings
    from orchestration import dbt

    done = dbt.build(settings(), selection)
    if done.errors:
        raise RuntimeError("\n".join(done.errors))
    return mart_rows()


def gate(name: str) -> int:
    """One gate over everything it guards; rows are the expectations judged."""
    from expectations import gate as gates
    from ingestion.settings import settings

    result = gates.run(name, settings=settings())
    if not result.passed:
        raise RuntimeError(result.message())
    return sum(len(table.expectations) for table in result.tables)


def publish(days_ago: int = 0) -> int:
    """A release of the warehouse's marts; rows are those published. A gate that failed ended the benchmark before.

    days_ago: when it is published, because the ledger has a file per day of publication.
    """
    from expectations.model import GATES
    from ingestion.settings import settings
    from serving import making, release

    class Then(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return dt.datetime.now(tz) - dt.timedelta(days=days_ago)

    making.datetime = Then  # type: ignore[attr-defined]
    release.publish(settings(), [{"gate": name, "passed": True} for name in GATES])
    return mart_rows()


def mart_rows() -> int:
    """Rows of all tables of the schema `marts`."""
    import duckdb

    from ingestion.settings import settings

    with duckdb.connect(str(settings().warehouse_path), read_only=True) as warehouse:
        names = warehouse.sql("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        return sum(warehouse.table(f"marts.{name}").count("*").fetchall()[0][0] for (name,) in names)
