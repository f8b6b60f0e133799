"""Templates of the file types, generated from the registry: `python -m ingestion.sources.spreadsheets.templates`.

Writes `ingestion/templates/{type}.csv` (the header, nothing else) and `README.md` (what each column holds).
"""

from pathlib import Path

from ingestion.formulas import csv_text
from ingestion.sources.spreadsheets.files import columns, header
from ingestion.tables.spreadsheets import SOURCE

FOLDER = Path(__file__).resolve().parents[2] / "templates"
INTRODUCTION = """\
# Spreadsheet templates

Generated from `ingestion/tables/spreadsheets.py`; a test keeps them equal. Copy a template into the folder of
`SOURCES__SPREADSHEETS__URL` and fill it in, as CSV or XLSX. A file's type is what its name begins with
(`ad_spend_2026.csv`), several files of a type are read together. Dates: `2026-03-31` or `31/03/2026`. Numbers:
`1234.56` or `1 234,56`. Further columns are ignored. All accepted forms and messages: `docs/spreadsheets.md`.
"""


def contents() -> dict[str, str]:
    """File name → text of every template."""
    files = {f"{table.name}.csv": csv_text([header(table)]) for table in SOURCE.tables.values()}
    sections = [INTRODUCTION]
    for table in SOURCE.tables.values():
        rows = [
            f"| `{column.name}` | {column.type} | {'' if column.nullable else 'yes'} | {column.description} |"
            for column in columns(table)
        ]
        head = ["| column | type | required | what it holds |", "|---|---|---|---|"]
        sections.append("\n".join([f"## {table.name}", "", table.description, "", *head, *rows]) + "\n")
    return {**files, "README.md": "\n".join(sections)}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in contents().items():
        (FOLDER / name).write_bytes(text.encode())


if __name__ == "__main__":
    main()
