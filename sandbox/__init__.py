"""One seeded, imaginary B2B software company, served over the vendors' own HTTP APIs.

Flow: `world` (what happened) → `apis` (how each vendor would say it) → `server` (HTTP, faults) and folders of files.
Nothing here imports ingestion, and ingestion imports nothing from here: they meet over HTTP and files only.
"""
