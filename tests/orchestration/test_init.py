"""`kpilote init`: from questions, or from options and environment, to a `.env` the doctor is content with."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner, Result
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from ingestion import settings as settings_module
from ingestion.errors import SettingsError
from ingestion.registry import SOURCES
from ingestion.settings import Settings, settings_class
from ingestion.tables.model import Source, SourceKind
from orchestration import env_file
from orchestration.cli import main
from orchestration.init import KINDS, Question, basics, chosen, in_order, questions, source_questions, tools
from sandbox.server import Running, running
from sandbox.world import World

START, UNTIL = dt.date(2026, 8, 1), dt.date(2026, 9, 1)
HUBSPOT, GA4, MAILCHIMP = "SOURCES__HUBSPOT__ACCESS_TOKEN", "SOURCES__GA4__ACCESS_TOKEN", "SOURCES__MAILCHIMP__API_KEY"
PROPERTY, EXPORT, FOLDER = "SOURCES__GA4__PROPERTY_ID", "SOURCES__GA4__EXPORT_URL", "SOURCES__SPREADSHEETS__URL"
ASKED = (HUBSPOT, GA4, PROPERTY, EXPORT, MAILCHIMP, FOLDER)
SECRETS = (HUBSPOT, GA4, MAILCHIMP)
NEXT = "Next: kpilote refresh --cadence daily"
ROOT = Path(__file__).parents[2]

# A connector somebody adds: nothing of it is known but its settings class.
ACME = '''
"""Acme."""
from pydantic import Field, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from ingestion.errors import SourceError
from ingestion.http import HttpSettings
from ingestion.settings import Folder


class AcmeSettings(HttpSettings):
    model_config = SettingsConfigDict(env_prefix="SOURCES__ACME__")

    site: PositiveInt = Field(description="Number of the site.")
    password: SecretStr = Field(description="Password of the account.")
    certificate: SecretStr | None = Field(None, description="Certificate.")
    base_url: str = Field("https://acme.example", description="Root of the API.")
    exports: Folder = Field("", description="Folder of exports.", json_schema_extra={"ask": True})
    region: str = Field("eu", description="Region.", json_schema_extra={"ask": True})


def check() -> str:
    settings = AcmeSettings.load()
    if settings.password.get_secret_value() != "sesame open":
        raise SourceError("acme", "the password was refused: set SOURCES__ACME__PASSWORD")
    return f"site {settings.site} in {settings.region}"
'''


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(World(seed=7, start=START, scale=0.02), UNTIL, home=tmp_path_factory.mktemp("company")) as served:
        yield served


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One more CRM, whose connector lies where connectors lie."""
    import ingestion.sources

    folder = tmp_path_factory.mktemp("connectors")
    (folder / "acme.py").write_text(ACME)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingestion.sources, "__path__", [*ingestion.sources.__path__, str(folder)])
        patch.setitem(SOURCES, "acme", Source("acme", "Acme CRM", "A fifth.", "crm"))
        yield
    sys.modules.pop("ingestion.sources.acme", None)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, in which nothing is set."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("KPILOTE_", "SOURCES__"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def account(company: Running) -> dict[str, str]:
    """What a person knows of the company's accounts, by variable."""
    return {name: company.env[name] for name in ASKED}


@pytest.fixture
def served(company: Running) -> dict[str, str]:
    """Where the company's vendors are; nobody is asked for that."""
    return {name: value for name, value in company.env.items() if name not in ASKED}


def init(environment: dict[str, str], *arguments: str, typed: str | tuple[str, ...] = "") -> Result:
    """The command, which leaves nothing of `.env` in the environment; settings nobody could read do not stop it."""
    text = typed if isinstance(typed, str) else "".join(f"{line}\n" for line in typed)
    with mock.patch.dict(os.environ, environment):
        settings_module.settings.cache_clear()
        try:
            return CliRunner().invoke(main, ("init", *arguments), input=text)
        finally:
            settings_module.settings.cache_clear()


def answers(account: dict[str, str]) -> tuple[str, ...]:
    """Everything from the first question to the last, for one tool of each kind."""
    first = tuple("1" for _ in KINDS)
    basic = ("home", "2026-08-01", "Europe/Brussels", "usd")
    return (
        *first, account[FOLDER], *basic,
        account[HUBSPOT], account[PROPERTY], account[GA4], "", account[EXPORT], account[MAILCHIMP],
    )  # fmt: skip


def written() -> dict[str, str | None]:
    return dotenv_values(".env")


def mode(path: str = ".env") -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def assert_no_secret(done: Result, *values: str | None) -> None:
    for value in values:
        assert value
        assert value not in done.output


def test_from_nothing_to_a_content_doctor(account: dict[str, str], served: dict[str, str]) -> None:
    done = init(served, typed=answers(account))
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("ok ")] == [
        "settings:", "sources:", "home:", "lake:", "hash", "hubspot:", "ga4:", "mailchimp:", "spreadsheets:",
        "release:",
    ]  # fmt: skip
    assert lines[-1] == NEXT
    assert mode() == 0o600
    now = written()
    assert "Keep a copy of KPILOTE_HASH_KEY" in done.output
    key = now.pop("KPILOTE_HASH_KEY")
    assert key is not None
    assert len(bytes.fromhex(key)) == 32
    assert now == {
        "KPILOTE_HOME": "home",
        "KPILOTE_SOURCES": "hubspot,ga4,mailchimp,spreadsheets",
        "KPILOTE_START_DATE": "2026-08-01",
        "KPILOTE_TIMEZONE": "Europe/Brussels",
        "KPILOTE_CURRENCY": "USD",
        **account,
    }
    assert_no_secret(done, key, *(account[name] for name in SECRETS))


def test_every_tool_there_is_at_once(company: Running) -> None:
    """Whatever a source asks for is answered from its sandbox; nothing here names one."""
    apis = [question for name, each in SOURCES.items() if each.is_api for question in source_questions(name)]
    known = {name: value for name, value in company.env.items() if name not in {each.variable for each in apis}}
    every = [",".join(str(number) for number in range(1, len(tools(kind)) + 1)) for kind in KINDS]
    told = [company.env.get(question.variable, "") for question in apis]
    done = init(known, typed=(*every, "", "", "2026-08-01", "", "", *told))
    assert done.exit_code == 0, done.output
    for name in SOURCES:
        assert f"ok   {name}: " in done.output
    assert written()["KPILOTE_SOURCES"] == ",".join(SOURCES)
    assert_no_secret(done, *(value for each, value in zip(apis, told, strict=True) if each.is_secret and value))


def test_again_keeps_what_is_there(account: dict[str, str], served: dict[str, str]) -> None:
    first = init(served, typed=answers(account))
    path = Path(".env")
    path.chmod(0o644)
    before = path.read_text()
    enters = "\n" * len(answers(account))
    done = init(served, typed=enters)
    assert (first.exit_code, done.exit_code) == (0, 0), done.output
    assert path.read_text() == before
    assert mode() == 0o600
    assert done.output.count("[set, Enter keeps it]") == len(SECRETS)
    assert "changed" not in done.output
    assert "Keep a copy" not in done.output
    assert_no_secret(done, written()["KPILOTE_HASH_KEY"], *(account[name] for name in SECRETS))


def test_again_keeps_the_order_of_the_sources(account: dict[str, str], served: dict[str, str]) -> None:
    """Of two tools of a kind the first wins: who put one first does so again by pressing Enter."""
    assert init(served, typed=answers(account)).exit_code == 0
    path = Path(".env")
    ordered = "matomo,ga4,pipedrive,spreadsheets,hubspot,mailchimp"
    frozen = "\nKPILOTE_FROZEN_SOURCES=matomo,pipedrive\n"
    path.write_text(path.read_text().replace("hubspot,ga4,mailchimp,spreadsheets", ordered) + frozen)
    before = path.read_text()
    init(served, "--currency", "GBP", typed="\n" * len(answers(account)))
    assert path.read_text() == before.replace("=USD", "=GBP") != before
    init(served, "--currency", "JPY", "--yes")
    assert path.read_text() == before.replace("=USD", "=JPY")


@pytest.mark.parametrize(
    ("wanted", "ordered"),
    [
        ({"crm": ("hubspot",), "analytics": ("ga4",)}, "ga4,hubspot"),
        ({"crm": ("pipedrive", "hubspot"), "analytics": ("ga4",)}, "ga4,pipedrive,hubspot"),
        ({"crm": ("pipedrive",), "analytics": (), "email": ("brevo",)}, "pipedrive,brevo"),
        (
            {"crm": ("hubspot",), "analytics": ("matomo", "ga4"), "files": ("spreadsheets",)},
            "matomo,hubspot,ga4,spreadsheets",
        ),
    ],
)
def test_a_tool_more_or_less_leaves_the_others_where_they_are(
    wanted: dict[SourceKind, tuple[str, ...]], ordered: str
) -> None:
    assert ",".join(in_order(wanted, ["ga4", "oracle", "hubspot"])) == ordered


def test_one_answer_changes_one_line(account: dict[str, str], served: dict[str, str]) -> None:
    assert init(served, typed=answers(account)).exit_code == 0
    path = Path(".env")
    path.write_text("# ours\n" + path.read_text().replace(f"={account[HUBSPOT]}", "=worn-out  # until May"))
    before = path.read_text()
    typed = [""] * len(answers(account))
    typed[answers(account).index(account[HUBSPOT])] = account[HUBSPOT]
    done = init(served, typed=tuple(typed))
    assert done.exit_code == 0, done.output
    assert path.read_text() == before.replace("=worn-out", f"={account[HUBSPOT]}")
    assert [line.split() for line in done.output.splitlines() if line.endswith("changed")] == [[HUBSPOT, "changed"]]


def test_a_script_says_everything_by_options_and_environment(account: dict[str, str], served: dict[str, str]) -> None:
    options = (
        "--crm", "hubspot", "--analytics", "ga4", "--email", "none", "--spreadsheets", account[FOLDER],
        "--home", "ours", "--timezone", "America/New_York", "--currency", "usd", "--first-day", "2026-08-02",
    )  # fmt: skip
    secrets = {name: account[name] for name in (HUBSPOT, GA4, PROPERTY)}
    done = init({**served, **secrets}, *options, "--no-input")
    assert done.exit_code == 0, done.output
    key = written()["KPILOTE_HASH_KEY"]
    assert written() == {
        "KPILOTE_HOME": "ours",
        "KPILOTE_SOURCES": "hubspot,ga4,spreadsheets",
        "KPILOTE_START_DATE": "2026-08-02",
        "KPILOTE_TIMEZONE": "America/New_York",
        "KPILOTE_CURRENCY": "USD",
        "KPILOTE_HASH_KEY": key,
        **secrets,
        FOLDER: account[FOLDER],
    }
    assert_no_secret(done, key, account[HUBSPOT], account[GA4])
    # Later the file stands in for the environment; what an option says now replaces what it said then.
    again = init(served, "--yes", "--currency", "GBP")
    assert again.exit_code == 0, again.output
    assert (written()["KPILOTE_CURRENCY"], written()["KPILOTE_HASH_KEY"]) == ("GBP", key)
    assert written()["KPILOTE_SOURCES"] == "hubspot,ga4,spreadsheets"


def test_a_script_is_told_all_that_is_missing_at_once() -> None:
    done = init({"KPILOTE_TIMEZONE": "Mars"}, "--crm", "hubspot", "--analytics", "ga4", "--email", "mailchimp", "--yes")
    assert done.exit_code == 1
    assert len(done.output.splitlines()) == 1
    for name in (HUBSPOT, PROPERTY, MAILCHIMP, "KPILOTE_TIMEZONE"):
        assert name in done.output
    assert not Path(".env").exists()


def test_of_a_closed_account_nothing_is_asked() -> None:
    tools = ("--crm", "hubspot", "--analytics", "ga4", "--email", "mailchimp")
    done = init({"KPILOTE_SOURCES": "hubspot,ga4,mailchimp", "KPILOTE_FROZEN_SOURCES": "hubspot"}, *tools, "--yes")
    assert done.exit_code == 1
    assert PROPERTY in done.output
    assert HUBSPOT not in done.output


def test_a_script_that_chooses_nothing_is_told_how() -> None:
    done = init({}, "--no-input")
    assert done.exit_code == 1
    assert "KPILOTE_SOURCES" in done.output
    assert "--crm" in done.output
    for sources, named in (("oracle", "oracle"), ("spreadsheets", FOLDER)):
        done = init({"KPILOTE_SOURCES": sources}, "--no-input")
        assert done.exit_code == 1
        assert named in done.output
        assert "--crm" not in done.output


@pytest.mark.parametrize(
    "options",
    [
        ("--crm", "oracle"),
        ("--crm", "ga4"),
        ("--analytics", "1"),
        ("--email", ","),
        ("--crm", "none", "--analytics", "none", "--email", "none", "--spreadsheets", "none"),
        ("--crm", "hubspot", "--timezone", "Mars/Olympus"),
        ("--crm", "hubspot", "--currency", "€"),
        ("--crm", "hubspot", "--first-day", "soon"),
    ],
)
def test_wrong_options_are_2(options: tuple[str, ...]) -> None:
    done = init({HUBSPOT: "never shown"}, *options, "--no-input")
    assert done.exit_code == 2, done.output
    assert "never shown" not in done.output
    assert not Path(".env").exists()


def test_an_unknown_tool_is_asked_for_again_and_an_unknown_option_says_which_there_are() -> None:
    done = init({}, typed=("7", "oracle", "none", "none", "none", "none"))
    assert done.exit_code == 2, done.output
    assert done.output.count("Error: no CRM tool named") == 2
    assert "no tool is chosen" in done.output
    assert "hubspot" in init({}, "--crm", "oracle").output


def test_who_walks_away_leaves_nothing_behind(account: dict[str, str], served: dict[str, str]) -> None:
    done = init(served, typed=answers(account)[:-1])
    assert done.exit_code == 1
    assert list(Path().iterdir()) == []


def test_what_the_doctor_finds_is_said_and_mended_by_a_second_round(
    account: dict[str, str], served: dict[str, str]
) -> None:
    done = init(served, typed=answers({**account, HUBSPOT: "expired-token"}))
    assert done.exit_code == 1
    assert "FAIL hubspot: " in done.output
    assert NEXT not in done.output
    assert "kpilote doctor" in done.output.splitlines()[-1]
    assert_no_secret(done, "expired-token")
    done = init({**served, HUBSPOT: account[HUBSPOT]}, "--yes")
    assert done.exit_code == 0, done.output
    assert written()[HUBSPOT] == account[HUBSPOT]


def test_a_connector_brings_its_questions_with_its_settings_class(
    acme: None, account: dict[str, str], served: dict[str, str]
) -> None:
    crms = [name for name, source in SOURCES.items() if source.kind == "crm"]
    both = f"{crms.index('hubspot') + 1}, {crms.index('acme') + 1}"
    done = init(
        served, "--analytics", "none", "--email", "none", "--spreadsheets", "none", "--home", "home",
        typed=(both, "", "", "", account[HUBSPOT], "minus one", "12", "sesame open", "", "exports", ""),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "ok   acme: site 12 in eu" in done.output
    assert done.output.count("Number of the site") == 2
    assert "Root of the API" not in done.output
    assert "sesame" not in done.output
    now = written()
    assert now["KPILOTE_SOURCES"] == "hubspot,acme"
    assert {name: value for name, value in now.items() if name.startswith("SOURCES__ACME__")} == {
        "SOURCES__ACME__SITE": "12",
        "SOURCES__ACME__PASSWORD": "sesame open",
        "SOURCES__ACME__EXPORTS": str(Path("exports").resolve()),
        "SOURCES__ACME__REGION": "eu",
    }
    missing = init({"KPILOTE_SOURCES": "acme", "SOURCES__ACME__SITE": "no"}, "--no-input", "--crm", "acme")
    assert missing.exit_code == 1
    assert "SOURCES__ACME__SITE: " in missing.output


def test_every_source_asks_for_something_it_describes() -> None:
    for name in SOURCES:
        asked = source_questions(name)
        assert asked, name
        for question in asked:
            assert question.settings is settings_class(name)
            assert question.variable.startswith(f"SOURCES__{name.upper()}__")
            assert question.text != question.variable


def test_ga4_asks_for_the_property_a_way_in_and_the_export() -> None:
    asked = {question.field: (question.is_secret, question.is_required) for question in source_questions("ga4")}
    assert asked == {
        "property_id": (False, True),
        "access_token": (True, False),
        "credentials": (True, False),
        "export_url": (False, False),
    }
    assert [question.field for question in basics()] == ["home", "start_date", "timezone", "currency"]
    assert {each.field for each in questions(Settings)} - {each.field for each in basics()} == {"hash_key"}


def test_tools_are_named_or_numbered() -> None:
    first = chosen("crm", "1", numbered=True)
    assert chosen("crm", f"{first[0].upper()}, 1", numbered=True) == first
    assert chosen("crm", "pipedrive,hubspot") == ("pipedrive", "hubspot")
    assert chosen("crm", "None") == ()
    with pytest.raises(ValueError, match="no CRM tool named"):
        chosen("crm", "1")


def test_the_demo_keeps_its_home(account: dict[str, str], served: dict[str, str]) -> None:
    world = Path("data/sandbox/world.json")
    world.parent.mkdir(parents=True)
    world.write_text("{}")
    options = ("--crm", "hubspot", "--analytics", "none", "--email", "none", "--spreadsheets", "none")
    refused = init({**served, HUBSPOT: account[HUBSPOT]}, *options, "--home", "data", "--yes")
    assert refused.exit_code == 2
    assert "the demo lives there" in refused.output
    done = init(served, *options, typed=("data", "", "", "", "", account[HUBSPOT]))
    assert done.exit_code == 0, done.output
    assert written()["KPILOTE_HOME"] == "data-company"


def test_a_lake_made_with_a_key_gets_no_other(account: dict[str, str], served: dict[str, str]) -> None:
    loads = Path("data/lake/hubspot/_dlt_loads")
    loads.mkdir(parents=True)
    (loads / "kpilote_hubspot__1.jsonl").write_text("{}")
    options = ("--crm", "hubspot", "--yes")
    done = init({**served, HUBSPOT: account[HUBSPOT]}, *options)
    assert done.exit_code == 1
    assert "KPILOTE_HASH_KEY" in done.output
    assert not Path(".env").exists()
    key = {"KPILOTE_HASH_KEY": "the key of that lake"}
    assert init({**served, HUBSPOT: account[HUBSPOT], **key}, *options).exit_code == 0
    assert written()["KPILOTE_HASH_KEY"] == key["KPILOTE_HASH_KEY"]
    # Another key in the environment does not replace it either.
    assert init({**served, "KPILOTE_HASH_KEY": "another key than before"}, *options).exit_code == 0
    assert written()["KPILOTE_HASH_KEY"] == key["KPILOTE_HASH_KEY"]


def test_the_password_of_an_address_is_not_shown(served: dict[str, str]) -> None:
    environment = {**served, FOLDER: "https://reader:hidden@files.example/kpis?sig=hidden"}
    done = init(environment, typed=("1", "none", "none"))
    assert "[https://files.example/kpis]" in done.output
    assert "hidden" not in done.output


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_who_may_commit_the_secrets_is_warned(account: dict[str, str], served: dict[str, str]) -> None:
    subprocess.run(["git", "init", "--quiet", "."], check=True)
    options = ("--crm", "hubspot", "--yes")
    done = init({**served, HUBSPOT: account[HUBSPOT]}, *options)
    assert "git does not ignore .env" in done.output
    Path(".gitignore").write_text(".env\n")
    assert "git does not ignore" not in init(served, *options).output


def test_this_repository_ignores_what_init_writes() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", "..env.draft", "data/", "data-*/"} <= set(ignored)


TITLES = {"KPILOTE_": "Kpilote", "SOURCES__HUBSPOT__": "HubSpot"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"{env_file.HEADER}\n# HubSpot\n{HUBSPOT}=new\n"),
        (f"{HUBSPOT}=\n", f"{HUBSPOT}=new\n"),
        (f"OTHER=1\n\n{HUBSPOT}", f"OTHER=1\n\n{HUBSPOT}=new\n"),
        (f"{HUBSPOT}= # here\n", f"{HUBSPOT}=new # here\n"),
        (f"{HUBSPOT}= 'a # b' # here\n", f"{HUBSPOT}=new # here\n"),
        (f'{HUBSPOT}="two\nlines"\nOTHER=1', f"{HUBSPOT}=new\nOTHER=1"),
        (f"\n\n  export {HUBSPOT}=old\r\nOTHER=1\r\n", f"\n\n  export {HUBSPOT}=new\r\nOTHER=1\r\n"),
        (f"{HUBSPOT}=1\n{HUBSPOT}=2\n", f"{HUBSPOT}=1\n{HUBSPOT}=new\n"),
        (f"{HUBSPOT}='new'  # as it is\n", f"{HUBSPOT}='new'  # as it is\n"),
        ("OTHER=1", f"OTHER=1\n\n# HubSpot\n{HUBSPOT}=new\n"),
        (f"# HubSpot:\n# {HUBSPOT}=\nOTHER=1\n", f"# HubSpot:\n# {HUBSPOT}=\n{HUBSPOT}=new\nOTHER=1\n"),
        ("SOURCES__HUBSPOT__X=1\nOTHER=1\n", f"SOURCES__HUBSPOT__X=1\n{HUBSPOT}=new\nOTHER=1\n"),
        ("what is this?\n= 3\n", f"what is this?\n= 3\n\n# HubSpot\n{HUBSPOT}=new\n"),
    ],
)
def test_a_file_keeps_all_but_the_value(before: str, after: str) -> None:
    assert env_file.merged(before, {HUBSPOT: "new"}, TITLES) == after
    assert env_file.merged(after, {HUBSPOT: "new"}, TITLES) == after


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), st.sampled_from(("", "old", "'o#'")))
def test_any_value_is_read_back_or_refused(value: str, old: str) -> None:
    text = f"# top\nKPILOTE_HOME='a'\n{HUBSPOT}={old} # here\nKPILOTE_CURRENCY='b'\n"
    try:
        after = env_file.merged(text, {HUBSPOT: value}, TITLES)
    except SettingsError as error:
        assert HUBSPOT in str(error)
        assert "$" in value
        return
    assert env_file.values(after) == {"KPILOTE_HOME": "a", HUBSPOT: value, "KPILOTE_CURRENCY": "b"}
    assert after.startswith("# top\n")


def test_a_reference_to_a_variable_is_not_taken_for_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/people/her")
    same = "KPILOTE_HOME=${HOME}/kpis\n"
    assert env_file.merged(same, {"KPILOTE_HOME": "/people/her/kpis"}, TITLES) == same
    with pytest.raises(SettingsError, match=HUBSPOT):
        env_file.merged(same, {HUBSPOT: "a${HOME}"}, TITLES)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target = tmp_path / "kept" / "secrets"
    target.parent.mkdir()
    target.write_text("old")
    link = tmp_path / ".env"
    link.symlink_to(target)
    env_file.write(link, "new")
    assert link.is_symlink()
    assert (target.read_text(), mode(str(target))) == ("new", 0o600)
    assert [each.name for each in target.parent.iterdir()] == ["secrets"]


def test_a_place_that_takes_no_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        env_file.write(tmp_path / "missing" / ".env", "text")
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        env_file.load(tmp_path / ".env")


def test_a_problem_never_repeats_the_value() -> None:
    assert Question(Settings, "timezone").problem("Mars/Olympus") == "not a time zone's name, e.g. Europe/Paris"
    assert Question(Settings, "timezone").problem("Europe/Paris") is None
