"""Publication: the release BI tools read, and the pages of it.

Flow: marts → `serving.release.publish` → asset `serving/release` → `serving/scorecard_page`. What a release is, and
that a run which changed nothing makes none, is `serving`'s business.
"""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration import sensors
from orchestration.assets import gates
from orchestration.partitions import Cadence, freshness_policy
from orchestration.progress import report
from orchestration.resources import Warehouse
from orchestration.translators import DATA_TEAM, SERVING_GROUP, WAREHOUSE_POOL

if TYPE_CHECKING:
    from serving.release import Release

RELEASE = dg.AssetKey([SERVING_GROUP, "release"])
PAGE = dg.AssetKey([SERVING_GROUP, "scorecard_page"])


def serving_assets(
    marts: Collection[dg.AssetKey], checks: Collection[dg.AssetChecksDefinition], daily: Cadence
) -> list[dg.AssetsDefinition]:
    """The release, downstream of every mart and so of every gate, and its page."""
    freshness = freshness_policy(daily)

    @dg.asset(
        key=RELEASE,
        deps=list(marts),
        group_name=SERVING_GROUP,
        kinds={"parquet", "duckdb"},
        owners=[DATA_TEAM],
        freshness_policy=freshness,
        pool=WAREHOUSE_POOL,
        description="One whole, versioned copy of the marts that passed every gate: what BI tools read.",
    )
    def release(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[Any]:
        from ingestion.settings import settings
        from serving.release import ReleaseError, publish, rolled_back

        try:
            evidence = gates.latest(context.instance, checks)
            _refuse(evidence)
            report("release", "writing the marts")
            published = publish(settings(), evidence)
        except ReleaseError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        finally:  # of earlier publications too, whose run died before it could tell
            _tell_restated(context, settings().ledger_dir)
        withheld = rolled_back(settings())
        if withheld:
            context.log.warning(f"readers keep {published.id}: {withheld} was rolled back, and nothing is newer")
        return dg.MaterializeResult(metadata=_release_metadata(published, withheld))

    @dg.asset(
        key=PAGE,
        deps=[RELEASE],
        group_name=SERVING_GROUP,
        kinds={"html"},
        owners=[DATA_TEAM],
        freshness_policy=freshness,
        description="The scorecard of the current release and its attribution, each as one self-contained page.",
    )
    def scorecard_page(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        from ingestion.settings import settings
        from serving.attribution import page as attribution
        from serving.release import current
        from serving.report import html

        served = current(settings())
        if served is None:
            raise dg.Failure(
                description="there is no release to draw: materialise serving/release first", allow_retries=False
            )
        path, beside = html.write(served), attribution.write(served)
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(str(path)),
                "page": dg.MetadataValue.url(path.as_uri()),
                **({"attribution": dg.MetadataValue.url(beside.as_uri())} if beside else {}),
                "release": served.id,
            }
        )

    return [release, scorecard_page]


def _refuse(evidence: list[dict[str, Any]]) -> None:
    """Fail with the tables that bar the way; a gate that fails in this very run never lets the release start at all."""
    barred = [
        f"{gate['gate']} on {table} {entry['verdict']}" + (f" ({entry['detail']})" if entry["detail"] else "")
        for gate in evidence
        for table, entry in gate["tables"].items()
        if entry["verdict"] not in gates.PUBLISHABLE
    ]
    if barred:
        raise dg.Failure(
            description=f"nothing is published, gate {'; '.join(barred[:3])}"
            + (f" and {len(barred) - 3} more" if len(barred) > 3 else "")
            + ": refresh the day that failed once the source is mended",
            allow_retries=False,
        )


def _tell_restated(context: dg.AssetExecutionContext, ledger: Path) -> None:
    """Numbers that had been final and changed are news people must hear, though nothing failed."""
    from serving.ledger import book

    for release_id, changed in book.untold(ledger).items():
        cells = f"{changed['restated']:,} KPI cell{'' if changed['restated'] == 1 else 's'} that had been final changed"
        reason = f"{cells} in {release_id}: {'; '.join(changed['examples'])}"
        alert = sensors.about(context.run, "serving__release", reason, "restated")
        context.log.warning(alert.line())
        sensors.send_all(alert)
        book.told(ledger, release_id)


def _release_metadata(release: "Release", withheld: str | None) -> dict[str, Any]:
    return {
        **({"rolled_back": withheld} if withheld else {}),
        "release": release.id,
        "new": release.is_new,
        "data_through": str(release.data_through),
        "rows": sum(release.rows.values()),
        "cells_changed": release.manifest["ledger"]["cells"] if release.is_new else 0,
        "final_cells_changed": release.manifest["ledger"]["restated"] if release.is_new else 0,
        "tables": dg.MetadataValue.json(release.rows),
        "path": dg.MetadataValue.path(str(release.path)),
    }
