"""Limits of the learning checks: `limits.yml`, the one file people edit, read and checked.

Belongs here: the shape of that file and its errors, which name the key. Does not: what the limits are applied to
(`volume.py`, `freshness.py`, `learned.py`). A table's limits are the general ones with those of `tables` on top.
"""

import datetime as dt
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingestion.errors import SettingsError
from ingestion.registry import tables

LIMITS = Path(__file__).with_name("limits.yml")
Whole = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Times = Annotated[float, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class History(_Section):
    """What a check learns from. Windows in days and weeks, rows per day or pull."""

    weeks: Annotated[int, Field(ge=4)]
    months: Annotated[int, Field(ge=3)]
    recent_days: Whole
    critical_days: Whole
    least_rows: Whole
    least_days: Whole
    least_weeks: Whole
    since: dt.date | None = None


class VolumeBand(_Section):
    below: Share
    above: Times
    spreads: Positive


class Volume(_Section):
    month_edge_days: Annotated[int, Field(ge=0, le=10)]
    least_references: Annotated[int, Field(ge=2)]
    critical: VolumeBand | None
    warning: VolumeBand | None


class Delay(_Section):
    times: Times
    days: Positive


class Freshness(_Section):
    least_pulls: Whole
    critical: Delay | None
    warning: Delay | None


class NullBand(_Section):
    points: Share
    spreads: Positive


class Nulls(_Section):
    critical: NullBand | None
    warning: NullBand | None


class WordBand(_Section):
    unknown: Share
    divergence: Share


class Words(_Section):
    most_words: Whole
    critical: WordBand | None
    warning: WordBand | None


class NumberBand(_Section):
    times: Times
    spreads: Positive


class Numbers(_Section):
    least_rows: Whole
    critical: NumberBand | None
    warning: NumberBand | None


class Limits(_Section):
    """The limits of one table."""

    history: History
    volume: Volume
    freshness: Freshness
    nulls: Nulls
    words: Words
    numbers: Numbers


def limits(full_name: str | None = None) -> Limits:
    """The limits of a lake table (`ga4.events`), or the general ones."""
    general, special = _read(LIMITS)
    return special.get(full_name or "", general)


@cache
def _read(path: Path) -> tuple[Limits, Mapping[str, Limits]]:
    """The general limits and those of the tables that have their own; SettingsError names file, key and reason."""
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(said, dict):
        raise SettingsError(f"{path} holds no limits: restore it from the repository")
    own = said.pop("tables", None) or {}
    unknown = sorted(set(own) - {table.full_name for table in tables()})
    if unknown:
        raise SettingsError(f"{path}: tables.{unknown[0]}: there is no such lake table")
    return _checked(path, "", said), {
        name: _checked(path, f"tables.{name}.", _merged(said, changes)) for name, changes in own.items()
    }


def _merged(general: Mapping[str, Any], special: Any) -> dict[str, Any]:
    """The general limits with the special ones laid over them, key by key."""
    merged = dict(general)
    for key, value in (special or {}).items():
        both = isinstance(value, dict) and isinstance(general.get(key), dict)
        merged[key] = _merged(general[key], value) if both else value
    return merged


def _checked(path: Path, prefix: str, said: Mapping[str, Any]) -> Limits:
    try:
        return Limits.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{path}: {prefix}{key}: {first['msg']} (found {first['input']!r})") from None
