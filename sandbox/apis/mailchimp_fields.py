"""Mailchimp's `fields` and `exclude_fields`: dotted paths that keep or drop parts of an answer.

Flow: `parameters → Fields → smaller answer`. Belongs here: that. Does not: any knowledge of what the parts are.
"""

from __future__ import annotations

from typing import Any

from sandbox.apis.answers import Json

Tree = dict[str, Any]


def _tree(text: str | None) -> Tree:
    """The paths a.b,c as {"a": {"b": {}}, "c": {}}; an empty branch means the whole of it."""
    tree: Tree = {}
    for path in filter(None, (part.strip() for part in (text or "").split(","))):
        branch = tree
        for name in path.split("."):
            branch = branch.setdefault(name, {})
    return tree


class Fields:
    """What one request keeps and drops."""

    def __init__(self, keep: str | None, drop: str | None) -> None:
        self._keep, self._drop = _tree(keep), _tree(drop)

    def pick(self, body: Json) -> Json:
        kept = _kept(body, self._keep) if self._keep else body
        return _dropped(kept, self._drop) if self._drop else kept


def _kept(value: Any, tree: Tree) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_kept(each, tree) for each in value]
    if isinstance(value, dict):
        return {name: _kept(value[name], branch) for name, branch in tree.items() if name in value}
    return value


def _dropped(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [_dropped(each, tree) for each in value]
    if not isinstance(value, dict):
        return value
    answer = {}
    for name, each in value.items():
        branch = tree.get(name)
        if branch is None:
            answer[name] = each
        elif branch:
            answer[name] = _dropped(each, branch)
    return answer
