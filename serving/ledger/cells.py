"""Cells that differ between two publications: `old.kpi_values × new.kpi_values → changed_cells`.

A cell is (kpi, cadence, period_start, dimension, dimension_value). It differs when its value, numerator, denominator or
the reason of a missing value does; that a period became final, or a target moved, is no change of what was measured.
"""

from __future__ import annotations

import duckdb

KEY = ("kpi", "cadence", "period_start", "dimension", "dimension_value")
SAID = ("value", "numerator", "denominator", "null_reason")
# What one period of a cadence lasts.
_LASTS = """case cadence
    when 'day' then interval 1 day when 'week' then interval 7 days when 'month' then interval 1 month
    when 'quarter' then interval 3 months when 'year' then interval 1 year
end"""


def recall(connection: duckdb.DuckDBPyConnection, ledger: str) -> None:
    """Create `old_changed` and `new_changed` where no release holds what was reported: the last word of the ledger on
    each cell. A period counts as open, provisional or final by the last day that had been told when its cadence was,
    and the KPI's late window (as the marts have it). Why a value was missing is in no ledger: two missing values count
    as the same.
    """
    key = ", ".join(KEY)
    connection.execute("create schema old_changed")
    connection.execute("create schema new_changed")
    connection.execute("create view new_changed.kpi_values as from new.kpi_values")
    connection.execute(
        f"""
        create table old_changed.kpi_values as
        with ledger as (from {ledger}),
        told as (select cadence, max(release_id) as release_id from ledger group by cadence),
        horizons as (
            select told.cadence, max(ledger.period_start) as data_through
            from told inner join ledger on ledger.release_id <= told.release_id and ledger.cadence = 'day'
            group by told.cadence
        ),
        last as (
            select
                ledger.* exclude (definition_version), (period_start + {_LASTS})::date - 1 as period_end,
                horizons.data_through,
                -- An edit reaches all cells of a cadence, though not all of them have another value then.
                max_by(definition_version, release_id) over (partition by kpi, cadence) as definition_version
            from ledger left join horizons using (cadence)
            qualify row_number() over (partition by {key} order by release_id desc) = 1
        )
        select
            {", ".join(f"last.{column}" for column in KEY)},
            last.new_value as value, last.new_numerator as numerator, last.new_denominator as denominator,
            now.null_reason, last.period_end, last.definition_version,
            case
                when last.period_end > last.data_through then 'open'
                when last.period_end + coalesce(catalogue.late_days, 0) > last.data_through then 'provisional'
                else 'final'
            end as period_status
        from last
        left join new.kpi_values as now using ({key})
        left join new.kpi_catalogue as catalogue on last.kpi = catalogue.kpi
        where last.change <> 'disappeared'
        """  # noqa: S608 - constants of this module and our own files
    )


def compare(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `reported` (periods of the old release, of files that changed) and `changed_cells`."""
    connection.execute(
        """
        create table reported as
        select kpi, cadence, period_start, any_value(period_status) as status, any_value(definition_version) as version
        from old_changed.kpi_values where dimension = 'total' group by all
        """
    )
    key = ", ".join(KEY)
    coalesced = ", ".join(f"coalesce(n.{column}, o.{column}) as {column}" for column in KEY)
    pairs = ", ".join(f"o.{column} as old_{column}, n.{column} as new_{column}" for column in SAID)
    differs = " or ".join(f"o.{column} is distinct from n.{column}" for column in SAID)
    connection.execute(
        f"""
        create table changed_cells as
        with pairs as (
            select
                {coalesced}, {pairs},
                case when o.kpi is null then 'appeared' when n.kpi is null then 'disappeared' else 'changed' end
                    as change,
                n.definition_version as new_version,
                coalesce(n.period_end, o.period_end) as period_end
            from old_changed.kpi_values as o full join new_changed.kpi_values as n using ({key})
            where o.kpi is null or n.kpi is null or {differs}
        ),
        -- A cadence that was not refreshed since a definition was edited still says what the old one gives.
        versions as (
            select kpi, cadence, any_value(definition_version) as version from new.kpi_values group by kpi, cadence
        )
        select
            row_number() over (order by {", ".join(f"pairs.{column}" for column in KEY)}) as cell_id,
            pairs.*,
            coalesce(pairs.new_version, versions.version, reported.version) as definition_version,
            reported.kpi is null as is_first_report,
            coalesce(reported.status = 'final', false) as was_final,
            coalesce(reported.status = 'open', false) as was_open,
            coalesce(reported.version is distinct from versions.version, false) and reported.kpi is not null
                as is_redefined
        from pairs
        left join reported
            on pairs.kpi = reported.kpi and pairs.cadence = reported.cadence
            and pairs.period_start = reported.period_start
        left join versions on pairs.kpi = versions.kpi and pairs.cadence = versions.cadence
        """  # noqa: S608 - constants of this module
    )
