"""Whether an answer of Pipedrive can be believed: a page repeated, empty in the middle, or of other records shrinks
tables silently.

Each check returns the fault as the middle of a sentence, or None.
"""

from collections.abc import Callable, Sequence

from ingestion.cursor import moment
from ingestion.http import Json

# Fields of a deal of which its newest change is the present value.
LEADING = ("stage_id", "status")
# Length of an instant to the second.
SECONDS = len("2026-01-01T00:00:00")


def rows_of(page: Json) -> list[Json]:
    """The records of a page, for none of which Pipedrive may write null; a TypeError where it holds something else."""
    if page["data"] is not None and not isinstance(page["data"], list):
        raise TypeError
    return page["data"] or []


def next_cursor(page: Json) -> str:
    following = (page.get("additional_data") or {}).get("next_cursor")
    if following is not None and not isinstance(following, str):
        raise TypeError
    return following or ""


def has_more(page: Json) -> bool:
    """Whether a page counted by offsets is followed by another; the flag stands in `pagination`, or beside it."""
    told = page.get("additional_data") or {}
    return is_set((told.get("pagination") or told).get("more_items_in_collection"))


def is_set(flag: object) -> bool:
    """A flag, which may be absent; a TypeError where something else stands in its place: no word is taken for one."""
    if flag is not None and not isinstance(flag, bool):
        raise TypeError
    return flag is True


def ids_of(page: Json) -> list[str]:
    return [str(each["id"]) for each in rows_of(page) if each.get("id") is not None]


def list_fault(
    path: str, is_wanted: Callable[[Json], bool], cursor: str, before: frozenset[str], full: int, page: Json
) -> str | None:
    """Fault of a page that a cursor leads to; `before` are the ids of the page it followed, `full` is a page's size."""
    rows = rows_of(page)
    if len(rows) >= full and "next_cursor" not in page["additional_data"]:
        return f"{path} does not say whether more follow"
    if not all(map(is_wanted, rows)):
        return f"{path} answered other records than asked for"
    ids, following = frozenset(ids_of(page)), next_cursor(page)
    if (following and following == cursor) or (ids and ids <= before):
        return f"{path} repeated a page"
    return f"{path} answered an empty page though more follow" if following and not rows else None


def offset_fault(path: str, is_wanted: Callable[[Json], bool], page: Json) -> str | None:
    rows = rows_of(page)
    if not all(map(is_wanted, rows)):
        return f"{path} answered other records than asked for"
    return f"{path} answered an empty page though more follow" if has_more(page) and not rows else None


def persons_of(participants: Sequence[Json]) -> list[str]:
    return [str(row["person_id"]["value"]) for row in participants if row.get("person_id")]


def participants_fault(path: str, deal_id: str, before: Sequence[str], page: Json) -> str | None:
    """Fault of a page of a deal's participants; before: the persons of the pages before it."""
    persons = persons_of(rows_of(page))
    if persons and set(persons) <= set(before):
        return f"{path} repeated a page"
    return offset_fault(path, lambda row: str(row["related_item_data"]["deal_id"]) == deal_id, page)


def leads_to(deal: Json, rows: Sequence[Json]) -> bool:
    """Whether changes, newest first, lead to what a deal is: they do not say whose they are.

    The newest of them that the deal can know are its stage and status; none is older than the deal, and where they tell
    its creation, it is the deal's.
    """
    newest: dict[str, str | None] = {}
    known_until, since = moment(deal["update_time"]), moment(deal["add_time"])
    for row in rows[::-1]:
        if moment(row["time"]) < since or (row["field_key"] == "add_time" and not _is_same(row["new_value"], deal)):
            return False
        if row["field_key"] in LEADING and moment(row["time"]) <= known_until:
            newest[row["field_key"]] = row["new_value"]
    unchanged = {"status": "open", "stage_id": None if deal.get("stage_change_time") else str(deal["stage_id"])}
    return all(str(deal[field]) == str(newest.get(field, unchanged[field])) for field in LEADING)


def _is_same(told: str | None, deal: Json) -> bool:
    """Whether a time as changelogs write it is the deal's creation."""
    return str(told).replace(" ", "T")[:SECONDS] == str(deal["add_time"])[:SECONDS]
