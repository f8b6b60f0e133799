"""Fields of an organisation's own that its settings name: what the company wrote into them is what the lake holds."""

from decimal import Decimal

import pandas as pd
import pytest

from ingestion.registry import table
from ingestion.settings import Settings
from sandbox.vendors import VENDORS
from sandbox.world import World
from tests.ingestion.conftest import END
from tests.ingestion.lake_reader import VOLATILE, latest

# Where each CRM keeps companies and deals, and the column of a deal's recurring amount.
TABLES = {
    "hubspot": ("companies", "deals", "mrr"),
    "salesforce": ("accounts", "opportunities", "recurring_amount"),
    "pipedrive": ("organizations", "deals", "recurring_amount"),
}


def told(settings: Settings, name: str, *columns: str) -> dict[object, tuple[object, ...]]:
    """Columns of the records that stand, by id."""
    declared = table(name)
    names = [column.name for column in declared.columns if column.name not in VOLATILE]
    rows = (dict(zip(names, row, strict=True)) for row in latest(settings, declared))
    return {row[declared.key[0]]: tuple(row[each] for each in columns) for row in rows if not row["archived"]}


def written(value: object) -> object:
    if pd.isna(value):  # type: ignore[call-overload]
        return None
    return Decimal(f"{value:.2f}") if isinstance(value, float) else value


@pytest.mark.parametrize("crm", TABLES)
def test_an_organisations_own_fields_are_what_it_wrote(pulled: Settings, world: World, crm: str) -> None:
    company, vendor, (companies, deals, recurring) = world.snapshot(END), VENDORS[crm], TABLES[crm]
    standing = company.companies[company.companies["merged_into"].isna()]
    segments = {(vendor.company_id or str)(row.company_id): (written(row.segment),) for row in standing.itertuples()}
    assert told(pulled, f"{crm}.{companies}", "segment") == segments
    kept = company.deals[company.deals["archived_at"].isna()]
    own = {vendor.deal_id(row.deal_id): (written(row.partner), written(row.mrr)) for row in kept.itertuples()}
    assert told(pulled, f"{crm}.{deals}", "partner", recurring) == own
    assert all(len({value[at] for value in own.values()}) > 1 for at in (0, 1))
    assert {None} < {segment for (segment,) in segments.values()}
