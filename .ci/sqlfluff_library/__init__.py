"""What the project's macros use and SQLFluff's Jinja templater does not know: linting needs no dbt and no warehouse.

SQLFluff's own dbt templater does not work with the pinned dbt. The vars are the project's own; macros of macros/engine
become placeholders, because what they expand to is not what a reader of the model sees.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project" / "dbt_project.yml"
_VARS: dict[str, Any] = yaml.safe_load(_PROJECT.read_text(encoding="utf-8"))["vars"]
_QUERIES = {"committed_windows", "covered_months", "exploded", "span_days", "span_months"}


def var(name: str, default: Any = None) -> Any:
    return _VARS.get(name, default)


def env_var(_: str, default: str = "") -> str:
    return default


class Adapter:
    """`adapter.dispatch` of the engine macros."""

    def dispatch(self, name: str, _: str = "") -> Callable[..., str]:
        return lambda *_, **__: "select 1 as placeholder" if name in _QUERIES else "placeholder"


class Dbt:
    """dbt's cross-database macros in use."""

    def safe_cast(self, expression: str, kind: str) -> str:
        return f"cast({expression} as {kind})"

    def split_part(self, text: str, separator: str, part: int) -> str:
        return f"split_part({text}, {separator}, {part})"

    def last_day(self, date: str, part: str) -> str:
        return f"last_day({date}, {part})"

    def type_string(self) -> str:
        return "varchar"


class Builtins:
    """dbt's own `source`, which the project's wraps."""

    def source(self, source_name: str, table_name: str) -> str:
        return f"{source_name}_{table_name}"


adapter = Adapter()
builtins = Builtins()
dbt = Dbt()
