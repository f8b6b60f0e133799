"""Whether an answer of HubSpot can be believed: a page repeated, empty in the middle, or of other records shrinks
tables silently.

Each check returns the fault as the middle of a sentence, or None.
"""

from collections.abc import Callable, Sequence

from ingestion.http import Json


def search_fault(object_type: str, updated: str, last: int, answer: Json) -> str | None:
    results = answer["results"]
    if any(updated not in record["properties"] for record in results):
        return f"the search of {object_type} answered records of another type"
    if answer["total"] > 0 and not results:
        return f"the search of {object_type} answered an empty page though {answer['total']} records remain"
    if results and all(number(record) <= last for record in results):
        return f"the search of {object_type} repeated a page"
    return None


def is_of(record: Json, updated: str, archived: bool) -> bool:
    """Whether a record is of the type and the half of the list that were asked for."""
    return updated in record["properties"] and record["archived"] is archived


def list_fault(
    path: str, is_wanted: Callable[[Json], bool], after: str, before: frozenset[str], answer: Json
) -> str | None:
    if not all(map(is_wanted, answer["results"])):
        return f"{path} answered other records than asked for"
    ids, following = record_ids(answer["results"]), next_after(answer)
    if (following and following == after) or (ids and ids <= before):
        return f"{path} repeated a page"
    return f"{path} answered an empty page though more follow" if following and not answer["results"] else None


def batch_fault(object_type: str, answer: Json, ids: Sequence[str]) -> str | None:
    found = record_ids(answer["results"])
    if not found <= set(ids):
        return f"the batch of {object_type} answered other records than asked for"
    if len(found) + answer.get("numErrors", 0) < len(set(ids)):
        return f"the batch of {object_type} answered {len(found)} of {len(set(ids))} records"
    return None


def record_ids(results: Sequence[Json]) -> frozenset[str]:
    return frozenset(record["id"] for record in results if record.get("id"))


def number(record: Json) -> int:
    """Record ids are numbers in a text; a record without one takes part in no order."""
    return int(record["id"]) if record.get("id") else 0


def next_after(page: Json) -> str:
    following: str = ((page.get("paging") or {}).get("next") or {}).get("after") or ""
    return following
