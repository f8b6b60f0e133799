"""The dbt test every key rests on: it holds, and fails for a repeated key and for a key with a part missing."""

import pytest

from orchestration import dbt
from tests.dbt_project.warehouse import Warehouse

MODEL = "int_deals__amounts"  # keyed by deal_id and amount_number
KEYS = {
    "whole": ("('a', 1), ('a', 2), ('b', 1)", True),
    "repeated": ("('a', 1), ('a', 1)", False),
    "first part missing": ("(null, 1)", False),
    "second part missing": ("('a', null)", False),
}


@pytest.mark.parametrize(("rows", "holds"), KEYS.values(), ids=KEYS)
def test_a_key_is_whole_and_names_one_row(built: Warehouse, rows: str, holds: bool) -> None:
    built.execute(f"delete from intermediate.{MODEL}")
    built.execute(f"insert into intermediate.{MODEL} (deal_id, amount_number) values {rows}")
    failed = dbt.invoke(built.settings, ["test", "--select", f"{MODEL},test_type:data", "--log-level", "none"])
    built.execute(f"delete from intermediate.{MODEL}")
    assert (failed == []) == holds
