"""dbt inside this process: the manifest the definitions are made from, and runs of it.

dagster-dbt runs dbt as a program, which costs some six CPU seconds of imports per step. A refresh has four dbt steps,
so dbt is called here through its own Python entry point, once imported; its events become Dagster events by
dagster-dbt as ever. Belongs here: calling dbt. Which models form a step stands in `assets/dbt.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import KpiloteError
from orchestration.environment import variables

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

    from ingestion.settings import Settings

PROJECT_DIR = Path(__file__).resolve().parents[1] / "dbt_project"
# Called with (models finished, models in the step, name of the one that finished).
Progress = Callable[[int, int, str], None]
Event = dict[str, Any]

_parsed: dict[str, Manifest] = {}  # the project as this process last parsed it, by its stamp
_IGNORED_FOLDERS = {"target", "logs", "dbt_packages"}
_RESULTS = {"LogModelResult", "LogSeedResult", "LogSnapshotResult", "LogTestResult"}


class DbtError(KpiloteError):
    """A dbt command failed; the message lists what failed, first line first."""


@dataclass
class Build:
    """What a `dbt build` did: result events in dbt's structured form, and error lines."""

    events: list[Event] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def manifest(settings: Settings) -> Mapping[str, Any]:
    """The manifest of the dbt project as it stands, parsed anew only when a file of the project changed."""
    folder = settings.dbt_target_dir / "definitions"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = _stamp(settings)
    with _locked(folder / ".lock"):
        if not (folder / f"{stamp}.json").exists():
            from dbt.parser.manifest import write_semantic_manifest

            project = _parse(settings)
            write_semantic_manifest(project, str(settings.dbt_target_dir))  # MetricFlow's
            for old in folder.glob("*.json"):
                old.unlink()
            copy = folder / "manifest.part"
            project.writable_manifest().write(str(copy))
            copy.replace(folder / f"{stamp}.json")
        return _load(folder / f"{stamp}.json")


def build(settings: Settings, selection: Sequence[str], progress: Progress | None = None) -> Build:
    """`dbt build` of a selection, with its tests and without unit tests (they judge code, not data).

    A test that spans two steps runs in the later one (`buildable`), where both its models exist.
    """
    done = Build()
    total = 0

    def listen(message: Any) -> None:
        nonlocal total
        name = message.info.name
        if name == "LogStartLine":
            total = max(total, int(message.data.total))
        elif name in _RESULTS:
            done.events.append(_as_dict(message))
            if progress:
                progress(len(done.events), total, message.data.node_info.node_name)

    # Writing the manifest again takes a second, and nobody reads it: definitions have their own copy.
    arguments = ["build", "--no-write-json", "--exclude-resource-type", "unit_test"]
    arguments += ["--indirect-selection", "buildable", *selection]
    done.errors = invoke(settings, arguments, listen)
    return done


def write_docs(settings: Settings) -> Path:
    """dbt's documentation site as one page that needs no server; returns its path."""
    if errors := invoke(settings, ["docs", "generate", "--static", "--log-level", "error"]):
        raise DbtError("\n".join(errors))
    return settings.dbt_target_dir / "static_index.html"


def invoke(settings: Settings, arguments: Sequence[str], listen: Callable[[Any], None] | None = None) -> list[str]:
    """Run a dbt command (its name first) on the warehouse of these settings; returns what made it fail, line by line.

    `listen` is given every event but errors of dbt itself: results of models and tests, failed ones too.
    """
    try:
        # Variables of a command may change what is parsed: it parses for itself.
        project = None if "--vars" in arguments else _parse(settings)
    except DbtError as error:
        return [str(error)]
    return _call(settings, arguments, project, listen)[1]


def _parse(settings: Settings) -> Manifest:
    """The project as it stands; raises DbtError with what is wrong in it. Reading a parse back takes dbt a second, so
    the process keeps it for its next commands.
    """
    stamp = _stamp(settings)
    if stamp not in _parsed:
        project, errors = _call(settings, ["parse", "--no-write-json", "--log-level", "none"])
        if errors:
            raise DbtError("\n".join(errors))
        _parsed.clear()
        _parsed[stamp] = project
    return _parsed[stamp]


def _call(
    settings: Settings,
    arguments: Sequence[str],
    project: Manifest | None = None,
    listen: Callable[[Any], None] | None = None,
) -> tuple[Any, list[str]]:
    """What dbt's command returned, and its errors."""
    from dbt.cli.main import dbtRunner

    errors: list[str] = []

    def hear(message: Any) -> None:
        if message.info.level == "error" and message.info.name not in _RESULTS:
            errors.append(message.info.msg)
        elif listen:
            listen(message)

    paths = [
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target", settings.target, "--target-path", str(settings.dbt_target_dir)),
        # dbt would write every statement and its timing: four tenths of the time of a small build.
        *("--log-path", str(settings.home / "logs" / "dbt"), "--log-level-file", "info", "--no-use-colors"),
    ]
    if project is None:
        _forget_other_parses(settings)
    with variables({**settings.environment(), "DO_NOT_TRACK": "1"}):
        try:
            outcome = dbtRunner(project, [hear]).invoke([*arguments, *paths])
        finally:
            _close_warehouse()
    if outcome.success:
        return outcome.result, []
    return None, errors or [f"dbt {arguments[0]}: {outcome.exception or 'at least one model or test failed'}"]


def _forget_other_parses(settings: Settings) -> None:
    """Drop dbt's partial parse when a file of the project changed since it was made.

    dbt 1.12 keeps the metrics of a YAML file that was edited and then finds each of them twice (seen 2026-11-23).
    """
    saved, stamp_file = settings.dbt_target_dir / "partial_parse.msgpack", settings.dbt_target_dir / "parsed.stamp"
    stamp = _stamp(settings)
    if not stamp_file.exists() or stamp_file.read_text() != stamp:
        saved.unlink(missing_ok=True)
        settings.dbt_target_dir.mkdir(parents=True, exist_ok=True)
        stamp_file.write_text(stamp)


def _close_warehouse() -> None:
    """Close the DuckDB file, which dbt-duckdb keeps open for its process: the gates and the release read it next."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if DuckDBConnectionManager._ENV is not None:
        DuckDBConnectionManager._ENV.close()  # type: ignore[no-untyped-call]
        DuckDBConnectionManager._ENV = None


def _as_dict(message: Any) -> Event:
    """The event as `dbt --log-format json` would print it, which is what dagster-dbt reads."""
    from google.protobuf.json_format import MessageToDict

    return dict(MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True))


def _stamp(settings: Settings) -> str:
    """A short hash of every file of the project and of the settings that its rendering reads."""
    digest = hashlib.sha256(json.dumps({**settings.environment(), "KPILOTE_HASH_KEY": ""}, sort_keys=True).encode())
    for path in sorted(PROJECT_DIR.rglob("*")):
        inside = path.relative_to(PROJECT_DIR)
        if path.is_file() and inside.parts[0] not in _IGNORED_FOLDERS:
            with suppress(FileNotFoundError):  # an editor's temporary file
                facts = path.stat()
                digest.update(f"{inside} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=4)
def _load(path: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(path.read_bytes())
    return content


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the kernel drops the lock with the process."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
