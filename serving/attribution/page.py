"""The attribution page of a release: self-contained, no script, no request, in the scorecard's own style.

Flow: release → `data.read` → views in words → `template/attribution.html.j2` → `releases/<id>/attribution.html`. Every
conversion type and period is in the page; two switches show one of each at a time. The page is a function of the
release alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from serving import files
from serving.attribution import data, flows, reading, tables
from serving.attribution.contents import DAYS, TOUCHES, Period, Rule, Share, Spread, Story, View
from serving.attribution.tables import Choice
from serving.release import Release
from serving.report import pages, wording

PAGE = "attribution.html"
HERE = Path(__file__).parent / "template"
TYPES = {"customer": "Customers", "lead": "Leads", "mql": "MQLs", "opportunity": "Opportunities", "order": "Orders"}


def write(release: Release) -> Path | None:
    """Write the page into the release's folder, in one step; None where the release has no attribution."""
    made = render(release)
    if made is None:
        return None
    path = release.path / PAGE
    files.replace_with_text(made, path)
    return path


def render(release: Release) -> str | None:
    """The whole page."""
    story = data.read(release)
    return (
        None if story is None else pages.environment(HERE).get_template("attribution.html.j2").render(_context(story))
    )


def _context(story: Story) -> dict[str, Any]:
    types = {name: Choice(f"t{at}", TYPES.get(name, wording.title(name))) for at, name in enumerate(story.types)}
    periods = {
        one: Choice(f"{one.cadence}-{one.start}", wording.short_period(one.start, one.cadence)) for one in story.periods
    }
    shown = story.default
    return {
        "release": story.release,
        "types": list(types.values()),
        "periods": list(periods.values()),
        "chosen_type": types[shown[0]].id if shown else None,
        "chosen_period": periods[shown[1]].id if shown else None,
        "views": [
            _view(story.views[name, one], story, f"kind-{types[name].id} when-{periods[one].id}")
            for one in periods
            for name in types
        ],
        "measures": tables.MEASURES,
        "costs": tables.COSTS,
        "sourcing": [
            {"id": choice.id, "label": _named(one), "rules": _rules(story.rules[one], story.currency)}
            for one, choice in periods.items()
        ],
    }


def _named(period: Period) -> str:
    return wording.period(period.start, period.cadence) + ("" if period.is_whole else ", so far")


def titled(view: View) -> str:
    """What a view is about."""
    return f"{TYPES.get(view.conversion_type, wording.title(view.conversion_type))}, {_named(view.period)}"


def _view(view: View, story: Story, classes: str) -> dict[str, Any]:
    """Everything that follows the two switches."""
    journeys, currency = view.journeys, story.currency
    return {
        "classes": classes,
        "title": titled(view),
        "noun": reading.noun(view.conversion_type),
        "facts": _facts(view, currency),
        "reading": reading.sentences(view, story.rules[view.period], currency),
        "models": tables.models(view, currency),
        "spending": tables.spending(view, currency),
        "driven": _driven(view),
        "flow": flows.flow(journeys.flows, journeys.channels),
        "paths": [
            {
                "steps": [wording.title(channel) for channel in path.channels],
                "count": wording.count(path.conversions),
                "share": wording.percent(path.conversions / journeys.conversions),
                "width": 100 * path.conversions / journeys.paths[0].conversions,
                "value": wording.money(path.value, currency) if path.value else "",
                "days": "" if path.median_days is None else wording.number(path.median_days, "days"),
            }
            for path in journeys.paths
        ],
        "days": _bars(journeys.days, DAYS, "days"),
        "touches": _bars(journeys.touches, TOUCHES, "touches"),
        "overlap": tables.overlap(journeys),
    }


def _facts(view: View, currency: str) -> list[tuple[str, str]]:
    journeys = view.journeys
    facts = [
        (reading.noun(view.conversion_type).capitalize().replace("Mqls", "MQLs"), wording.count(journeys.conversions))
    ]
    if journeys.value:
        facts.append(("Value", wording.money(journeys.value, currency)))
    if journeys.conversions:
        facts.append(("With a known path", wording.percent(journeys.touched / journeys.conversions)))
    if journeys.lookback_days is not None:
        back = wording.number(journeys.lookback_days, "days")
        facts.append((f"Touches of the {journeys.paths_of}", f"{back} back"))
    facts.append(("Marketing spend", wording.money(sum(view.credits.spend.values()), currency)))
    return facts


def _driven(view: View) -> dict[str, Any] | None:
    """Shares of the data-driven models with their bounds, what to know of them, and why a model says nothing."""
    driven = view.driven
    if not driven.shares and not driven.withheld:
        return None
    models = wording.in_order({share.model for share in driven.shares})
    found = {(share.channel, share.model): share for share in driven.shares}
    largest = max((share.upper or share.share for share in driven.shares), default=0) or 1
    return {
        "month": wording.period(view.period.last_month, "month"),
        "models": [reading.named(model) for model in models],
        "rows": [
            (wording.title(channel), [_share(found.get((channel, model)), largest) for model in models])
            for channel in view.channels
            if any((channel, model) in found for model in models)
        ],
        "notes": [f"{reading.named(model)}: {note.removeprefix(f'{model}: ')}." for model, note in driven.notes],
        "withheld": [reading.withheld(each) for each in driven.withheld],
    }


def _share(share: Share | None, largest: float) -> dict[str, Any] | None:
    """A share in words, and as a mark on its interval."""
    if share is None:
        return None
    lower, upper = (share.share if end is None else end for end in (share.lower, share.upper))
    known = share.lower is not None and share.upper is not None
    return {
        "share": wording.percent(share.share),
        "bounds": f"{wording.percent(lower)} – {wording.percent(upper)}" if known else "",
        "at": 100 * share.share / largest,
        "from": 100 * lower / largest,
        "to": 100 * upper / largest,
    }


def _bars(spread: Spread | None, least: Sequence[int], unit: str) -> dict[str, Any] | None:
    if spread is None:
        return None
    whole, largest = sum(spread.counts), max(spread.counts)
    ends = [*least[1:], None]
    labels = [_between(begin, end, unit) for begin, end in zip(least, ends, strict=True)]
    median, ninth = (
        wording.number(value, "days") if unit == "days" else f"{wording.count(value)} touches"
        for value in (spread.median, spread.ninth)
    )
    return {
        "median": median,
        "ninth": ninth,
        "bars": [
            (label, wording.count(count), wording.percent(count / whole), 100 * count / largest)
            for label, count in zip(labels, spread.counts, strict=True)
        ],
    }


def _between(begin: int, end: int | None, unit: str) -> str:
    """The sizes a bar counts: whole days that have passed, or touches."""
    if end is None:
        return f"{begin} {unit} or more"
    if begin == 0:
        return "under a day"
    last = end - 1
    return f"{begin} {unit if begin > 1 else unit.removesuffix('es')}" if last == begin else f"{begin}–{last} {unit}"


def _rules(rules: Sequence[Rule], currency: str) -> list[dict[str, Any]]:
    money = partial(wording.money, currency=currency)
    return [
        {
            "name": reading.RULES.get(rule.name, wording.title(rule.name)).capitalize(),
            "is_locked": rule.is_locked,
            "is_beside": rule.name == "influenced",
            "deals": "n/a"
            if rule.deals is None
            else f"{wording.count(rule.deals)} of {wording.count(rule.deals_created)}",
            "unknown": rule.deals_created - rule.deals_known,
            "amount": "n/a: it knows no deal" if rule.amount is None else money(rule.amount),
            "share": "" if rule.amount is None or not rule.pipeline else wording.percent(rule.amount / rule.pipeline),
            "width": 0.0 if rule.amount is None or not rule.pipeline else 100 * rule.amount / rule.pipeline,
            "gap": "" if rule.gap is None or rule.is_locked else ("+" if rule.gap > 0 else "") + money(rule.gap),
        }
        for rule in rules
    ]
