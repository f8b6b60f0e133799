"""One self-contained page per release: no script, no request, readable offline, on a phone, in print and in the dark.

Flow: release → `data.read` → `cards` → `template/scorecard.html.j2` → `releases/<id>/scorecard.html`. The page is a
function of the release alone, so writing it again gives the same bytes. Jinja escapes every text; pictures are made of
numbers only; a Content-Security-Policy in the page forbids the browser to load anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving import files
from serving.release import Release
from serving.report import contents, data, drawing, heat, pages, wording
from serving.report.cards import Card, card
from serving.report.contents import Attribution, Report

PAGE = "scorecard.html"
DEFAULT_CADENCE = "month"
SPARK_WIDTH, SPARK_HEIGHT = 128.0, 34.0
# A cost divided by less than half a customer is noise that would outshine every real number.
LEAST_CREDIT = 0.5
METRICS = (
    ("conversions", "Customers"),
    ("value", "Revenue"),
    ("cost", "Cost per customer"),
)


def write(release: Release) -> Path:
    """Write the page into the release's folder, in one step; returns its path."""
    path = release.path / PAGE
    files.replace_with_text(render(release), path)
    return path


def render(release: Release) -> str:
    """The whole page."""
    report = data.read(release)
    return pages.environment().get_template("scorecard.html.j2").render(_context(report))


def _context(report: Report) -> dict[str, Any]:
    manifest = report.release.manifest
    default = DEFAULT_CADENCE if DEFAULT_CADENCE in report.cadences else next(iter(report.cadences), DEFAULT_CADENCE)
    return {
        "release": report.release,
        "manifest": manifest,
        "currency": report.currency,
        "data_through": report.release.data_through,
        "cadences": [(cadence, wording.PERIOD_NAMES[cadence]) for cadence in report.cadences],
        "default_cadence": default,
        "adjectives": wording.ADJECTIVES,
        "views": [_view(report, cadence) for cadence in report.cadences],
        "dashboards": contents.DASHBOARDS,
        "bridge": _bridge(report),
        "funnel": _funnel(report),
        "has_attribution_page": all(name in report.release.rows for name in contents.ATTRIBUTION_MARTS),
        "attribution": _attribution(report.attribution, report.currency) if report.attribution else None,
        "glossary": sorted(report.kpis, key=lambda kpi: kpi.label.lower()),
        "gates": [_gate(gate) for gate in manifest["gates"]],
        "rows": report.release.rows,
    }


def _view(report: Report, cadence: str) -> dict[str, Any]:
    """Everything that follows the cadence the reader chooses."""
    stars = [card(reading) for reading in report.north_stars(cadence)]
    shown = {kpi.id for kpi in report.kpis if kpi.dashboards or kpi.north_star}
    readings = [report.nearest(kpi, cadence) for kpi in report.kpis if kpi.id in shown]
    counts = {
        status: sum(reading is not None and reading.status == status for reading in readings)
        for status in contents.STATUSES
    }
    dashboards = []
    for name in contents.DASHBOARDS:
        cards = [card(reading) for reading in report.dashboard(name, cadence)]
        if name == "vision":  # the North Star stands above it already
            cards = [one for one in cards if not one.kpi.north_star]
        dashboards.append((name, [(one, _spark(one)) for one in cards]))
    return {
        "cadence": cadence,
        "stars": [(star, _chart(report, star)) for star in stars],
        "counts": [(status, wording.STATUS[status], counts[status]) for status in contents.STATUSES if counts[status]],
        "decisions": [card(reading) for reading in report.decisions(cadence)],
        "judged": sum(counts.values()) - counts["no_target"],
        "total": sum(counts.values()),
        "dashboards": dashboards,
    }


def _spark(shown: Card) -> drawing.Line:
    return drawing.sparkline(shown.values, SPARK_WIDTH, SPARK_HEIGHT, shown.goal)


def _chart(report: Report, star: Card) -> dict[str, Any]:
    reading = report.readings[star.kpi.id, star.cadence]
    made = drawing.chart([point.value for point in reading.history], [point.target for point in reading.history])
    history = reading.history
    marks = sorted({0, len(history) // 2, len(history) - 1}) if history else []
    return {
        "drawn": made,
        "ticks": [(y, wording.tick(value, reading.kpi.unit, reading.currency)) for y, value in made.ticks],
        "marks": [wording.short_period(history[index].start, reading.cadence) for index in marks],
    }


def _bridge(report: Report) -> dict[str, Any] | None:
    bridge = report.bridge
    if bridge is None:
        return None
    movements = list(bridge.movements)
    if abs(bridge.unexplained) >= 0.01:  # a cent: what the contracts do not explain is shown, not hidden
        movements.append(("unexplained", bridge.unexplained))
    largest = max((abs(amount) for _, amount in movements), default=0) or 1
    return {
        "period": wording.period(bridge.start, "month"),
        "opening": bridge.opening,
        "closing": bridge.closing,
        "movements": [(name, amount, 100 * abs(amount) / largest) for name, amount in movements],
    }


def _funnel(report: Report) -> dict[str, Any] | None:
    if not report.funnel or report.funnel_start is None:
        return None
    steps = [
        {
            "name": step.name,
            "count": None if step.count is None else wording.count(step.count),
            "rate": None if step.rate is None else wording.percent(step.rate),
            "width": min(100 * (step.rate or 0), 100),
            "change": wording.change(step.rate, step.previous_rate, None, "ratio", "up"),
        }
        for step in report.funnel
    ]
    return {"period": wording.period(report.funnel_start, "month"), "steps": steps}


def _attribution(found: Attribution, currency: str) -> dict[str, Any]:
    """One table per metric: channels by models."""
    return {
        "period": wording.period(found.start, found.cadence),
        "tables": [_table(found, metric, label, currency) for metric, label in METRICS],
        "customers": found.total(found.models[0]).conversions if found.models else 0,
    }


def _table(found: Attribution, metric: str, label: str, currency: str) -> heat.Table:
    def amount(value: float) -> str:
        return "0" if value == 0 else f"{value:.1f}" if metric == "conversions" else wording.money(value, currency)

    rows = [
        heat.Numbers(
            wording.title(channel),
            [_measure(found, metric, channel, model) for model in found.models],
            more=(wording.money(spend, currency) if (spend := found.spend.get(channel)) else "–",),
            is_rest=channel in contents.REMAINDERS,
        )
        for channel in found.channels
    ]
    # A channel that costs nothing, or whose credit is too little, has no cost of a customer.
    rows = [row for row in rows if metric != "cost" or any(value is not None for value in row.values)]
    spent = wording.money(sum(found.spend.values()), currency)
    totals = (
        () if metric == "cost" else (*(amount(getattr(found.total(each), metric)) for each in found.models), "", spent)
    )
    names = [wording.MODELS.get(model, wording.title(model)) for model in found.models]
    return heat.table(heat.Measure(metric, label, amount, more=("Spend",), totals=totals), names, rows)


def _measure(found: Attribution, metric: str, channel: str, model: str) -> float | None:
    credit = found.credits.get((channel, model))
    if metric == "cost":
        spend = found.spend.get(channel, 0.0)
        return spend / credit.conversions if credit and credit.conversions >= LEAST_CREDIT and spend else None
    return float(getattr(credit, metric)) if credit else 0.0


def _gate(gate: dict[str, Any]) -> dict[str, Any]:
    """A gate's evidence as the publisher gave it: how much was judged, and what was let through with a warning."""
    tables = gate.get("tables")
    judged = tables if isinstance(tables, dict) else {}
    return {
        "name": str(gate.get("gate", "")),
        "passed": gate.get("passed") is True,
        "expectations": gate.get("expectations"),
        "tables": len(judged),
        "warnings": [
            detail if table in (detail := str(entry.get("detail") or "warned")) else f"{table}: {detail}"
            for table, entry in judged.items()
            if isinstance(entry, dict) and entry.get("verdict") == "warned"
        ],
    }
