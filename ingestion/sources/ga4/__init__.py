"""GA4: export files `events_YYYYMMDD → ga4/events`; Data API `runReport → ga4/{daily_traffic, report_metadata}`.

GA4 changes days it has already reported: every pull replaces the last days before its end too, and more of them
once a week. Belongs here: settings and windows. The export is read in `export.py`, the Data API in
`reports.py`. Without an export folder the reports stand alone.
"""

import datetime as dt
from collections.abc import Collection
from functools import partial

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from ingestion.errors import SettingsError
from ingestion.http import HttpSettings
from ingestion.settings import Folder
from ingestion.sources.ga4 import export, reports
from ingestion.streams import Connector, Context, Stream, Window

REPORTS = ("daily_traffic", "report_metadata")


class Ga4Settings(HttpSettings):
    """SOURCES__GA4__… ; a token or a service account, and where the export files are."""

    model_config = SettingsConfigDict(env_prefix="SOURCES__GA4__")

    property_id: str = Field(description="Numeric id of the GA4 property.")
    access_token: SecretStr | None = Field(None, description="OAuth token with the scope analytics.readonly.")
    credentials: SecretStr | None = Field(None, description="Service account: its JSON, or the path of the JSON file.")
    base_url: str = Field("https://analyticsdata.googleapis.com", description="Root of the Data API.")
    export_url: Folder = Field(
        "", description="Folder (any fsspec URL) of the BigQuery export files.", json_schema_extra={"ask": True}
    )
    lookback_days: int = Field(4, ge=0, description="Days before the end of a pull that it replaces too.")
    weekly_lookback_days: int = Field(30, ge=0, description="The same, once in seven days.")

    def token(self) -> str:
        """A bearer token for the Data API."""
        if self.access_token is not None:
            return self.access_token.get_secret_value()
        if self.credentials is not None:
            return reports.service_account_token(self.credentials.get_secret_value())
        raise SettingsError("SOURCES__GA4__ACCESS_TOKEN is not set, nor is SOURCES__GA4__CREDENTIALS (service account)")


def connect(context: Context) -> Connector:
    """The export's events, where there is an export, and the daily reports; both over the window with its look-back.

    Each goes on from where it ended: an export that is late, or was switched off, does not have the reports read again.
    """
    settings = Ga4Settings.load()
    analytics = reports.DataApi(settings.property_id, settings.base_url, settings.token(), settings)
    analytics.check_fields()
    streams = {"reports": partial(_reports, context, settings, analytics)}
    if settings.export_url:
        streams["events"] = partial(_events, context, settings)
    return Connector(streams)


def check() -> str:
    """What `kpilote doctor` says of this source; raises what is wrong. Who may read a property's metadata may read its
    reports; the export lies elsewhere and is looked at.
    """
    settings = Ga4Settings.load().for_check()
    reports.DataApi(settings.property_id, settings.base_url, settings.token(), settings).check_fields()
    if not settings.export_url:
        return f"property {settings.property_id}; no export (SOURCES__GA4__EXPORT_URL): user-level KPIs stay empty"
    days = export.days(settings.export_url)
    newest = f"the newest of {max(days)}" if days else "none yet"
    return f"property {settings.property_id}; {len(days)} daily export files, {newest}"


def _reports(context: Context, settings: Ga4Settings, analytics: reports.DataApi) -> Stream:
    start = _start(context, settings, "reports", REPORTS)
    yield from analytics.daily(start, context.end)
    for table in REPORTS:
        yield Window(table, start, context.end)


def _events(context: Context, settings: Ga4Settings) -> Stream:
    yield from export.events(context, settings.export_url, _start(context, settings, "events", ("events",)))


def _start(context: Context, settings: Ga4Settings, stream: str, tables: Collection[str]) -> dt.date:
    """The first of the days that GA4 may still change."""
    return context.reaching_back_weekly(stream, tables, settings.lookback_days, settings.weekly_lookback_days)
