"""Histories of a small company, refreshed in whatever order: incremental marts equal those built from scratch."""
