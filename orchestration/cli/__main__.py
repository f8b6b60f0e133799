"""`python -m orchestration.cli` is the command `kpilote`."""

from orchestration.cli import main

main()
