"""Data Docs: GX's own static site of what each gate found, one page per table and run, under `$KPILOTE_HOME/gx`.

Flow: validation result → `gx/validations/` (JSON) → `gx/site/` (HTML). A run writes its own pages and the index only;
runs older than the newest few are removed. Belongs here: the context GX works in and where it writes.
"""

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.data_context.types.resource_identifiers import ValidationResultIdentifier

SITE = "kpilote"
KEEP_RUNS = 14  # runs kept per gate
INDEX_PAGES = 100  # newest pages the index lists: reading more would cost every run


def context(folder: Path) -> Any:
    """A GX context that keeps results and pages under `folder` and nothing else anywhere."""
    defaults = InMemoryStoreBackendDefaults()
    defaults.stores[defaults.validation_results_store_name]["store_backend"] = _files(folder / "validations")
    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": _files(folder / "site"),
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "validation_results_limit": INDEX_PAGES},
        "site_section_builders": {"expectations": "none", "profiling": "none"},
    }
    config = DataContextConfig(
        store_backend_defaults=defaults,
        data_docs_sites={SITE: site},
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def write(gx_context: Any, pages: Collection[ValidationResultIdentifier]) -> dict[ValidationResultIdentifier, str]:
    """Write the pages of these results and the index; the file address of each page."""
    gx_context.build_data_docs(site_names=[SITE], resource_identifiers=list(pages))
    return {
        page: gx_context.get_docs_sites_urls(resource_identifier=page, site_name=SITE)[0]["site_url"] for page in pages
    }


def prune(folder: Path, gate: str) -> None:
    """Remove all but the newest runs of a gate: results, pages and what GX keeps of them."""
    results = sorted((folder / "results" / gate).glob("*.json"), reverse=True)
    for old in results[KEEP_RUNS:]:
        for kept in (folder / "validations", folder / "site" / "validations"):
            for run in kept.glob(f"{gate}/*/{old.stem}"):
                shutil.rmtree(run)
        old.unlink()


def _files(folder: Path) -> dict[str, Any]:
    return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
