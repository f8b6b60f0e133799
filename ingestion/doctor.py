"""What `kpilote doctor` checks: settings, folders, and for every source its credentials, permissions and reachability.

One line per check; a failed one says what to mend. No secret and no address is ever shown.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import fsspec

from ingestion.errors import KpiloteError
from ingestion.privacy import without_secrets
from ingestion.registry import source
from ingestion.settings import Settings


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    passed: bool
    message: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.passed else 'FAIL'} {self.name}: {self.message}"


def examine(settings: Settings) -> Iterator[Check]:
    """Every check, each as soon as it is known."""
    yield _check("settings", lambda: f"home {settings.home}, days cut in {settings.timezone}, {settings.currency}")
    yield _check("hash key", lambda: f"set, {len(settings.require_hash_key())} characters")
    yield _check("lake", lambda: _writable(settings.lake_url))
    for name in settings.sources:
        yield _check(name, partial(_source, name))


def _check(name: str, examine_one: Callable[[], str]) -> Check:
    try:
        return Check(name, True, examine_one())
    except KpiloteError as error:
        return Check(name, False, str(error).removeprefix(f"{name}: "))
    except Exception as error:
        return Check(name, False, f"failed unexpectedly ({type(error).__name__})")


def _source(name: str) -> str:
    module = importlib.import_module(f"ingestion.sources.{source(name).name}")
    message: str = module.check()
    return message


def _writable(url: str) -> str:
    """Write and remove a file: permissions are only known by using them."""
    filesystem, root = fsspec.core.url_to_fs(url)
    probe = f"{root}/.doctor"
    try:
        filesystem.makedirs(root, exist_ok=True)
        filesystem.pipe_file(probe, b"")
        filesystem.rm_file(probe)
    except OSError as error:
        shown = without_secrets(url)
        raise KpiloteError(f"{shown} cannot be written ({type(error).__name__}): mend KPILOTE_LAKE_URL") from None
    return f"{without_secrets(url)} can be written"
