"""The text of a `.env` file: read, and given other values without losing what a person wrote around them.

Belongs here: lines, quotes, comments, and how the file gets to the disk. Does not: which settings there are
(`init.py`).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from ingestion.errors import SettingsError
from serving import files

# Secrets stand in it.
MODE = 0o600
HEADER = "# Settings of Kpilote. Variables of the environment win over this file; .env.example names all there are.\n"
# Nothing that a shell reading the file would take for its own.
_BARE = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
_ASSIGNMENT = re.compile(
    r"(?P<name>\s*(?:export[^\S\r\n]+)?(?:'[^']+'|[^=#\s]+)[^\S\r\n]*=)"
    r"(?:[^\S\r\n]*'(?:\\.|[^'\\])*'|[^\S\r\n]*\"(?:\\.|[^\"\\])*\"|[^\r\n]*?)"
    r"(?P<comment>(?:[^\S\r\n]+#[^\r\n]*)?)[^\S\r\n]*(?P<end>\r\n|\n|\r|$)",
    re.DOTALL,
)
_NOT_IGNORED = 1  # of `git check-ignore`; outside a repository it ends with another code


def load(path: Path) -> str:
    """The file as it is, or nothing where there is none."""
    try:
        return path.read_bytes().decode() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({type(error).__name__})") from None


def values(text: str) -> dict[str, str]:
    """What a process that reads the file is told; empty values tell nothing."""
    return {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value}


def merged(text: str, wanted: Mapping[str, str], titles: Mapping[str, str]) -> str:
    """The text with these values: other values are changed in place, missing lines stand with those of their prefix.

    titles: prefix of names to the comment above their lines where the file has none of them.
    """
    told = values(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    bindings = list(parse_stream(StringIO(text, newline="")))
    lines = [each.original.string for each in bindings] or [HEADER]
    place = {each.key: index for index, each in enumerate(bindings) if each.key}
    # Also behind what stands there as a comment, as in .env.example.
    last = {prefix: index for prefix in titles for index, line in enumerate(lines) if prefix in line}
    for name, value in wanted.items():
        if told.get(name) == value:
            continue
        if name in place:
            lines[place[name]] = _changed(lines[place[name]], name, value)
            continue
        prefix = next(each for each in titles if name.startswith(each))
        if prefix not in last:
            lines.append(f"{_ending(lines[-1], newline)}{newline}# {titles[prefix]}{newline}")
            last[prefix] = len(lines) - 1
        line = lines[last[prefix]]
        lines[last[prefix]] = f"{line}{_ending(line, newline)}{name}={_quoted(value)}{newline}"
    return _checked("".join(lines), wanted)


def _changed(line: str, name: str, value: str) -> str:
    found = _ASSIGNMENT.fullmatch(line)
    if found is None:  # a name without a value
        return f"{line[: len(line) - len(line.lstrip())]}{name}={_quoted(value)}\n"
    return f"{found['name']}{_quoted(value)}{found['comment']}{found['end']}"


def _ending(line: str, newline: str) -> str:
    """What a line lacks for another to follow."""
    return "" if line.endswith(("\n", "\r")) else newline


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _checked(text: str, wanted: Mapping[str, str]) -> str:
    """The text, once it is sure to be read as it is meant; `${…}` for one is taken for a variable, quoted or not."""
    told = values(text)
    lost = [name for name, value in wanted.items() if told.get(name) != value]
    if lost:
        raise SettingsError(f"{', '.join(lost)}: a .env file cannot hold the value; set it in the environment")
    return text


def write(path: Path, text: str) -> None:
    """In one step, for its owner only from the first byte on; a link stays one, what it points at is replaced."""
    try:
        files.replace_with_text(text, path.resolve(), mode=MODE)
    except OSError as error:
        raise SettingsError(files.refused(path, error, len(text))) from None


def may_be_committed(path: Path) -> bool:
    """Whether it lies in a git repository that does not ignore it."""
    git = shutil.which("git")
    if git is None:
        return False
    command = [git, "-C", str(path.parent.resolve()), "check-ignore", "--quiet", path.name]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    return done.returncode == _NOT_IGNORED
