"""Solves the data-driven models: the packed paths of each month's window to shares of its conversions, by channel.

Belongs here: what is read and written. Windows, models and reasons are `attribution.windows`. A window that rests on
what it rested on in the last run is not solved again; `--full-refresh` solves all of them, to the same bits.
"""


def model(dbt, session):
    dbt.config(materialized="table_by_window")
    from attribution import windows

    packed = dbt.ref("int_attribution__paths")
    settings = windows.Windows(
        training_months=dbt.config.meta_get("training_months"),
        minimum_conversions=dbt.config.meta_get("minimum_conversions"),
        markov_order=dbt.config.meta_get("markov_order"),
        bootstrap=dbt.config.meta_get("bootstrap"),
    )

    def of_months(months):
        wanted = ", ".join(f"date '{month}'" for month in months)
        return packed.filter(f"month in ({wanted})").to_arrow_table()

    months = dbt.ref("int_attribution__months").to_arrow_table()
    return windows.solved(months, of_months, _held(dbt, session), settings)


def _held(dbt, session):
    """What the last run solved; None where there was none."""
    there = session.execute(
        "select count(*) from duckdb_tables() where database_name = ? and schema_name = ? and table_name = ?",
        [dbt.this.database, dbt.this.schema, dbt.this.identifier],
    ).fetchall()
    return session.table(str(dbt.this)).to_arrow_table() if there[0][0] else None
