"""A wrong setting of attribution stops the run and names itself and the mend; the project's own settings are right."""

from typing import Any

from tests.kpi.project import KpiProject

ALL = ["session", "email_click", "meeting", "call", "event", "partner_referral", "offline"]
TYPES = ("lead", "mql", "opportunity", "customer", "order")


def _conversions(**changed: Any) -> dict[str, Any]:
    usual = {name: {"touches": ALL, "lookback_days": 90, "paths_of": "person"} for name in TYPES}
    return {"attribution_conversions": {**usual, "lead": {**usual["lead"], **changed}}}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no types": (
        {"attribution_conversions": None},
        "attribution_conversions: is 'None': settings for each of lead, mql",
    ),
    "a type is missing": (
        {"attribution_conversions": {"lead": {"touches": ALL, "lookback_days": 90, "paths_of": "person"}}},
        "attribution_conversions.mql: is missing",
    ),
    "a type nobody knows": (
        {"attribution_conversions": {**_conversions()["attribution_conversions"], "signup": {}}},
        "attribution_conversions.signup: no conversion type is called so",
    ),
    "a setting nobody knows": (_conversions(lookback=30), "attribution_conversions.lead.lookback: no such setting"),
    "no touches": (
        _conversions(touches=[]),
        "attribution_conversions.lead.touches: is '[]': a list of some",
    ),
    "a word for a list": (_conversions(touches="session"), "attribution_conversions.lead.touches: is 'session'"),
    "a touch nobody knows": (_conversions(touches=["visit"]), "attribution_conversions.lead.touches: is '['visit']'"),
    "no lookback": (_conversions(lookback_days=0), "attribution_conversions.lead.lookback_days: is '0'"),
    "a lookback in words": (_conversions(lookback_days="all"), "attribution_conversions.lead.lookback_days: is 'all'"),
    "a lookback of all time": (
        _conversions(lookback_days=float("inf")),
        "attribution_conversions.lead.lookback_days: is 'inf': a number of days above 0, at most 36500",
    ),
    "paths of nobody": (_conversions(paths_of="deal"), "attribution_conversions.lead.paths_of: is 'deal': person or"),
    "paths by another rule": ({"attribution_paths": "own"}, "attribution_paths: is 'own': shared or since_previous"),
    "ends of more than all": ({"attribution_position_first": 0.7}, "attribution_position_last: are '0.7', '0.4'"),
    "ends of nothing": (
        {"attribution_position_first": 0, "attribution_position_last": 0},
        "attribution_position_last: are '0', '0'",
    ),
    "no half-life": ({"attribution_half_life_days": 0}, "attribution_half_life_days: is '0'"),
    "a half-life that is no number": (
        {"attribution_half_life_days": float("nan")},
        "attribution_half_life_days: is 'nan': a number of days above 0, at most 36500",
    ),
    "a role nobody knows": (
        {"attribution_custom_weights": {"middle": 1}},
        "attribution_custom_weights.middle: no role is called so",
    ),
    "weights of nothing": (
        {"attribution_custom_weights": {"first": 0}},
        "attribution_custom_weights: is '{'first': 0}'",
    ),
    "a weight below nothing": (
        {"attribution_custom_weights": {"first": 2, "rest": -1}},
        "attribution_custom_weights: is",
    ),
    "a repeated type nobody knows": (
        {"attribution_repeated": ["signup"]},
        "attribution_repeated: no conversion type is called 'signup'",
    ),
    "no months to learn from": (
        {"attribution_training_months": 0},
        "attribution_training_months: is '0': a whole number",
    ),
    "half a conversion": ({"attribution_minimum_conversions": 0.5}, "attribution_minimum_conversions: is '0.5'"),
    "no step back": ({"attribution_markov_order": 0}, "attribution_markov_order: is '0'"),
    "resampled in words": ({"attribution_bootstrap": "many"}, "attribution_bootstrap: is 'many'"),
    "a model nobody knows": ({"kpi_attribution_model": "best"}, "kpi_attribution_model: is 'best': one of first_touch"),
    "a model without its weights": (
        {"kpi_attribution_model": "custom"},
        "where attribution_custom_weights sets weights",
    ),
}


RIGHT = {
    "as they are": {},
    "everything else": {
        **_conversions(lookback_days=0.5, touches=["call"], paths_of="company"),
        "attribution_paths": "since_previous_conversion",
        "attribution_custom_weights": {"first": 0.5, "lead": 2, "rest": 0},
        "attribution_repeated": ["opportunity", "mql"],
        "attribution_minimum_conversions": 0,
        "attribution_bootstrap": 0,
        "kpi_attribution_model": "custom",
    },
}


def test_each_wrong_setting_is_named_with_the_mend(kpi_project: KpiProject) -> None:
    said = kpi_project.attribution_violations({name: settings for name, (settings, _) in WRONG.items()})
    wrong = {name: said[name] for name, (_, sentence) in WRONG.items() if sentence not in " ".join(said[name])}
    assert wrong == {}
    assert kpi_project.attribution_violations(RIGHT) == {name: [] for name in RIGHT}


def test_nothing_runs_with_a_wrong_setting(kpi_project: KpiProject) -> None:
    wrong = {"attribution_conversions": {"lead": None}, "attribution_position_first": "half"}
    said = kpi_project.parse_error(wrong)
    assert "attribution_conversions.lead.lookback_days: is ''" in said
    assert "attribution_conversions.customer: is missing" in said
    assert "attribution_position_first, attribution_position_last: are 'half', '0.4'" in said
