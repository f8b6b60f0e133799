"""The command `kpilote`: what a person types, in which order things happen, and the exit code.

0 done · 1 failed (one line says what and the mend) · 2 wrong usage. Everything else a run prints goes to
`KPILOTE_HOME/logs/kpilote.log`. Heavy imports wait until a command needs them, so that `--help` answers at once.
"""

from __future__ import annotations

import os

import click
from dotenv import load_dotenv

from orchestration.cli.attribute import attribute
from orchestration.cli.erase import erase
from orchestration.cli.gate import gate
from orchestration.cli.published import attribution, channels, explain, scorecard
from orchestration.cli.refresh import demo, refresh
from orchestration.cli.release import release
from orchestration.cli.setup import dev, docs, doctor, init, sandbox
from orchestration.environment import end_quietly

COMMANDS = (
    attribute, attribution, channels, demo, dev, docs, doctor, erase, explain, gate, init, refresh, release, sandbox,
    scorecard,
)  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kpilote")
def main() -> None:
    """An open KPI warehouse for marketing and sales."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    load_dotenv(".env")  # for the processes a command starts; what the environment says wins
    end_quietly()


for command in COMMANDS:
    main.add_command(command)
