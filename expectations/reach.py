"""How far the data reach, against what readers were already shown: a release never silently takes days back.

KPIs end with the source that reaches least far, so a source that was added and is pulled in parts, or is no longer
frozen, would delete every later period. The current release says what was shown. Belongs here: that comparison. Does
not: going back on purpose (`kpilote release rollback`), which no gate judges.
"""

import datetime as dt
import json

from expectations import model
from expectations.model import Expectation
from ingestion.registry import apis
from ingestion.settings import Settings


def no_day_taken_back(settings: Settings) -> Expectation:
    """Every API source that is pulled reaches the last day of the current release."""
    on = apis(settings.sources)
    pulled = [name for name in on if name not in settings.frozen_sources] or on
    windows = " union all ".join(
        f"select '{name}' as source, window_end from warehouse.staging.stg_{name}__windows"  # noqa: S608
        for name in pulled
    )
    published = f"date '{_published_through(settings)}'"
    command = f"'kpilote refresh --cadence daily --from ' || (last_day + 1) || ' --to ' || {published}"
    return model.learned(
        "no_day_taken_back",
        f"""
        select source as column_name, {published} as day,
            'is published, and ' || source || ' was pulled to ' || last_day || ' only (' || {command} || ')' as found,
            'no published day is taken back' as usual, {published} - last_day as size
        from (select source, max(window_end) - 1 as last_day from ({windows}) group by all) as sources /* {{batch}} */
        where last_day < {published} order by last_day, source
        """,  # noqa: S608
        reason="KPIs end with the source that reaches least far, and readers would lose every later period.",
        mend="Pull the source up to that day before anything is published.",
    )


def _published_through(settings: Settings) -> dt.date:
    """The last day of the release readers see; before every day where there is none, or none that can be read."""
    try:
        manifest = json.loads((settings.releases_dir / "current" / "manifest.json").read_text(encoding="utf-8"))
        return dt.date.fromisoformat(manifest["data_through"])
    except (OSError, ValueError, KeyError, TypeError):
        return dt.date.min
