"""The tables of a view: channels by models (credit, value, who gives and takes, costs), and channels by channels.

Flow: `contents.View` → numbers by row → `report.heat` → tables in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from serving.attribution import reading
from serving.attribution.contents import Journeys, View
from serving.report import heat, wording
from serving.report.contents import REMAINDERS

# The overlap of more channels than these is not read any more.
OVERLAPPING = 10


@dataclass(frozen=True)
class Choice:
    """One position of a switch."""

    id: str
    label: str


MEASURES = (
    Choice("conversions", "Conversions"),
    Choice("value", "Value"),
    Choice("gives", "Gives and takes"),
)
COSTS = (Choice("cpa", "Cost per conversion"), Choice("roas", "Return on ad spend"))


def models(view: View, currency: str) -> list[heat.Table]:
    """Credit by every model, one table per measure; none without conversions."""
    if not view.journeys.conversions:
        return []
    return [_conversions(view), _values(view, currency), _gives(view)]


def _heads(view: View) -> list[str]:
    return [reading.named(model) for model in view.credits.models]


def _credited(view: View, channel: str, measure: str) -> list[float]:
    found = (view.credits.credits.get((channel, model)) for model in view.credits.models)
    return [0.0 if credit is None else float(getattr(credit, measure)) for credit in found]


def _shown(view: View, measure: str) -> list[heat.Numbers]:
    rows = [
        heat.Numbers(wording.title(channel), _credited(view, channel, measure), is_rest=channel in REMAINDERS)
        for channel in view.credits.channels
    ]
    return [row for row in rows if any(row.values)]


def _conversions(view: View) -> heat.Table:
    def words(value: float) -> str:
        return "0" if not value else f"{value:,.1f}"

    totals = [words(view.credits.total(model).conversions) for model in view.credits.models]
    measure = heat.Measure("conversions", "Conversions", words, totals=(*totals, ""))
    return heat.table(measure, _heads(view), _shown(view, "conversions"))


def _values(view: View, currency: str) -> heat.Table:
    def words(value: float) -> str:
        return "0" if not value else wording.money(value, currency)

    totals = [words(view.credits.total(model).value) for model in view.credits.models]
    return heat.table(heat.Measure("value", "Value", words, totals=(*totals, "")), _heads(view), _shown(view, "value"))


def _gives(view: View) -> heat.Table:
    """What each model gives a channel beyond the average of all models, or takes from it."""
    rows = []
    for row in _shown(view, "conversions"):
        known = [value or 0.0 for value in row.values]
        average = sum(known) / len(known)
        rows.append(
            heat.Numbers(row.name, [value - average for value in known], more=(f"{average:,.1f}",), is_rest=row.is_rest)
        )
    measure = heat.Measure("gives", "Gives and takes", _signed, ranged=False, more=("Average",))
    return heat.table(measure, _heads(view), rows)


def _signed(value: float) -> str:
    text = f"{abs(value):,.1f}"
    return "0" if text == "0.0" else ("+" if value > 0 else wording.MINUS) + text


def _times(value: float) -> str:
    return wording.number(value, "multiple") if value else "0"


def spending(view: View, currency: str) -> list[heat.Table]:
    """Spend against credit: what a conversion costs, and what an amount of media money brings, by every model."""
    money = partial(wording.money, currency=currency)
    costs, returns = [], []
    for channel in (*view.channels, wording.NONE):
        spend, media = (amounts.get(channel, 0.0) for amounts in (view.credits.spend, view.credits.media))
        if not spend:
            continue
        row = partial(
            heat.Numbers, wording.title(channel), more=(money(spend), money(media)), is_rest=channel == wording.NONE
        )
        costs.append(row([reading.cost(view, channel, model) for model in view.credits.models]))
        credited = _credited(view, channel, "value")
        returns.append(row([value / media if media and channel != wording.NONE else None for value in credited]))
    written: tuple[heat.Written, heat.Written] = (money, _times)
    made = []
    for given, words, rows in zip(COSTS, written, (costs, returns), strict=True):
        if rows:
            measure = heat.Measure(given.id, given.label, words, more=("Spend", "Media"))
            made.append(heat.table(measure, _heads(view), rows))
    return made


def overlap(journeys: Journeys) -> heat.Table | None:
    """Share of the paths that hold both channels; on the diagonal, that hold the channel at all."""
    channels = journeys.channels[:OVERLAPPING]
    if not channels:
        return None
    rows = [
        heat.Numbers(wording.title(one), [journeys.held(one, other) / journeys.touched for other in channels])
        for one in channels
    ]
    measure = heat.Measure("overlap", "Share of paths that hold both", wording.percent, ranged=False)
    return heat.table(measure, [wording.title(channel) for channel in channels], rows)
