"""GA4: export files `events_YYYYMMDD → ga4/events`; Data API `runReport → ga4/{daily_traffic, report_metadata}`.

GA4 changes days it has already reported: every pull replaces the last days before its end too, and more of them
when it ends on a Monday. Belongs here: settings and windows. The export is read in `export.py`, the Data API in
`reports.py`. Without an export folder the reports stand alone.
"""

import datetime as dt
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
    weekly_lookback_days: int = Field(30, ge=0, description="The same for a pull that ends on a Monday.")

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
    # GA4 may still change these days.
    changing = settings.lookback_days, settings.weekly_lookback_days
    analytics = reports.DataApi(settings.property_id, settings.base_url, settings.token(), settings)
    analytics.check_fields()
    streams = {"reports": partial(_reports, analytics, context.reaching_back(REPORTS, *changing), context.end)}
    if settings.export_url:
        streams["events"] = partial(
            export.events, context, settings.export_url, context.reaching_back(("events",), *changing)
        )
    return Connector(streams)


def check() -> str:
    """What `kpilote doctor` says of this source; raises what is wrong."""
    settings = Ga4Settings.load().for_check()
    reports.DataApi(settings.property_id, settings.base_url, settings.token(), settings).check_fields()
    if not settings.export_url:
        return f"property {settings.property_id}; no export (SOURCES__GA4__EXPORT_URL): user-level KPIs stay empty"
    days = export.days(settings.export_url)
    newest = f"the newest of {max(days)}" if days else "none yet"
    return f"property {settings.property_id}; {len(days)} daily export files, {newest}"


def _reports(analytics: reports.DataApi, start: dt.date, end: dt.date) -> Stream:
    yield from analytics.daily(start, end)
    for table in REPORTS:
        yield Window(table, start, end)
