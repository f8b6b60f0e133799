"""Kills, full disks, faults and readers, many of each: `make chaos`. A small share of it is part of the tests."""
