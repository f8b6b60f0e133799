"""Settings of Kpilote: environment variables, then a `.env` file in the working directory, then defaults.

Belongs here: the KPILOTE_* settings every room shares and the base class of each connector's own settings
(`SOURCES__<SOURCE>__…`). Does not: the connectors' settings themselves (they stand in `sources/<source>.py`) and
business rules (dbt vars and seeds). Nothing is read at import; secrets are resolved when they are used.

A field is asked for by `kpilote init`, with its description as the question, where it is required, a secret, or
marked by `json_schema_extra={"ask": True}`.
"""

import datetime as dt
import importlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ingestion.errors import SettingsError

FIRST_PULL_MONTHS = 24
DEFAULT_SOURCES = ("hubspot", "ga4", "mailchimp", "spreadsheets")
CURRENCY_LETTERS = 3
HASH_KEY_LETTERS = 16
S = TypeVar("S", bound=BaseSettings)


def _absolute_folder(value: str) -> str:
    """Processes that a command starts work in other folders."""
    return value if not value or "://" in value or "::" in value else str(Path(value).expanduser().resolve())


# A local folder, made absolute, or any fsspec URL.
Folder = Annotated[str, AfterValidator(_absolute_folder)]


def _first_day() -> dt.date:
    """First of the month 24 months ago, the default start of a first pull."""
    today = dt.datetime.now(tz=dt.UTC).date()
    months = today.year * 12 + today.month - 1 - FIRST_PULL_MONTHS
    return dt.date(months // 12, months % 12 + 1, 1)


class Settings(BaseSettings):
    """The KPILOTE_* settings. Paths are absolute; `lake_url` is any fsspec URL or an absolute path."""

    model_config = SettingsConfigDict(env_prefix="KPILOTE_", env_file=".env", extra="ignore", env_ignore_empty=True)

    home: Path = Field(Path("data"), description="Folder of everything Kpilote makes.", json_schema_extra={"ask": True})
    lake_url: str = ""
    sources: Annotated[tuple[str, ...], NoDecode] = DEFAULT_SOURCES
    # Of these, the ones whose account is history: what the lake holds of them counts on, and nothing is pulled.
    frozen_sources: Annotated[tuple[str, ...], NoDecode] = ()
    start_date: dt.date = Field(
        default_factory=_first_day, description="First day to pull (YYYY-MM-DD).", json_schema_extra={"ask": True}
    )
    timezone: str = Field("Europe/Paris", description="Time zone of the reports.", json_schema_extra={"ask": True})
    currency: str = Field("EUR", description="Currency of the reports.", json_schema_extra={"ask": True})
    hash_key: SecretStr | None = None
    target: Literal["duckdb"] = "duckdb"
    # Not from the environment: a home whose marts look back says so by its place (`as_known_on`).
    _as_of: dt.datetime | None = PrivateAttr(default=None)

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("sources", "frozen_sources", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("sources")
    @classmethod
    def _known_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from ingestion.registry import SOURCES

        if unknown := [name for name in value if name not in SOURCES]:
            raise ValueError(f"no source named {', '.join(unknown)}: known are {', '.join(SOURCES)}")
        return tuple(dict.fromkeys(value))

    @field_validator("frozen_sources")
    @classmethod
    def _of_sources(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if foreign := [name for name in value if name not in info.data.get("sources", value)]:
            raise ValueError(f"KPILOTE_SOURCES does not name {', '.join(foreign)}, and only sources that count can")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (KeyError, OSError):
            raise ValueError("not a time zone's name, e.g. Europe/Paris") from None

    @field_validator("currency")
    @classmethod
    def _currency_code(cls, value: str) -> str:
        code = value.upper()
        if len(code) != CURRENCY_LETTERS or not (code.isascii() and code.isalpha()):
            raise ValueError("not a currency's ISO 4217 code, e.g. EUR")
        return code

    def model_post_init(self, _context: Any) -> None:
        if not self.lake_url:
            self.lake_url = str(self.home / "lake")
        elif "://" in self.lake_url:
            self.lake_url = self.lake_url.rstrip("/")  # to an object store `lake//hubspot` is another folder
        else:
            self.lake_url = str(Path(self.lake_url).expanduser().resolve())

    @property
    def warehouse_path(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def releases_dir(self) -> Path:
        return self.home / "releases"

    @property
    def ledger_dir(self) -> Path:
        """What every publication changed, one file each; cannot be rebuilt."""
        return self.home / "ledger"

    @property
    def erasure_journal(self) -> Path:
        """What an erasure at work has yet to replace; it exists only from its first change to its last."""
        return self.home / "erasure.json"

    @property
    def erasures_path(self) -> Path:
        """One line per erasure, with nothing that leads to a person."""
        return self.home / "erasures.jsonl"

    @property
    def bi_path(self) -> Path:
        return self.home / "kpilote.duckdb"

    @property
    def docs_dir(self) -> Path:
        """Where the gates write their Data Docs."""
        return self.home / "gx"

    @property
    def dagster_dir(self) -> Path:
        return self.home / "dagster"

    @property
    def dbt_target_dir(self) -> Path:
        return self.home / "dbt_target"

    @property
    def dlt_dir(self) -> Path:
        """Working directory of the dlt pipelines; may be lost at any time, their state is in the lake too."""
        return self.home / "dlt"

    def require_hash_key(self) -> str:
        """The key of the HMAC that replaces addresses, or an error that says how to make one."""
        if self.hash_key is None:
            raise SettingsError("KPILOTE_HASH_KEY is not set: make one with `openssl rand -hex 32` and keep it secret")
        key = self.hash_key.get_secret_value()
        if len(key) < HASH_KEY_LETTERS:
            raise SettingsError(
                f"KPILOTE_HASH_KEY has fewer than {HASH_KEY_LETTERS} characters, and who guesses it can tell whose "
                "address a hash is: make one with `openssl rand -hex 32`"
            )
        return key

    def as_known_on(self, moment: dt.datetime) -> Self:
        """A home of its own over the same lake, in which loads committed after `moment` do not exist.

        `moment` carries a time zone. Warehouse, dbt's files and logs of that home lie in `as_of/<moment>` of this one.
        """
        instant = moment.astimezone(dt.UTC)
        looking_back = self.model_copy(update={"home": self.home / "as_of" / f"{instant:%Y%m%dT%H%M%SZ}"})
        looking_back._as_of = instant
        return looking_back

    def environment(self) -> dict[str, str]:
        """The KPILOTE_* variables with absolute values, for a subprocess such as dbt."""
        values = {
            "HOME": str(self.home),
            "LAKE_URL": self.lake_url,
            "SOURCES": ",".join(self.sources),
            "FROZEN_SOURCES": ",".join(self.frozen_sources),
            "START_DATE": self.start_date.isoformat(),
            "TIMEZONE": self.timezone,
            "CURRENCY": self.currency,
            "TARGET": self.target,
            "AS_OF": self._as_of.isoformat() if self._as_of else "",
        }
        if self.hash_key is not None:
            values["HASH_KEY"] = self.hash_key.get_secret_value()
        return {f"KPILOTE_{name}": value for name, value in values.items()}


class SourceSettings(BaseSettings):
    """Base of a connector's settings: `SOURCES__<SOURCE>__<FIELD>`, the naming dlt uses. Subclasses set
    `env_prefix`.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    @classmethod
    def load(cls) -> Self:
        """The settings of this source, or one error that names the first variable to mend."""
        return read(cls)

    def other_than_default(self, names: Iterable[str]) -> dict[str, str]:
        """Those of these settings that do not have their default."""
        fields = type(self).model_fields
        return {name: str(getattr(self, name)) for name in names if getattr(self, name) != fields[name].default}


def is_secret(info: FieldInfo) -> bool:
    """Whether a field's value is never shown."""
    return SecretStr in (info.annotation, *get_args(info.annotation))


def is_asked(info: FieldInfo) -> bool:
    """Whether a field is one that a person has to think of: it has no default, is secret, or is marked."""
    marked = isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("ask") is True
    return info.is_required() or is_secret(info) or marked


def variable(of: type[BaseSettings], field: str) -> str:
    """The environment variable that a field of a settings class is read from."""
    return f"{of.model_config.get('env_prefix', '')}{field}".upper()


def settings_class(source: str) -> type[SourceSettings]:
    """The settings class of a source: that of its connector, known by its prefix."""
    importlib.import_module(f"ingestion.sources.{source}")
    prefix = f"SOURCES__{source.upper()}__"
    return next(each for each in _below(SourceSettings) if each.model_config.get("env_prefix") == prefix)


def _below(parent: type[SourceSettings]) -> Iterator[type[SourceSettings]]:
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)


def read(of: type[S], **given: Any) -> S:
    """Settings from the environment, where `given` does not say otherwise, or one error that names what to mend."""
    try:
        return of(**given)
    except ValidationError as error:
        raise SettingsError(_describe(error, str(of.model_config.get("env_prefix", "")))) from None


def _describe(error: ValidationError, prefix: str) -> str:
    """One line from a validation error; the offending value is never repeated, it may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    variable = prefix + "__".join(str(part) for part in first["loc"]).upper()
    reason = (
        "is not set" if first["type"] == "missing" else f"is not usable: {first['msg'].removeprefix('Value error, ')}"
    )
    return f"{variable} {reason}"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return read(Settings)


def reload() -> Settings:
    """Read the environment again (tests, and a command that has just set variables)."""
    settings.cache_clear()
    return settings()
