"""Attribution without a warehouse: who brought the conversions of a file of paths or touches, by every model.

Flow: file (`opening` a CSV) → `reading` (which form it has) → `checks` → `tables` → `touches` (a log of touches:
windows, rule credits in SQL, packed paths) or `rules` (paths that came counted) → `driven` (`markov`, `shapley`,
`logistic`, `bootstrap`) → `engine.Result`.

A room of its own: it imports none of the others, and its solves (`markov.shares`, `shapley.rate_shares` …) are pure
functions of arrays that a warehouse's model can call. Not here: what people see of it (`serving/comparison`,
`orchestration/cli/attribute.py`).
"""
