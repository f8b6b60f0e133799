"""The questions of `kpilote init` put to a person, or answered by options and environment alone where nobody is there.

Belongs here: prompts and what stands as an answer already. Does not: which questions there are (`init.py`). A secret is
typed unseen and never shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import click
from rich.console import Console
from rich.markup import escape

from ingestion.errors import SettingsError
from ingestion.privacy import without_secrets
from ingestion.registry import SOURCES
from ingestion.tables.model import SourceKind
from orchestration.demo import FILES
from orchestration.init import (
    FROZEN_VARIABLE,
    HOME_BESIDE_DEMO,
    KEY_VARIABLE,
    KINDS,
    NONE,
    SOURCES_VARIABLE,
    Question,
    basics,
    chosen,
    folder_question,
    hash_key,
    in_order,
    settled,
    source_questions,
    tools,
)


@dataclass(frozen=True)
class Given:
    """What the command's options say; None where they say nothing. `settings` are by variable."""

    tools: Mapping[SourceKind, tuple[str, ...] | None]
    folder: str | None
    settings: Mapping[str, str]


@dataclass
class Interview:
    """One round of questions. `environment` and `file` are what is set already; of two values the environment's wins,
    as it will when they are used.
    """

    screen: Console
    given: Given
    environment: Mapping[str, str]
    file: Mapping[str, str]
    ask: bool
    _wrong: list[str] = field(default_factory=list)

    def hold(self) -> dict[str, str]:
        """Everything `.env` is to say, by variable; or one error that names all that is missing."""
        answers: dict[Question, str] = {}
        names = self._tools(answers)
        self._section("Kpilote", basics(), answers)
        # An account that is closed has nothing left to ask for.
        pulled = [name for name in names if name not in self._standing(FROZEN_VARIABLE).replace(" ", "").split(",")]
        for name in pulled:
            self._section(SOURCES[name].label, source_questions(name), answers)
        if self._wrong:
            raise SettingsError(f"{'; '.join(self._wrong)}: say it in the environment, or leave out --no-input")
        # The folder was asked for first, and is written last.
        asked = [*basics(), *(question for name in pulled for question in source_questions(name))]
        lines = settled({question: answers[question] for question in asked})
        key = hash_key(self.file.get(KEY_VARIABLE) or self._standing(KEY_VARIABLE), lines["KPILOTE_HOME"])
        return {SOURCES_VARIABLE: ",".join(names), **lines, KEY_VARIABLE: key}

    def _tools(self, answers: dict[Question, str]) -> list[str]:
        """The chosen sources; the answer to the folder's question is the choice of the spreadsheets."""
        standing = [name.strip() for name in self._standing(SOURCES_VARIABLE).split(",") if name.strip()]
        unknown = [name for name in standing if name not in SOURCES]
        if unknown and not self.ask:
            self._wrong.append(f"{SOURCES_VARIABLE} names {', '.join(unknown)}, known are {', '.join(SOURCES)}")
        wanted: dict[SourceKind, tuple[str, ...]] = {}
        for kind in KINDS:
            named = self.given.tools[kind]
            if named is None:
                named = tuple(name for name in standing if name in tools(kind))
                named = self._choice(kind, named, decided=bool(standing)) if self.ask else named
            wanted[kind] = named
        folder = self._folder(standing)
        if folder is not None:
            answers[folder_question()] = folder
            wanted[SOURCES[FILES].kind] = (FILES,)
        if not any(wanted.values()) and not self._wrong:
            if self.ask or any(each is not None for each in self.given.tools.values()):
                raise click.UsageError("no tool is chosen: there would be nothing to pull")
            self._wrong.append(
                f"{SOURCES_VARIABLE} is not set, nor is any of --crm, --analytics, --email, --spreadsheets"
            )
        return in_order(wanted, standing)

    def _choice(self, kind: SourceKind, standing: tuple[str, ...], *, decided: bool) -> tuple[str, ...]:
        """Tools by number; what an earlier round decided is what Enter takes."""
        known = tools(kind)
        self._title(KINDS[kind])
        for number, name in enumerate(known, start=1):
            self.screen.print(f"  {number}  {escape(SOURCES[name].label)}")
        default = ",".join(str(known.index(name) + 1) for name in standing) or NONE if decided else None
        text = f"  Which, by number (several with commas, the leading one first, or {NONE})"

        def read(typed: str) -> tuple[str, ...]:
            try:
                return chosen(kind, typed, numbered=True)
            except ValueError as error:
                raise click.UsageError(str(error)) from None

        picked: tuple[str, ...] = click.prompt(text, default=default, value_proc=read)
        return picked

    def _folder(self, standing: list[str]) -> str | None:
        """Where the spreadsheets are, or None where there are none."""
        question = folder_question()
        folder = self.given.folder
        if folder is None:
            folder = self._standing(question.variable) if FILES in standing or not standing else ""
            if self.ask:
                self._title(SOURCES[FILES].label)
                folder = self._prompt(question, folder or NONE, f"{question.text}, or {NONE}")
            elif not folder and FILES in standing:
                self._wrong.append(f"{question.variable} is not set")
        return None if folder.lower() in ("", NONE) else folder

    def _section(self, title: str, questions: Iterable[Question], answers: dict[Question, str]) -> None:
        """The questions under a title that have no answer yet."""
        unanswered = [each for each in questions if each not in answers]
        if any(each.variable not in self.given.settings for each in unanswered):
            self._title(title)
        answers.update({each: self._answer(each) for each in unanswered})

    def _answer(self, question: Question) -> str:
        """What an option says, else what the person says, else what is set already, else the default."""
        given = self.given.settings.get(question.variable)
        if given is not None:
            problem = question.problem(given)
            if problem:
                raise click.UsageError(f"{question.variable}: {problem}")
            return given
        standing = self._standing(question.variable)
        problem = question.problem(standing) if standing else None
        default = question.default
        if default and question.problem(default):
            default = HOME_BESIDE_DEMO
        if self.ask:
            return self._prompt(question, default if problem or not standing else standing)
        if problem:
            self._wrong.append(f"{question.variable}: {problem}")
        elif not standing and question.is_required:
            self._wrong.append(f"{question.variable} is not set")
        return standing or default

    def _prompt(self, question: Question, default: str, text: str = "") -> str:
        """What a person types, or the default: never shown of a secret, without passwords of an address."""

        def read(typed: str) -> str:
            value = typed.strip()
            problem = question.problem(value) if value else None
            if problem:
                raise click.UsageError(problem)
            return value

        hint = self._hint(question, default)
        nothing = None if question.is_required else ""
        answer: str = click.prompt(
            f"  {text or question.text}{hint}", default=default or nothing, show_default=False, value_proc=read,
            hide_input=question.is_secret,
        )  # fmt: skip
        return answer

    def _hint(self, question: Question, default: str) -> str:
        if not default:
            return "" if question.is_required else " (optional)"
        if not question.is_secret:
            return f" [{without_secrets(default) if '://' in default else default}]"
        is_kept = self.file.get(question.variable) == default
        return " [set, Enter keeps it]" if is_kept else " [Enter takes the environment's]"

    def _standing(self, variable: str) -> str:
        return self.environment.get(variable) or self.file.get(variable, "")

    def _title(self, title: str) -> None:
        if self.ask:
            self.screen.print(f"\n[bold]{escape(title)}[/]")
