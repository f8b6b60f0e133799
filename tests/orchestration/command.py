"""The command `kpilote`, run in this process."""

from __future__ import annotations

from collections.abc import Mapping

from click.testing import CliRunner, Result

from ingestion import settings as settings_module
from ingestion.registry import SOURCES
from orchestration.cli import main
from orchestration.environment import variables
from orchestration.init import source_questions

NO_ACCOUNTS = {question.variable: "" for source in SOURCES for question in source_questions(source)}


def kpilote(environment: Mapping[str, str], *arguments: str, typed: str = "") -> Result:
    """What the command prints and ends with in an environment, which holds the only accounts it knows."""
    with variables({**NO_ACCOUNTS, **environment}):
        settings_module.reload()
        try:
            return CliRunner().invoke(main, arguments, input=typed)
        finally:
            settings_module.settings.cache_clear()
