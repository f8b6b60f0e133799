"""What the server must know of a vendor: its paths, how it refuses, and which settings point Kpilote at it.

Belongs here: these words. Does not: the list of vendors (`sandbox/vendors.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute

if TYPE_CHECKING:
    from sandbox.limits import Limits
    from sandbox.state import Credentials

JSON = "application/json"


@dataclass(frozen=True)
class Place:
    """Where a vendor is served, to whom, and how fast; `home` holds the folders of files."""

    url: str
    credentials: Credentials
    limits: Limits
    home: Path


@dataclass(frozen=True)
class Vendor:
    """One imaginary vendor, served under `/<name>`.

    refusal: the body it refuses a status with. env: the SOURCES__… variables that point Kpilote at it. lists: members
    of its answers that hold rows, for pages that come back empty (`faults`). company_id: a CRM's id of a company, by
    which the billing system knows its customers; None where the vendor is no CRM. deal_id: the same of a deal.
    """

    name: str
    routes: Callable[[], list[BaseRoute]]
    refusal: Callable[[int], Any]
    env: Callable[[Place], dict[str, str]]
    lists: tuple[str, ...]
    media_type: str = JSON
    company_id: Callable[[str], str] | None = None
    deal_id: Callable[[str], str] = str
