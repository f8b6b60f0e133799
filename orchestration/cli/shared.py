"""What commands share: cadences and dates as people type them, one line for an error, the release that is served."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

import click

if TYPE_CHECKING:
    from serving.release import Release

CADENCES = ("daily", "weekly", "monthly", "quarterly")
DATE = click.DateTime(["%Y-%m-%d"])
P = ParamSpec("P")


class RefreshError(Exception):
    """A refresh ended badly; the message names step, reason and where to read on."""


def failing_in_one_line(command: Callable[P, None]) -> Callable[P, None]:
    """Errors meant for people end the command with exit code 1 and their one line."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        import duckdb

        from ingestion.errors import KpiloteError
        from serving.release import ReleaseError

        try:
            command(*args, **kwargs)
        except BrokenPipeError:  # whoever reads has read enough
            raise
        except (KpiloteError, ReleaseError, RefreshError) as error:
            message = str(error)
        except (OSError, duckdb.IOException) as error:
            message = f"{error}: make room there or see to its permissions, then run the command again"
        else:
            return
        click.echo(f"kpilote: {message}", err=True)
        sys.exit(1)

    return run


def served() -> Release:
    """The release that people and BI tools read now."""
    from ingestion.settings import settings
    from serving.release import ReleaseError, current

    release = current(settings())
    if release is None:
        raise ReleaseError("there is no release yet: run `kpilote demo` or `kpilote refresh --cadence daily` first")
    return release
