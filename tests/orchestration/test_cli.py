"""The command: exit codes, one line per failure, and what it does end to end."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from sandbox.server import env
from serving import release
from tests.conftest import Home, home_environment, serving
from tests.orchestration.command import kpilote
from tests.serving import warehouse
from tests.serving.warehouse import Places


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    return home_environment(tmp_path / "home")


def test_help_names_the_commands(empty: dict[str, str]) -> None:
    done = kpilote(empty, "--help")
    assert done.exit_code == 0
    for command in (
        "demo",
        "init",
        "sandbox",
        "doctor",
        "erase",
        "refresh",
        "scorecard",
        "attribution",
        "channels",
        "dev",
        "release",
    ):
        assert f"\n  {command} " in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("refresh",),
        ("refresh", "--cadence", "hourly"),
        ("refresh", "--cadence", "daily", "--from", "2025-01-01"),
        ("refresh", "--cadence", "daily", "--from", "2025-02-01", "--to", "2025-01-01"),
        ("refresh", "--cadence", "daily", "--from", "yesterday", "--to", "2025-01-01"),
        ("refresh", "--cadence", "daily", "--from", "2024-12-31", "--to", "2025-01-02"),
        ("refresh", "--cadence", "daily", "--from", "2025-01-01", "--to", "2999-01-01"),
        ("refresh", "--cadence", "daily", "--as-of", "2025-01-02"),
        ("refresh", "--as-of", "last week"),
        ("scorecard", "--cadence", "hourly"),
        ("channels", "--limit", "0"),
        ("unknown",),
    ],
)
def test_wrong_usage_is_2(empty: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = kpilote(empty, *arguments)
    assert done.exit_code == 2, done.output


def test_a_range_nobody_can_refresh_says_which_days_there_are(empty: dict[str, str]) -> None:
    done = kpilote(empty, "refresh", "--cadence", "daily", "--from", "2024-12-31", "--to", "2025-01-02")
    assert "2025-01-01" in done.output
    assert "KPILOTE_START_DATE" in done.output


@pytest.mark.parametrize(
    "arguments", [("scorecard",), ("attribution",), ("channels",), ("release", "rollback"), ("release", "verify")]
)
def test_no_release_yet_is_one_line_with_the_mend(empty: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = kpilote(empty, *arguments)
    assert done.exit_code == 1
    assert len(done.output.splitlines()) == 1
    assert "kpilote" in done.output


@pytest.mark.parametrize(
    "arguments",
    [("refresh", "--cadence", "daily"), ("refresh", "--as-of", "2025-01-02"), ("erase", "--id", "hubspot:1", "--yes")],
)
def test_a_home_that_cannot_be_written_is_one_line(
    empty: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file, so that no folder can be made in it")
    done = kpilote({**empty, "KPILOTE_HOME": str(taken / "home")}, *arguments)
    assert done.exit_code == 1
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert str(taken) in done.output and "see to its permissions" in done.output


def test_missing_credentials_are_one_line_naming_the_setting(empty: dict[str, str]) -> None:
    done = kpilote(empty, "refresh", "--cadence", "daily", "--from", "2025-01-01", "--to", "2025-01-01")
    assert done.exit_code == 1
    last = done.output.splitlines()[-1]
    assert last.startswith("kpilote: daily refresh failed at pull: ")
    assert "SOURCES__" in last
    assert str(Path(empty["KPILOTE_HOME"]) / "logs" / "kpilote.log") in last


def test_doctor_says_what_is_missing(empty: dict[str, str]) -> None:
    done = kpilote({**empty, "KPILOTE_HASH_KEY": ""}, "doctor")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert any(line.startswith("FAIL hash key: ") and "KPILOTE_HASH_KEY" in line for line in lines)
    assert any(line.startswith("FAIL hubspot: ") and "SOURCES__HUBSPOT__ACCESS_TOKEN" in line for line in lines)


def test_doctor_refuses_a_start_that_is_still_to_come(empty: dict[str, str]) -> None:
    done = kpilote({**empty, "KPILOTE_START_DATE": "2999-01-01"}, "doctor")
    assert done.exit_code == 1
    assert "KPILOTE_START_DATE 2999-01-01 lies in the future" in " ".join(done.output.split())


def test_a_home_without_a_release_says_how_to_get_one(empty: dict[str, str]) -> None:
    assert "kpilote refresh --cadence daily" in " ".join(kpilote(empty, "release", "list").output.split())


def test_doctor_refuses_files_alone(empty: dict[str, str]) -> None:
    done = kpilote({**empty, "KPILOTE_SOURCES": "spreadsheets"}, "doctor")
    assert done.exit_code == 1
    assert "FAIL sources: KPILOTE_SOURCES names no CRM, analytics or email platform" in done.output


def test_doctor_is_content_where_everything_answers(built_home: Home) -> None:
    with serving(built_home) as served:
        done = kpilote(served.environment, "doctor")
    assert done.exit_code == 0, done.output
    assert all(line.startswith("ok ") for line in done.output.splitlines())
    assert "sandbox-hubspot-token" not in done.output


@pytest.mark.parametrize("cadence", ["daily", "weekly", "monthly", "quarterly"])
def test_the_scorecard_of_a_cadence(built_home: Home, cadence: str) -> None:
    done = kpilote(built_home.environment, "scorecard", "--cadence", cadence)
    assert done.exit_code == 0, done.output
    assert "Web sessions" in done.output or "North Star" in done.output
    assert "scorecard.html" in done.output


def test_attribution_in_words_and_its_page(built_home: Home) -> None:
    done = kpilote(built_home.environment, "attribution")
    assert "not cause: only an experiment shows" in " ".join(done.output.split())
    assert "attribution.html" in done.output


def test_the_scorecard_as_a_file(built_home: Home, tmp_path: Path) -> None:
    file = tmp_path / "scorecard.csv"
    done = kpilote(built_home.environment, "scorecard", "--csv", str(file))
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert {row["cadence"] for row in rows} == {"month"}
    assert float(next(row["value"] for row in rows if row["kpi"] == "mrr")) > 0
    done = kpilote(built_home.environment, "scorecard", "--csv", str(tmp_path / "no" / "folder.csv"))
    assert (done.exit_code, "Traceback" in done.output) == (1, False)


def test_channels_shows_links_that_lack_a_tag(built_home: Home) -> None:
    """The company posts links on LinkedIn without a campaign; otherwise its tags are in order and every rule known."""
    done = kpilote(built_home.environment, "channels")
    assert done.exit_code == 0, done.output
    assert "Sessions no rule matches: none" in done.output
    mistakes = done.output.partition("Mistakes in the tags of links")[2].splitlines()[2:]
    words = [line.split() for line in mistakes if line.strip()]
    assert [each[:-3] for each in words] == [["campaign", "missing", "(not", "set)", "linkedin", "/", "social"]]


def test_a_release_that_was_rolled_back_is_listed_as_such(empty: dict[str, str]) -> None:
    places = Places(Path(empty["KPILOTE_HOME"]))
    warehouse.build(places.warehouse_path)
    release.publish(places, warehouse.GATES)
    warehouse.next_day(places)
    release.publish(places, warehouse.GATES)
    assert kpilote(empty, "release", "rollback").exit_code == 0
    newest, chosen = kpilote(empty, "release", "list").output.splitlines()
    assert newest.startswith("  ")
    assert "rolled back" in newest
    assert chosen.startswith("* ")
    assert "rolled back" not in chosen


def test_releases_are_listed_and_verified(built_home: Home) -> None:
    listed = kpilote(built_home.environment, "release", "list")
    assert listed.output.startswith("* ")
    assert built_home.last_day.isoformat() in listed.output
    assert kpilote(built_home.environment, "release", "verify").exit_code == 0


def test_the_demo_never_mixes_with_real_data(built_home: Home, tmp_path: Path) -> None:
    """The built home was pulled from a server that is not the demo's own: to the command it is somebody's account."""
    done = kpilote(built_home.environment, "demo")
    assert done.exit_code == 1
    assert "KPILOTE_HOME" in done.output


@pytest.mark.parametrize("command", [("refresh", "--cadence", "daily"), ("doctor",), ("erase", "--email", "a@b.fr")])
@pytest.mark.parametrize(
    "own",
    [
        {"SOURCES__HUBSPOT__ACCESS_TOKEN": "pat-of-our-own"},
        {"SOURCES__GA4__PROPERTY_ID": "1", "SOURCES__GA4__BASE_URL": "https://analyticsdata.googleapis.com"},
        {"SOURCES__SPREADSHEETS__URL": "/somewhere/else"},
    ],
)
def test_an_account_of_ones_own_is_never_pulled_into_the_demos_home(
    own: dict[str, str], command: tuple[str, ...], tmp_path: Path
) -> None:
    environment = home_environment(tmp_path)
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "world.json").write_text("{}")
    done = kpilote({**environment, **own}, *command)
    assert done.exit_code == 1
    assert f"{tmp_path} is the demo's and {next(iter(own))} is your own: set KPILOTE_HOME" in " ".join(
        done.output.split()
    )
    assert "pat-of-our-own" not in done.output
    assert [each.name for each in tmp_path.iterdir()] == ["sandbox"]


def test_a_sandbox_that_runs_already_is_what_a_home_of_its_own_pulls(tmp_path: Path) -> None:
    """`kpilote sandbox` says where it is by the variables of its vendors."""
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "world.json").write_text("{}")
    mine = env("http://127.0.0.1:9", tmp_path)
    done = kpilote({**home_environment(tmp_path), **mine}, "doctor")
    assert "127.0.0.1" in done.output
    assert "is your own" not in done.output


@pytest.mark.slow
def test_the_demo_twice(tmp_path: Path) -> None:
    """A very small company, founded a quarter ago: from nothing to the scorecard, and again without any change."""
    home = tmp_path / "home"
    environment = {**home_environment(home), "KPILOTE_START_DATE": months_ago(4), "KPILOTE_HASH_KEY": ""}
    first = kpilote(environment, "demo", "--scale", "0.05")
    assert first.exit_code == 0, first.output
    assert "North Star" in first.output
    release = (home / "releases" / "current").readlink()
    second = kpilote(environment, "demo", "--scale", "0.05")
    assert second.exit_code == 0, second.output
    assert (home / "releases" / "current").readlink() == release


def months_ago(months: int) -> str:
    from sandbox.server import today

    now = today()
    count = now.year * 12 + now.month - 1 - months
    return f"{count // 12:04d}-{count % 12 + 1:02d}-01"
