"""The smallest run of the benchmarks there is: nobody looks at their figures here, but they must still measure."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("benchmark", "arguments", "measured"),
    [
        (
            "ingestion",
            ("--sources", "mailchimp", "--scale", "0.02", "--months", "1"),
            (
                "floor",
                "ours",
                "plain dlt",
                "mailchimp: members",
                "of 5 tables within 1.5 times the floor's CPU seconds",
            ),
        ),
        ("attribution", ("--touches", "10000"), ("floor", "six rule models", "everything (12 models)")),
    ],
)
def test_a_benchmark_measures(benchmark: str, arguments: tuple[str, ...], measured: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", f"tests.benchmarks.{benchmark}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    said = " ".join(done.stdout.split())
    assert [each for each in measured if each not in said] == []
