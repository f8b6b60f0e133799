"""`kpilote init`: which tools a company uses, what each of them must be told, and the lines of `.env` this makes.

Flow: `tools → questions (the fields of settings classes) → answers → settled`. What a source asks for stands in its
connector's settings class alone. Belongs here: which questions there are and which answers are good. Does not: how they
are put to a person (`interview.py`), and the file's text (`env_file.py`).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from ingestion.errors import SettingsError
from ingestion.privacy import without_secrets
from ingestion.registry import SOURCES
from ingestion.settings import Settings, is_asked, is_secret, read, settings_class, variable
from ingestion.tables.model import SourceKind
from orchestration.demo import FILES, has_loads, is_demo_home

# What a person chooses from a list, in this order; files are one folder, or none.
KINDS: Mapping[SourceKind, str] = {"crm": "CRM", "analytics": "Web analytics", "email": "Email"}
NONE = "none"
SOURCES_VARIABLE, FROZEN_VARIABLE, KEY_VARIABLE = "KPILOTE_SOURCES", "KPILOTE_FROZEN_SOURCES", "KPILOTE_HASH_KEY"
# Where the demo's home stands in the default's place.
HOME_BESIDE_DEMO = "data-company"
KEY_BYTES = 32


@dataclass(frozen=True)
class Question:
    """One setting a person gives: a field of a settings class."""

    settings: type[BaseSettings]
    field: str

    @property
    def variable(self) -> str:
        return variable(self.settings, self.field)

    @property
    def text(self) -> str:
        return (self._info.description or self.variable).rstrip(".")

    @property
    def is_secret(self) -> bool:
        return is_secret(self._info)

    @property
    def is_required(self) -> bool:
        return self._info.is_required()

    @property
    def default(self) -> str:
        """What it is where nobody says anything, as text."""
        value = None if self.is_required else self._info.get_default(call_default_factory=True, validated_data={})
        return "" if value is None else str(value)

    def problem(self, value: str) -> str | None:
        """Why this cannot be the answer, without repeating it; None where it can."""
        if self.settings is Settings and self.field == "home":
            return _home_problem(value)
        given: dict[str, Any] = {self.field: value}
        try:
            self.settings(**given)
        except ValidationError as error:
            # Others may be missing yet.
            for each in error.errors(include_input=False, include_url=False):
                if each["loc"][:1] == (self.field,):
                    return each["msg"].removeprefix("Value error, ")
        return None

    @property
    def _info(self) -> FieldInfo:
        return self.settings.model_fields[self.field]


def _home_problem(value: str) -> str | None:
    """The demo never mixes with data of real accounts."""
    if is_demo_home(Settings.model_construct(home=Path(value).expanduser().resolve())):
        return "the demo lives there: choose another folder"
    return None


def questions(of: type[BaseSettings]) -> tuple[Question, ...]:
    """The fields of a settings class that are asked for, in its order."""
    return tuple(Question(of, name) for name, info in of.model_fields.items() if is_asked(info))


def basics() -> tuple[Question, ...]:
    """What is asked whatever the tools are; the key is made, not asked for."""
    return tuple(each for each in questions(Settings) if each.variable != KEY_VARIABLE)


def source_questions(name: str) -> tuple[Question, ...]:
    return questions(settings_class(name))


def folder_question() -> Question:
    """The folder of spreadsheets: naming one chooses the source."""
    return source_questions(FILES)[0]


def tools(kind: SourceKind) -> tuple[str, ...]:
    """The sources of a kind, as they are numbered."""
    return tuple(name for name, source in SOURCES.items() if source.kind == kind)


def chosen(kind: SourceKind, text: str, *, numbered: bool = False) -> tuple[str, ...]:
    """The tools a text names, by name or by number in the list, separated by commas, in its order: the first of a kind
    wins where two know the same. ValueError says which it may.
    """
    known = tools(kind)
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    if words == [NONE]:
        return ()
    numbers = {str(number): name for number, name in enumerate(known, start=1)} if numbered else {}
    named = tuple(dict.fromkeys(numbers.get(word, word) for word in words))
    unknown = sorted({*named} - {*known})
    if unknown or not named:
        raise ValueError(f"no {KINDS[kind]} tool named {', '.join(unknown) or '…'}: {', '.join(known)} or {NONE}")
    return named


def in_order(wanted: Mapping[SourceKind, Sequence[str]], standing: Sequence[str]) -> list[str]:
    """The sources wanted, each kind's in their order, in the places its tools have had so far; new ones at the end."""
    waiting = {kind: list(names) for kind, names in wanted.items()}
    kinds = [SOURCES[name].kind for name in standing if name in SOURCES]
    kept = [waiting[kind].pop(0) for kind in kinds if waiting.get(kind)]
    return [*kept, *(name for names in waiting.values() for name in names)]


def hash_key(standing: str, home: str) -> str:
    """The key that stands, else a new one; another key than the lake's would part its people from themselves."""
    if standing:
        return standing
    now = read(Settings, home=home)
    try:
        is_old = has_loads(now)
    except Exception:  # every storage has its own; the doctor says what is wrong with this one
        is_old = False
    if is_old:
        raise SettingsError(
            f"{KEY_VARIABLE} is not set, and {without_secrets(now.lake_url)} was made with one: put that key into the "
            "environment, or choose another home"
        )
    return secrets.token_hex(KEY_BYTES)


def settled(answers: Mapping[Question, str]) -> dict[str, str]:
    """The lines of `.env`: texts as their settings class understands them (a folder is absolute), the rest as given."""
    lines = {}
    for of in dict.fromkeys(question.settings for question in answers):
        given = {each.field: value for each, value in answers.items() if each.settings is of and value}
        understood = read(of, **given)
        for field, value in given.items():
            meant = getattr(understood, field)
            lines[Question(of, field).variable] = meant if isinstance(meant, str) else value
    return lines


def titles() -> dict[str, str]:
    """What stands above the lines of a prefix."""
    return {"KPILOTE_": "Kpilote", **{f"SOURCES__{name.upper()}__": each.label for name, each in SOURCES.items()}}
