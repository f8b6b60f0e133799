"""A view in plain sentences: what the models disagree on and why, found in the numbers the page shows.

Every sentence is about this release's own data; below the thresholds there is nothing worth a sentence. All of it is
association, and the last sentence says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from attribution.model import DIRECT, Unit
from serving.attribution.contents import Rule, View, Withheld
from serving.comparison.sheet import NOT_CAUSE, Column, Figure, disagreements, unsure
from serving.report import wording
from serving.report.contents import REMAINDERS

# From what on a difference is worth a sentence: a share of the conversions, and a cost so many times another.
LEAST_SHARE, LEAST_TIMES = 0.05, 1.5
# A cost divided by less than half a conversion is noise.
LEAST_CREDIT = 0.5
FEW = 30
NOUNS = {"customer": "customers", "lead": "leads", "mql": "MQLs", "opportunity": "opportunities", "order": "orders"}
RULES = {
    "lead_source": "lead source",
    "first_touch": "first touch",
    "marketing_before_sales": "marketing before sales",
    "influenced": "influenced",
}


def noun(conversion_type: str) -> str:
    return NOUNS.get(conversion_type, wording.title(conversion_type).lower())


def sentences(view: View, rules: Sequence[Rule], currency: str) -> tuple[str, ...]:
    """The reading of one view."""
    return (
        *_few(view),
        *disagreements(columns(view)),
        *_unsure(view),
        *_ends(view),
        *_between(view),
        *_together(view),
        *_pace(view),
        *_costs(view, currency),
        *_unknown(view),
        *_sourced(rules, currency),
        *(withheld(each) for each in view.driven.withheld),
        NOT_CAUSE,
    )


def named(model: str) -> str:
    return wording.MODELS.get(model, wording.title(model))


def withheld(silent: Withheld) -> str:
    """Which models say nothing, of how much of the period, and why."""
    *others, last = (named(model) for model in silent.models)
    who = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    newest = wording.period(silent.months[0], "month")
    when = newest if len(silent.months) == 1 else f"{len(silent.months)} months up to {newest}"
    return f"{who} withheld for {when}: {silent.reason}."


def columns(view: View) -> list[Column]:
    """The models as the comparison of a file knows them, without what belongs to no channel."""
    return [
        Column(
            model,
            named(model),
            {
                Unit(wording.title(channel)): Figure(credit.conversions, credit.value)
                for (channel, by), credit in view.credits.credits.items()
                if by == model and channel not in REMAINDERS
            },
        )
        for model in view.credits.models
    ]


def cost(view: View, channel: str, model: str) -> float | None:
    """What a conversion costs by one model; None without spend, or with too little credit to divide by."""
    credit, spend = view.credits.credits.get((channel, model)), view.credits.spend.get(channel, 0.0)
    return spend / credit.conversions if credit and credit.conversions >= LEAST_CREDIT and spend else None


def _unsure(view: View) -> Iterator[str]:
    """Data-driven models whose shares of the period's last month are hardly more than chance."""
    figures: dict[str, dict[Unit, Figure]] = {}
    for each in view.driven.shares:
        interval = None if each.lower is None or each.upper is None else (each.lower, each.upper)
        figures.setdefault(each.model, {})[Unit(wording.title(each.channel))] = Figure(each.share, None, interval)
    shares = [Column(model, named(model), channels) for model, channels in figures.items()]
    month = wording.period(view.period.last_month, "month")
    return unsure(shares, wording.percent, f"of the {noun(view.conversion_type)}", f"in {month} ")


def _few(view: View) -> Iterator[str]:
    conversions = view.journeys.conversions
    if not conversions:
        yield f"There were no {noun(view.conversion_type)} in this period: no model has anything to share out."
    elif conversions < FEW:
        these = "This is only one of the" if conversions == 1 else f"These are only {conversions}"
        yield (
            f"{these} {noun(view.conversion_type)}: one more or less moves a share by "
            f"{wording.percent(1 / conversions)}, so look at a longer period before you decide by it."
        )


def _ends(view: View) -> Iterator[str]:
    """The channel that begins more journeys than it ends, and the one that ends more."""
    journeys = view.journeys
    if not journeys.touched:
        return
    lead = {each: (journeys.begun(each) - journeys.ended(each)) / journeys.touched for each in journeys.channels}
    for sign, what, fond, shy in (
        (1, "opens journeys more than it closes them", "the beginning", "the end"),
        (-1, "closes journeys more than it opens them", "the end", "the beginning"),
    ):
        channel = max(lead, key=lambda each: (sign * lead[each], each), default=None)
        if channel is None or sign * lead[channel] < LEAST_SHARE:
            continue
        begun, ended = (
            wording.percent(count / journeys.touched) for count in (journeys.begun(channel), journeys.ended(channel))
        )
        yield (
            f"{wording.title(channel)} {what}: of the {noun(view.conversion_type)} with a known path {begun} begin "
            f"with it and {ended} end with it. Models that look at {fond} give it more, those that look at {shy} less."
        )


def _between(view: View) -> Iterator[str]:
    """The channel that is in many paths and at few ends; direct is none, but visits whose channel nobody knows."""
    journeys = view.journeys
    if not journeys.touched:
        return

    def hidden(channel: str) -> float:
        ends = max(journeys.begun(channel), journeys.ended(channel))
        return (journeys.held(channel, channel) - ends) / journeys.touched

    known = [each for each in journeys.channels if each not in DIRECT]
    channel = max(known, key=lambda each: (hidden(each), each), default=None)
    if channel is not None and hidden(channel) >= 2 * LEAST_SHARE:
        within = wording.percent(journeys.held(channel, channel) / journeys.touched)
        yield (
            f"{wording.title(channel)} works in between: it is in {within} of the paths, and far fewer begin or end "
            "with it. Models that look at the ends alone hide that."
        )


def _together(view: View) -> Iterator[str]:
    """The two channels that meet most."""
    journeys = view.journeys
    pairs = [(journeys.held(*pair), pair) for pair in combinations(sorted(journeys.channels), 2)]
    count, pair = max(pairs, default=(0, ("", "")))
    if journeys.touched and count / journeys.touched >= LEAST_SHARE:
        one, other = (wording.title(each) for each in pair)
        yield (
            f"{one} and {other} meet most: {wording.percent(count / journeys.touched)} of the paths hold both, "
            "and what one model gives to the one, another gives to the other."
        )


def _pace(view: View) -> Iterator[str]:
    days, touches = view.journeys.days, view.journeys.touches
    if days and touches:
        yield (
            f"Half of the {noun(view.conversion_type)} are reached within {wording.number(days.median, 'days')} of "
            f"their first touch and by {wording.count(touches.median)} touches; one in ten takes more than "
            f"{wording.number(days.ninth, 'days')}."
        )


def _costs(view: View, currency: str) -> Iterator[str]:
    """The channel whose cost of a conversion depends most on who counts."""
    spans = []
    for channel in view.channels:
        known = [(cost(view, channel, model), model) for model in view.credits.models]
        costs = sorted((amount, model) for amount, model in known if amount is not None)
        if len(costs) > 1:
            spans.append((costs[-1][0] / costs[0][0], channel, costs[0], costs[-1]))
    times, channel, low, high = max(spans, default=(0.0, "", (0.0, ""), (0.0, "")))
    if times >= LEAST_TIMES:
        (least, by_least), (most, by_most) = low, high
        yield (
            f"What {wording.title(channel)} costs depends most on the model: {wording.money(least, currency)} for each "
            f"of the {noun(view.conversion_type)} by {named(by_least)}, "
            f"{wording.money(most, currency)} by {named(by_most)}."
        )


def _unknown(view: View) -> Iterator[str]:
    journeys = view.journeys
    unknown = journeys.conversions - journeys.touched
    if unknown and unknown / journeys.conversions >= LEAST_SHARE:
        yield (
            f"Of {wording.percent(unknown / journeys.conversions)} of the {noun(view.conversion_type)} no touch is "
            "known: every model leaves them unattributed, and none can say more about them."
        )


def _sourced(rules: Sequence[Rule], currency: str) -> Iterator[str]:
    """How far the rules for marketing-sourced pipeline lie apart, and what the locked one says."""
    known = [(rule.amount, rule) for rule in rules if rule.name != "influenced" and rule.amount is not None]
    locked = next((rule for rule in rules if rule.is_locked and rule.amount is not None), None)
    if not known or locked is None or not locked.pipeline:
        return
    low, high = (choose(known, key=lambda pair: pair[0]) for choose in (min, max))
    if (high[0] - low[0]) / locked.pipeline >= LEAST_SHARE:
        yield (
            f"Of {wording.money(locked.pipeline, currency)} of pipeline created, marketing sourced "
            f"{wording.money(low[0], currency)} under the rule “{RULES[low[1].name]}” and "
            f"{wording.money(high[0], currency)} under “{RULES[high[1].name]}”; the KPI keeps to "
            f"“{RULES[locked.name]}”."
        )
