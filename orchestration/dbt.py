"""dbt inside this process: the manifest the definitions are made from, and runs of it.

dagster-dbt runs dbt as a program, which costs some six CPU seconds of imports per step. A refresh has four dbt steps,
so dbt is called here through its own Python entry point, once imported; its events become Dagster events by
dagster-dbt as ever. Belongs here: calling dbt. Which models form a step stands in `assets/dbt.py`.
"""

from __future__ import annotations

import hashlib
import json
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ingestion.errors import KpiloteError
from orchestration.environment import variables
from serving import files

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

    from ingestion.settings import Settings

PROJECT_DIR = Path(__file__).resolve().parents[1] / "dbt_project"
# Called with (models finished, models in the step, name of the one that finished).
Progress = Callable[[int, int, str], None]
Event = dict[str, Any]

PARTIAL_PARSE_FILE_NAME = "partial_parse.msgpack"  # as dbt calls what it writes after a parse
PARSE_SECONDS = 300  # as long as a process waits for another that parses
_parsed: dict[str, Manifest] = {}  # the project as this process last parsed it, by the name of its file
_PACKAGES = ("dbt-core", "dbt-common", "dbt-adapters", "dbt-duckdb")
# The others are read when SQL is rendered, not when it is parsed: a parse holds for every home, lake and moment.
_PARSED_VARIABLES = ("KPILOTE_SOURCES", "KPILOTE_TIMEZONE", "KPILOTE_CURRENCY", "KPILOTE_TARGET")
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
    """The manifest of the dbt project as it stands, as dbt writes it."""
    path = _kept(settings, "json")
    with suppress(FileNotFoundError, ValueError):
        return _load(path)
    project = parsed(settings)
    with _locked(path):
        _write(project, settings, path)
    return _load(path)


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


def rules() -> Mapping[str, Any]:
    """The business rules, as the project's vars say them."""
    said: Mapping[str, Any] = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    return said


def invoke(settings: Settings, arguments: Sequence[str], listen: Callable[[Any], None] | None = None) -> list[str]:
    """Run a dbt command (its name first) on the warehouse of these settings; returns what made it fail, line by line.

    `listen` is given every event but errors of dbt itself: results of models and tests, failed ones too.
    """
    try:
        # Variables of a command may change what is parsed: it parses for itself.
        project = None if "--vars" in arguments else parsed(settings)
    except DbtError as error:
        return [str(error)]
    return _call(settings, arguments, project, listen)[1]


def parsed(settings: Settings) -> Manifest:
    """The project as it stands, parsed anew only when a file of it changed; raises DbtError with what is wrong in it.

    dbt's own partial parse begins anew for every place of a warehouse, and keeps the metrics of a YAML file that was
    edited, which dbt 1.12 then finds twice (seen 2026-11-23). So whole parses are kept, in a file and for the process.
    """
    path = _kept(settings, "msgpack")
    project = _parsed.get(path.stem)
    if project is None:
        with _locked(path):
            project = _read(path) or _parse(settings, path)
        _parsed.clear()
        _parsed[path.stem] = project
    return project


def _parse(settings: Settings, path: Path) -> Manifest:
    apart = settings.dbt_target_dir / "parse"
    command = ["parse", "--no-write-json", "--log-level", "none"]
    project, errors = _call(settings, command, target_path=apart)
    if errors:
        raise DbtError("\n".join(errors))
    for earlier in path.parent.glob("[0-9a-f]*"):
        earlier.unlink()
    _write(project, settings, path.with_suffix(".json"))
    files.sync(apart / PARTIAL_PARSE_FILE_NAME)
    (apart / PARTIAL_PARSE_FILE_NAME).replace(path)
    return project  # type: ignore[no-any-return]


def _write(project: Manifest, settings: Settings, path: Path) -> None:
    """The manifest as JSON, and MetricFlow's beside dbt's other files."""
    from dbt.flags import set_from_args
    from dbt.parser.manifest import write_semantic_manifest

    set_from_args(Namespace(), {})  # a process that read the parse of another has run no command that sets them
    write_semantic_manifest(project, str(settings.dbt_target_dir))
    part = path.with_suffix(".part")
    project.writable_manifest().write(str(part))
    files.sync(part)
    part.replace(path)


def _read(path: Path) -> Manifest | None:
    """What dbt does with a partial parse when no file changed since; None where there is none that is whole."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    try:
        project = Manifest.from_msgpack(path.read_bytes(), decoder=extended_mashumuro_decoder)
    except Exception:  # whatever is wrong with the file, dbt parses again
        return None
    project.build_parent_and_child_maps()
    return project


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time makes what is kept beside `path`."""
    try:
        with files.locked(path.with_name(".lock"), wait_seconds=PARSE_SECONDS):
            yield
    except files.LockTimeoutError as error:
        raise DbtError(f"dbt: {error}: does another process still parse the project?") from None


def _call(
    settings: Settings,
    arguments: Sequence[str],
    project: Manifest | None = None,
    listen: Callable[[Any], None] | None = None,
    target_path: Path | None = None,
) -> tuple[Any, list[str]]:
    """What dbt's command returned, and its errors; raises KeyboardInterrupt where it was stopped, by whatever signal.

    At that, and at none of Dagster's own, dbt cancels its statements and waits for them, so that the warehouse closes.
    """
    from dagster._utils.interrupts import raise_interrupts_as
    from dbt.cli.main import dbtRunner

    errors: list[str] = []

    def hear(message: Any) -> None:
        if message.info.level == "error" and message.info.name not in _RESULTS:
            errors.append(message.info.msg)
        elif listen:
            listen(message)

    paths = [
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target", settings.target, "--target-path", str(target_path or settings.dbt_target_dir)),
        # dbt would write every statement and its timing: four tenths of the time of a small build.
        *("--log-path", str(settings.home / "logs" / "dbt"), "--log-level-file", "info", "--no-use-colors"),
    ]
    if project is None:
        paths.append("--no-partial-parse")
    with variables({**settings.environment(), "DO_NOT_TRACK": "1"}), raise_interrupts_as(KeyboardInterrupt):
        try:
            outcome = dbtRunner(project, [hear]).invoke([*arguments, *paths])
        finally:
            _close_warehouse()
    if isinstance(outcome.exception, KeyboardInterrupt):
        raise outcome.exception
    if outcome.success:
        return outcome.result, []
    return None, errors or [f"dbt {arguments[0]}: {outcome.exception or 'at least one model or test failed'}"]


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


def _kept(settings: Settings, kind: str) -> Path:
    """Where a parse of the project as it stands is kept: by versions of dbt, its files, and what parsing may read."""
    environment = settings.environment()
    rests_on = [*map(version, _PACKAGES), str(PROJECT_DIR), *(environment[name] for name in _PARSED_VARIABLES)]
    digest = hashlib.sha256(json.dumps(rests_on).encode())
    for path in sorted(PROJECT_DIR.rglob("*")):
        inside = path.relative_to(PROJECT_DIR)
        if path.is_file() and inside.parts[0] not in _IGNORED_FOLDERS:
            with suppress(FileNotFoundError):  # an editor's temporary file
                digest.update(f"{inside}\0".encode() + path.read_bytes() + b"\0")
    return settings.dbt_target_dir / "definitions" / f"{digest.hexdigest()[:16]}.{kind}"


@lru_cache(maxsize=4)
def _load(path: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(path.read_bytes())
    return content
