"""Writes the dbt sources from the registry: `python -m tests.dbt_project.sources_yaml` after a change there.

Flow: ingestion.registry → dbt_project/models/staging/<source>/_<source>__sources.yml. The files are committed, so
that dbt runs without Python of ours; test_sources.py fails when they differ from the registry.
"""

from pathlib import Path

from ingestion import registry

STAGING = Path(__file__).parents[2] / "dbt_project" / "models" / "staging"
LAKE = "lake://"  # where it is, the macro `source` knows
HEADER = "# Written by `python -m tests.dbt_project.sources_yaml` from ingestion/registry.py: change it there."


def path(source: registry.Source) -> Path:
    """Where the source's YAML lives."""
    return STAGING / source.name / f"_{source.name}__sources.yml"


def render(source: registry.Source) -> str:
    """The YAML: one dbt source per lake source, one table per lake table, read from its Parquet files."""
    location = f"(select * from read_parquet('{LAKE}{source.name}/{{name}}/*.parquet', union_by_name = true))"
    lines = [
        HEADER,
        "sources:",
        f"  - name: {source.name}",
        f"    description: {_text(source.description)}",
        "    config:",
        "      meta:",
        "        external_location: >-",
        f"          {location}",
        "    tables:",
    ]
    for table in source.tables.values():
        lines += [f"      - name: {table.name}", f"        description: {_text(table.description)}", "        columns:"]
        for column in (*table.columns, registry.LOAD_ID):
            lines += [f"          - name: {column.name}", f"            description: {_text(column.description)}"]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    for each in registry.SOURCES.values():
        path(each).write_text(render(each), encoding="utf-8")
