"""The rule models: what a touch is credited by the place it holds in its path.

One formula for all of them but time decay. A model gives weights to roles (first, last, last non-direct, lead-creating,
opportunity-creating) and to the rest. A touch gets the weights of the roles it holds; touches that hold none share the
rest's weight equally; what roles a path lacks is made up for in proportion, so that each path's credits add up to 1. A
path that has none of the model's roles is shared equally. (40/20/40 with two touches is thus 50/50, with one 100.)

`credit_sql` says it for touches in DuckDB, `path_credits` for packed paths; the definitions' source is the mart
`attribution_credits` and, for W-shaped and full path, their published weights 30/30/30/10 and 4 × 22.5 + 10.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from attribution.packed import Floats, Ints, Paths, summed


def credit_sql(weights: Mapping[str, float]) -> str:
    """A touch's credit: an expression over `place` and its path's `first`, `last`, … `touches` (see `touches.py`)."""
    roles = [role for role in weights if role != "rest"]
    rest = weights.get("rest", 0.0)
    if not roles:
        return "cast(1 as double) / touches"
    holders = " + ".join(_new_holder(roles, number) for number in range(len(roles)))
    others = f"(touches - ({holders}))"
    present = " + ".join(_if(f"{role}_place is not null", weights[role]) for role in roles)
    whole = f"({present} + {_if(f'{others} > 0', rest)})"
    held = " + ".join(_if(f"place = {role}_place", weights[role]) for role in roles)
    none_held = " and ".join(f"place is distinct from {role}_place" for role in roles)
    share = f"(case when {none_held} then cast({rest!r} as double) / {others} else {held} end)"
    return f"case when {whole} = 0 then cast(1 as double) / touches else {share} / {whole} end"


def _if(condition: str, weight: float) -> str:
    return f"case when {condition} then cast({weight!r} as double) else cast(0 as double) end"


def _new_holder(roles: list[str], number: int) -> str:
    """1 where a role is held by a touch that holds none of the roles before it."""
    role = f"{roles[number]}_place"
    others = "".join(f" and {role} is distinct from {earlier}_place" for earlier in roles[:number])
    return f"case when {role} is not null{others} then 1 else 0 end"


def path_credits(paths: Paths, weights: Mapping[str, float], amounts: Floats, is_direct: NDArray[np.bool_]) -> Floats:
    """Amounts of the paths, credited to channels. Paths say nothing of milestones, so nobody holds those roles."""
    places = {
        "first": paths.firsts,
        "last": paths.lasts,
        "last_non_direct": _last_non_direct(paths, is_direct) if "last_non_direct" in weights else paths.lasts,
    }
    held = [(weights[role], place) for role, place in places.items() if role in weights]
    # A role held by a touch that holds one before it makes no further touch an exception to the rest.
    news = [
        np.all([place != earlier for _, earlier in held[:number]], axis=0) if number else np.full(len(paths), True)
        for number, (_, place) in enumerate(held)
    ]
    rest = weights.get("rest", 0.0)
    others = paths.lengths - np.sum(news, axis=0, dtype=np.int64)
    whole = sum(weight for weight, _ in held) + np.where(others > 0, rest, 0.0)
    if not held or not whole.all():  # no role is known of these paths: each is shared equally
        others, whole, rest, held, news = paths.lengths, np.ones(len(paths)), 1.0, [], []
    each = np.where(others > 0, rest / np.maximum(others, 1), 0.0) / whole * amounts
    credited = summed(paths.touches, np.repeat(each, paths.lengths), paths.channels)
    for new, (weight, place) in zip(news, held, strict=True):
        given = weight / whole * amounts - np.where(new, each, 0.0)
        credited += summed(paths.touches[place], given, paths.channels)
    return credited


def _last_non_direct(paths: Paths, is_direct: NDArray[np.bool_]) -> Ints:
    """Where the last touch that is not direct is; the last where all are."""
    found = np.where(is_direct[paths.touches], -1, np.arange(len(paths.touches)))
    last = np.maximum.reduceat(found, paths.firsts) if len(paths) else paths.lasts
    return np.where(last < 0, paths.lasts, last)
