"""Data Docs: GX's static site of what each gate found, one page per table and run, under `$KPILOTE_HOME/gx`.

Flow: validation result → `gx/validations/` (JSON) → `gx/site/` (HTML). A run writes its own pages and the index only;
runs older than the newest few are removed. Pages are GX's content in templates of our own (`data_docs/`), because
GX's load styles, scripts and logos from other people's servers: ours are read offline and tell nobody.
"""

import json
import shutil
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.data_context.types.resource_identifiers import ValidationResultIdentifier
from great_expectations.render.view.view import DefaultJinjaPageView
from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader

SITE = "kpilote"
KEEP_RUNS = 14  # runs kept per gate
TEMPLATES = FileSystemLoader(Path(__file__).with_name("data_docs"))


class OfflinePageView(DefaultJinjaPageView):
    """GX's page view with our templates before its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        theirs: BaseLoader | None = self.env.loader
        self.env.loader = ChoiceLoader([TEMPLATES, *([theirs] if theirs else [])])


def context(folder: Path) -> Any:
    """A GX context that keeps results and pages under `folder` and nothing else anywhere."""
    defaults = InMemoryStoreBackendDefaults()
    defaults.stores[defaults.validation_results_store_name]["store_backend"] = _files(folder / "validations")
    view = {"module_name": __name__, "class_name": OfflinePageView.__name__}
    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": _files(folder / "site"),
        "site_section_builders": {"expectations": "none", "profiling": "none", "validations": {"view": view}},
    }
    config = DataContextConfig(
        store_backend_defaults=defaults,
        data_docs_sites={SITE: site},
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    made = gx.get_context(mode="ephemeral", project_config=config)
    # GX would write its configuration into memory as YAML with every table it is told of, and make the JSON form of a
    # result, which `engine` gives it, twice more on the way to a file.
    made._save_project_config = lambda: None  # type: ignore[method-assign]
    made.validation_results_store.serialize = partial(json.dumps, indent=2, sort_keys=True)  # type: ignore[method-assign]
    return made


def write(gx_context: Any, pages: Collection[ValidationResultIdentifier]) -> dict[ValidationResultIdentifier, str]:
    """Write the pages of these results; the file address of each."""
    if pages:  # none would mean all to GX
        gx_context.build_data_docs(site_names=[SITE], resource_identifiers=list(pages), build_index=False)
    return {
        page: gx_context.get_docs_sites_urls(resource_identifier=page, site_name=SITE)[0]["site_url"] for page in pages
    }


def write_index(folder: Path) -> Path:
    """Write the list of the runs that are kept, from their stored results; links work wherever `folder` is copied."""
    site = folder / "site"
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "results").glob("*/*.json")]
    for run in runs:
        for table in run["tables"]:
            table["page"] = (table["docs_url"] or "").removeprefix(f"{site.as_uri()}/")
    newest_first = sorted(runs, key=lambda run: run["judged_at"], reverse=True)
    site.mkdir(parents=True, exist_ok=True)
    environment = Environment(loader=TEMPLATES, autoescape=True)
    (site / "index.html").write_text(environment.get_template("index.j2").render(runs=newest_first), encoding="utf-8")
    return site / "index.html"


def prune(folder: Path, gate: str) -> None:
    """Remove all but the newest runs of a gate: results, pages and what GX keeps of them."""
    results = sorted((folder / "results" / gate).glob("*.json"), reverse=True)
    for old in results[KEEP_RUNS:]:
        _remove(folder, old)


def forget_rows(folder: Path) -> int:
    """Remove every run that shows rows, whoever they are about: hashed once more, they can no longer be told apart."""
    shown = [path for path in sorted((folder / "results").glob("*/*.json")) if _shows_rows(path)]
    for path in shown:
        _remove(folder, path)
    if (folder / "results").exists():
        write_index(folder)
    return len(shown)


def _shows_rows(result: Path) -> bool:
    run = json.loads(result.read_text(encoding="utf-8"))
    return any(each["unexpected_sample"] for table in run["tables"] for each in table["expectations"])


def _remove(folder: Path, result: Path) -> None:
    for kept in (folder / "validations", folder / "site" / "validations"):
        for run in kept.glob(f"{result.parent.name}/*/{result.stem}"):
            shutil.rmtree(run)
    result.unlink()


def _files(folder: Path) -> dict[str, Any]:
    return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
