"""Bulk API 2.0: a query job for what is too much for pages of a query; its results come as CSV.

Flow: `POST jobs/query → poll until it is complete → results page by page → records as a query would answer them`. The
job says how many records it found, each page how many it holds: an answer cut short is noticed.
"""

import csv
import io
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from ingestion.errors import SourceError
from ingestion.http import Json
from ingestion.sources.salesforce import checks
from ingestion.sources.salesforce.api import Salesforce, Schema
from ingestion.sources.salesforce.objects import ObjectType
from ingestion.sources.salesforce.settings import SalesforceSettings

CSV = "text/csv"
NO_MORE = "null"
FORBIDDEN = 403
# The last day a query may name.
LAST_DAY = "4000-12-31T00:00:00Z"
# A small job is done at once: the first wait is so many times shorter than the others, and doubles.
FIRST_LOOKS = 16
ENDED = ("JobComplete", "Failed", "Aborted")
_BOOLEANS = {"true": True, "false": False}


def pages(
    salesforce: Salesforce, settings: SalesforceSettings, kind: ObjectType, schema: Schema, where: str
) -> Iterator[list[Json]]:
    """Pages of records, in no order: sorting would forbid Salesforce to split the work."""
    query = f"SELECT {', '.join(kind.fields)} FROM {kind.name}{where}"  # noqa: S608 - names of the schema
    job = _job(salesforce, settings, kind, query)
    path, found = f"{salesforce.root}/jobs/query/{job['id']}/results", job["numberRecordsProcessed"]
    told = {name: _READ[schema[name].type] for name in kind.fields if schema[name].type in _READ}
    received, before, locator = 0, set[str](), ""
    while locator != NO_MORE:
        page = salesforce.api.verified(
            partial(_page, salesforce, settings, path, locator),
            partial(checks.results_fault, kind.name, kind.fields, before),
        )
        records = page["records"]
        received, before, locator = received + len(records), checks.ids_of(records), page["locator"]
        if records:
            yield [_typed(record, told) for record in records]
    if received != found:
        raise salesforce.api.error(
            f"the job of {kind.name} gave {received} of {found} records; nothing was loaded, run it again",
            transient=True,
        )


def check(salesforce: Salesforce, kind: ObjectType) -> None:
    """Fails where jobs are refused. The one tried finds nothing; Salesforce drops it after some days."""
    _created(salesforce, kind, f"SELECT Id FROM {kind.name} WHERE {kind.changed} >= {LAST_DAY}")  # noqa: S608


def _created(salesforce: Salesforce, kind: ObjectType, query: str) -> Json:
    """A job that Salesforce has begun; not every org, nor every user, may have one."""
    body = {"operation": "queryAll" if kind.deletes else "query", "query": query}
    try:
        return salesforce.api.verified(
            lambda: salesforce.api.post(f"{salesforce.root}/jobs/query", body), partial(_job_fault, kind.name, None)
        )
    except SourceError as error:
        if error.status != FORBIDDEN:
            raise
        raise salesforce.api.error(
            "Bulk query jobs, by which large objects are read, are refused: let the app's user have them, or raise"
            f" SOURCES__SALESFORCE__BULK_ROWS to read by pages of queries; {str(error).removeprefix('salesforce: ')}"
        ) from None


def _job(salesforce: Salesforce, settings: SalesforceSettings, kind: ObjectType, query: str) -> Json:
    """A job that is complete."""
    api, job = salesforce.api, _created(salesforce, kind, query)
    path = f"{salesforce.root}/jobs/query"
    asked: Callable[[], Json] = partial(api.get, f"{path}/{job['id']}")
    pause, give_up = settings.poll_seconds / FIRST_LOOKS, time.monotonic() + settings.job_seconds
    while job["state"] not in ENDED:
        if time.monotonic() > give_up:
            raise api.error(
                f"the job of {kind.name} is not done after {settings.job_seconds:g} seconds: raise"
                " SOURCES__SALESFORCE__JOB_SECONDS, or run it again later",
                transient=True,
            )
        time.sleep(pause)
        pause = min(pause * 2, settings.poll_seconds)
        job = api.verified(asked, partial(_job_fault, kind.name, job["id"]))
    if job["state"] != "JobComplete":
        said = str(job.get("errorMessage", ""))[: checks.SAID]
        raise api.error(f"the job of {kind.name} ended as {job['state']}; nothing was loaded, run it again: {said}")
    return job


def _job_fault(name: str, job_id: str | None, job: Json) -> str | None:
    is_it = job["object"] == name and job_id in (None, job["id"])
    return None if is_it else f"the job of {name} was answered as another one"


def _page(salesforce: Salesforce, settings: SalesforceSettings, path: str, locator: str) -> Json:
    """A page of results with what its headers say of it."""
    parameters = {"maxRecords": str(settings.bulk_page_size), **({"locator": locator} if locator else {})}
    text, headers = salesforce.api.text(path, parameters, CSV)
    reader = csv.reader(io.StringIO(text, newline=""))
    fields, rows = next(reader, []), [row for row in reader if row]
    return {
        "records": [dict(zip(fields, row, strict=False)) for row in rows],
        "fields": fields,
        "lengths": set(map(len, rows)),
        "stated": int(headers["Sforce-NumberOfRecords"]),
        "locator": headers["Sforce-Locator"],
    }


def _typed(record: Mapping[str, str], told: Mapping[str, Callable[[str], Any]]) -> Json:
    """A record of texts as a query would have answered it; `told` are the fields that are no texts there."""
    values: Json = {name: text or None for name, text in record.items()}
    for name, read in told.items():
        text = values[name]
        if text is not None:
            values[name] = read(text)
    return values


def _number(text: str) -> Any:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _instant(text: str) -> str:
    """Jobs write Z where queries write +0000: one spelling, or the same version would seem another one."""
    return text.removesuffix("Z") + "+0000" if text.endswith("Z") else text


# What is no text in the answer of a query, by Salesforce's type.
_READ: Mapping[str, Callable[[str], Any]] = {
    "boolean": lambda text: _BOOLEANS.get(text, text),
    "datetime": _instant,
    **dict.fromkeys(("int", "double", "currency", "percent"), _number),
}
