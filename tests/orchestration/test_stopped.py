"""A run that is stopped, by Ctrl-C or in the UI, ends as one that was stopped, and leaves a warehouse that opens."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._utils.interrupts import raise_interrupts_as

from ingestion import settings as settings_module
from orchestration import dbt

# Some minutes of one statement, had it to end.
LONG = "select count(*) from range(1000000) as a(i), range(10000000) as b(j) where (i * j) % 7 = 3"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_statement_that_runs_is_cancelled_and_the_warehouse_closed(home: Path, sent: signal.Signals) -> None:
    now = settings_module.settings()
    began = threading.Event()

    def listen(message: Any) -> None:
        if message.info.name == "SQLQuery" and LONG in message.data.sql:
            began.set()

    def stop() -> None:
        began.wait()
        time.sleep(1)  # until DuckDB is at it
        os.kill(os.getpid(), sent)

    threading.Thread(target=stop, daemon=True).start()
    with raise_interrupts_as(DagsterExecutionInterruptedError), pytest.raises(KeyboardInterrupt):
        # With variables dbt parses for itself: it puts the statement into the parse, which others would find there.
        dbt.invoke(now, ["show", "--inline", LONG, "--vars", "{}", "--log-level", "none"], listen)
    assert began.is_set()
    with duckdb.connect(str(now.warehouse_path), read_only=True) as warehouse:
        assert warehouse.execute("select 1").fetchall() == [(1,)]
