"""`kpilote attribute` as a person runs it: no home, no settings, a file of one's own."""

from __future__ import annotations

import csv
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from attribution.model import DATA_DRIVEN
from orchestration.cli import main

PATHS = "path,conversions,value,nulls\nads > mail,60,600.10,300\nads,50,500,500\nmail > =cmd()|direct,40,400,100\n"
LOG = (
    "person,time,channel,campaign,converted,value\n"
    "x,2026-03-01,ads,spring,0,\nx,2026-03-02,mail,,0,\nx,2026-03-03,,,1,90\ny,2026-03-01,<b>,,0,\n"
)


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("KPILOTE_HOME", "KPILOTE_SOURCES", "KPILOTE_HASH_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "220")
    Path("paths.csv").write_text(PATHS, encoding="utf-8")
    Path("log.csv").write_text(LOG, encoding="utf-8")
    Path("told.csv").write_text("channel,conversions\nads,1\n", encoding="utf-8")


def run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, ["attribute", *arguments])
    assert done.exit_code == code, done.output
    return done


def test_every_model_is_printed_with_the_reading() -> None:
    told = run("--paths", "paths.csv", "--bootstrap", "20").stdout
    for label in ("First touch", "Last non-direct", "W-shaped", "Markov", "Shapley (rate)", "Logistic regression"):
        assert label in told
    totals = [line.split() for line in told.splitlines() if line.startswith("Total")]
    assert totals[0][1:] == ["150"] * 11 and set(totals[1][1:]) == {"1,500"}
    assert "Models disagree most on" in told and "not cause" in told
    assert "Time decay is withheld: counted paths have no times" in told
    assert "±" in told
    assert not list(Path.cwd().glob("data*"))  # no home was made


def test_only_the_models_asked_for_and_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    told = run("--paths", "paths.csv", "--model", "markov", "--model", "linear", "--bootstrap", "0").stdout
    assert "Markov" in told and "Linear" in told and "First touch" not in told and "±" not in told


def test_csv_adds_up_and_runs_no_formula() -> None:
    run("--paths", "paths.csv", "--output", "out.csv", "--bootstrap", "20", "--minimum-conversions", "1")
    rows = list(csv.DictReader(Path("out.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert {row["channel"] for row in rows} == {"ads", "mail", "'=cmd()|direct"}
    for model in {row["model"] for row in rows}:
        of_it = [row for row in rows if row["model"] == model]
        assert sum(Decimal(row["conversions"]) for row in of_it) == 150, model
        assert sum(Decimal(row["value"]) for row in of_it) == Decimal("1500.10"), model
        assert bool(of_it[0]["conversions_low"]) == (model in DATA_DRIVEN), model


def test_parquet_and_campaigns() -> None:
    run("--paths", "log.csv", "--by", "campaign", "--output", "out.parquet", "--half-life-days", "1")
    rows = [row for row in pq.read_table("out.parquet").to_pylist() if row["model"] == "time_decay"]
    assert {(row["channel"], row["campaign"]): float(row["value"]) for row in rows} == {
        ("ads", "spring"): 30.0,
        ("mail", "(none)"): 60.0,
        ("<b>", "(none)"): 0.0,
    }


def test_the_page_asks_for_nothing_and_escapes_names() -> None:
    run("--paths", "log.csv", "--output", "out.html")
    page = Path("out.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page and "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert "&lt;b&gt;" in page and "<b>" not in page.split("<body>")[1]
    assert "not cause" in page and "fewer than 100" in page


def test_the_present_tool_stands_beside() -> None:
    Path("mine.csv").write_text("Channel,Conversions\nads,110\nmail,40\nTikTok,2\n", encoding="utf-8")
    told = run("--paths", "paths.csv", "--compare", "mine.csv", "--bootstrap", "0").stdout
    assert "Yours" in told and "Only your tool names TikTok" in told
    assert "Your tool is nearest to First touch: 2 of the conversions" in told.replace("\n", " ")


def test_the_present_tool_may_know_campaigns_where_channels_are_asked_for() -> None:
    Path("mine.csv").write_text("channel,campaign,conversions\nads,x,60\nADS,y,50\nmail,,40\n", encoding="utf-8")
    told = run("--paths", "paths.csv", "--compare", "mine.csv", "--bootstrap", "0").stdout.replace("\n", " ")
    assert "Only your tool names" not in told
    assert "Your tool is nearest to First touch: 0 of the conversions stand in another channel" in told


def test_the_present_tool_by_campaign() -> None:
    Path("mine.csv").write_text(
        "channel,campaign,conversions\nads,Spring,1\nmail,(none),0\nads,autumn,0\n", encoding="utf-8"
    )
    told = run("--paths", "log.csv", "--by", "campaign", "--compare", "mine.csv").stdout.replace("\n", " ")
    assert "Your tool is nearest to First touch: 0 of the conversions" in told
    assert "Only your tool names ads / autumn: are they spelt as in the file?" in told


def test_a_terminal_has_the_largest_of_very_many_channels() -> None:
    rows = [f"c{number:03},{1_000 - number}\n" for number in range(300)]
    Path("many.csv").write_text("path,conversions\n" + "".join(rows), encoding="utf-8")
    told = run("--paths", "many.csv", "--model", "linear", "--output", "many-out.csv").stdout
    assert "c199" in told and "c200" not in told and told.count("… 100 more") == 2
    assert len(Path("many-out.csv").read_text(encoding="utf-8-sig").splitlines()) == 301


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--paths", "paths.csv", "--lookback-days", "nan"), "look-back and half-life are days"),
        (("--paths", "paths.csv", "--model", "custom"), "the model custom needs its weights by role"),
        (("--paths", "log.csv", "--by", "campaign", "--compare", "paths.csv"), "paths.csv: its columns"),
        (("--paths", "log.csv", "--by", "campaign", "--compare", "told.csv"), "told.csv: has no column campaign"),
        (("--paths", "nothing.csv"), "nothing.csv: there is no such file"),
        (("--paths", "paths.csv", "--by", "campaign"), "counted paths name no campaigns"),
        (("--paths", "paths.csv", "--position", "60,60"), "add up to at most 1"),
        (("--paths", "paths.csv", "--custom", "middle=1"), "no role middle"),
        (("--paths", "paths.csv", "--compare", "log.csv"), "log.csv: its columns"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: tuple[str, ...], told: str) -> None:
    done = run(*arguments, code=1)
    assert told in done.stderr and done.stderr.startswith("kpilote: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("--position", "40"), ("--custom", "first"), ("--output", "x.xlsx"), ("--model", "best")]
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    run("--paths", "paths.csv", *arguments, code=2)


def test_nothing_that_takes_long_to_load_is_loaded() -> None:
    """pandas takes as long to load as a million touches to be attributed."""
    program = (
        "import sys; from pathlib import Path; from attribution.engine import attribute; "
        "attribute(Path('log.csv')); attribute(Path('paths.csv')); "
        "print(sorted({'pandas', 'dbt'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
