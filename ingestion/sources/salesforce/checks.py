"""Whether an answer of Salesforce can be believed, and what a refusal asks people to mend.

Each check returns the fault as the middle of a sentence, or None.
"""

import re
from collections.abc import Collection, Mapping

from ingestion.http import Json
from ingestion.privacy import without_addresses

_NO_FIELD = re.compile(r"No such column '([\w.]{1,80})' on entity '(\w{1,80})'")
_NO_OBJECT = re.compile(r"sObject type '(\w{1,80})' is not supported")
_READ = "give the permission set of the app's user Read on it"
SAID = 200


def page_fault(name: str, fields: Collection[str], received: int, before: Collection[str], page: Json) -> str | None:
    """received: rows of the pages before this one; before: ids of the page before."""
    records, total = page["records"], page["totalSize"]
    if any(record["attributes"]["type"] != name or not set(fields) <= set(record) for record in records):
        return f"a query of {name} answered other records than asked for"
    ids = ids_of(records)
    if ids and ids <= set(before):
        return f"a query of {name} repeated a page"
    if not page["done"]:
        return None if records and page["nextRecordsUrl"] else f"a query of {name} answered an empty page of {total}"
    if received + len(records) != total:
        return f"a query of {name} answered {received + len(records)} of {total} records"
    return None


def count_fault(name: str, answer: Json) -> str | None:
    if answer["records"] or not isinstance(answer["totalSize"], int):
        return f"a count of {name} answered other records than asked for"
    return None


def results_fault(name: str, fields: Collection[str], before: Collection[str], page: Json) -> str | None:
    """A page of a Bulk job's results: as many rows as its header says, of the columns asked for, not those before."""
    if set(page["fields"]) != set(fields):
        return f"the results of {name} came with other columns than asked for"
    if page["lengths"] - {len(page["fields"])}:
        return f"the results of {name} held rows of another length than their heading"
    if len(page["records"]) != page["stated"]:
        return f"the results of {name} held {len(page['records'])} of {page['stated']} rows"
    ids = ids_of(page["records"])
    return f"the results of {name} repeated a page" if ids and ids <= set(before) else None


def ids_of(records: Collection[Json]) -> set[str]:
    return {record["Id"] for record in records if record.get("Id")}


def no_object(name: str) -> str:
    return f"{name} is not to be seen: {_READ} (object permissions)"


def no_field(name: str, field: str, setting: str | None) -> str:
    mend = f", or set {setting} to another field or to nothing" if setting else ""
    return f"{name} has no field {field} to be seen: {_READ} (field-level security){mend}"


def formulas(named: Collection[str]) -> str:
    """What is to be known of formulas that settings name: a change of their value alone moves no SystemModstamp."""
    return (
        f"{', '.join(named)}: formulas, and where one changes without an edit of its own record (a field of another"
        " record, a day that passes) Salesforce tells nobody and the lake keeps the old value: map a stored field,"
        " which a flow may fill"
    )


def explain(settings: Mapping[str, str], status: int, body: Json | None) -> str | None:
    """What a refused request asks for. settings: field → the setting that named it."""
    errors = [each for each in (body or {}).get("errors", []) if isinstance(each, dict)]
    code = str(errors[0].get("errorCode", "")) if errors else ""
    message = without_addresses(str(errors[0].get("message", "")))[:500] if errors else ""
    if field := _NO_FIELD.search(message):
        return no_field(field.group(2), field.group(1), settings.get(field.group(1)))
    if kind := _NO_OBJECT.search(message):
        return no_object(kind.group(1))
    if code == "MALFORMED_QUERY":
        said = " ".join(message.split())[:SAID]
        return f"a query was not understood ({status} {code}); this is a fault of Kpilote's, please report it: {said}"
    if code == "REQUEST_LIMIT_EXCEEDED" and status == 403:
        return f"the org's calls of 24 hours are used up ({status} {code}): run it again later, or add calls to the org"
    if code == "INVALID_QUERY_LOCATOR":
        return f"a query was forgotten before its last page ({status} {code}); nothing was loaded, run it again"
    if status == 401:
        return (
            f"the session was refused ({status} {code}): check the policies of the connected app that"
            " SOURCES__SALESFORCE__CLIENT_ID names"
        )
    if status == 403:
        return f"the app's user lacks a permission ({status} {code}): API Enabled, and Read on what is pulled"
    if status == 404:
        return (
            f"the path does not exist ({status} {code}): check SOURCES__SALESFORCE__BASE_URL (My Domain) and"
            " …API_VERSION"
        )
    return (
        f"a request was refused ({status} {code}): {' '.join(message.split())[:SAID]}" if 400 <= status < 429 else None
    )
