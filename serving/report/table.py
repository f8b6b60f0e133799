"""The scorecard as a table: one row per KPI at one cadence, numbers as numbers, for a spreadsheet of one's own."""

from __future__ import annotations

from ingestion.formulas import csv_text
from serving.release import Release
from serving.report import data

COLUMNS = (
    "release", "cadence", "kpi", "label_en", "label_fr", "period_start", "value", "unit", "currency", "null_reason",
    "target", "status", "previous_value", "change_ratio", "year_ago_value", "year_ago_change_ratio", "provisional",
    "owner", "decision",
)  # fmt: skip


def render(release: Release, cadence: str) -> str:
    """The scorecard of a release at a cadence, as CSV."""
    report = data.read(release)
    readings = [report.readings[kpi.id, cadence] for kpi in report.kpis if (kpi.id, cadence) in report.readings]
    rows = [
        (
            *(release.id, cadence, one.kpi.id, one.kpi.label, one.kpi.label_fr, one.start, one.value, one.kpi.unit),
            *(one.currency, one.null_reason, one.target, one.status, one.previous, one.change, one.year_ago),
            *(one.year_ago_change, one.provisional, one.kpi.owner, one.kpi.decision),
        )
        for one in readings
    ]
    return csv_text([COLUMNS, *rows])
