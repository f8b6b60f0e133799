"""The public set of 10,000 aggregated paths, taken from a package that ships it and never kept in the repository.

It first shipped with ChannelAttribution (GPL-3.0); the wheel of `mta` has it as `mta/data/data.csv.gz`.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

WHEEL = "mta==0.0.9"
INSIDE = "mta/data/data.csv.gz"
SECONDS = 120


@pytest.fixture(scope="session")
def public_paths(pytestconfig: pytest.Config) -> Path:
    """The file, from the cache or the package index; skips with the reason where neither has it."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("attribution")
    file = folder / "paths.csv"
    if file.exists():
        return file
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder), WHEEL]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{WHEEL}, which ships the public paths, was not fetched within {SECONDS} s")
    wheels = list(folder.glob("mta-*.whl"))
    if done.returncode or not wheels:
        pytest.skip(f"{WHEEL}, which ships the public paths, cannot be fetched: {done.stderr.strip()[-200:]}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        text = gzip.decompress(wheel.read(INSIDE))
    fresh = file.with_suffix(".new")
    fresh.write_bytes(text)
    fresh.rename(file)
    return file
