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

from ingestion.http import Json
from ingestion.sources.salesforce import checks
from ingestion.sources.salesforce.api import Salesforce, Schema
from ingestion.sources.salesforce.objects import ObjectType
from ingestion.sources.salesforce.settings import SalesforceSettings

CSV = "text/csv"
NO_MORE = "null"
ENDED = ("JobComplete", "Failed", "Aborted")
_BOOLEANS = {"true": True, "false": False}


def pages(
    salesforce: Salesforce, settings: SalesforceSettings, kind: ObjectType, schema: Schema, where: str
) -> Iterator[list[Json]]:
    """Pages of records, in no order: sorting would forbid Salesforce to split the work."""
    query = f"SELECT {', '.join(kind.fields)} FROM {kind.name}{where}"  # noqa: S608 - names of the schema
    job = _job(salesforce, settings, kind, query)
    path, found = f"{salesforce.root}/jobs/query/{job['id']}/results", job["numberRecordsProcessed"]
    received, before, locator = 0, set[str](), ""
    while locator != NO_MORE:
        page = salesforce.api.verified(
            partial(_page, salesforce, settings, path, locator),
            partial(checks.results_fault, kind.name, kind.fields, before),
        )
        records = page["records"]
        received, before, locator = received + len(records), checks.ids_of(records), page["locator"]
        if records:
            yield [typed(record, schema) for record in records]
    if received != found:
        raise salesforce.api.error(
            f"the job of {kind.name} gave {received} of {found} records; nothing was loaded, run it again",
            transient=True,
        )


def _job(salesforce: Salesforce, settings: SalesforceSettings, kind: ObjectType, query: str) -> Json:
    """A job that is complete."""
    api, path = salesforce.api, f"{salesforce.root}/jobs/query"
    job = api.post(path, {"operation": "queryAll" if kind.deletes else "query", "query": query})
    asked: Callable[[], Json] = partial(api.get, f"{path}/{job['id']}")
    give_up = time.monotonic() + settings.job_seconds
    while job["state"] not in ENDED:
        if time.monotonic() > give_up:
            raise api.error(
                f"the job of {kind.name} is not done after {settings.job_seconds:g} seconds: raise"
                " SOURCES__SALESFORCE__JOB_SECONDS, or run it again later",
                transient=True,
            )
        time.sleep(settings.poll_seconds)
        job = api.verified(asked, partial(_job_fault, kind.name, job["id"]))
    if job["state"] != "JobComplete":
        said = str(job.get("errorMessage", ""))[: checks.SAID]
        raise api.error(f"the job of {kind.name} ended as {job['state']}; nothing was loaded, run it again: {said}")
    return job


def _job_fault(name: str, job_id: str, job: Json) -> str | None:
    return None if job["id"] == job_id else f"the job of {name} was answered as another one"


def _page(salesforce: Salesforce, settings: SalesforceSettings, path: str, locator: str) -> Json:
    """A page of results with what its headers say of it."""
    parameters = {"maxRecords": str(settings.bulk_page_size), **({"locator": locator} if locator else {})}
    text, headers = salesforce.api.text(path, parameters, CSV)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    return {
        "records": list(reader),
        "fields": list(reader.fieldnames or ()),
        "stated": int(headers["Sforce-NumberOfRecords"]),
        "locator": headers["Sforce-Locator"],
    }


def typed(record: Mapping[str, str], schema: Schema) -> Json:
    """A record of texts as a query would have answered it."""
    return {name: _value(text, schema[name]) for name, text in record.items()}


def _value(text: str, kind: str) -> Any:
    if text == "":
        return None
    if kind == "boolean":
        return _BOOLEANS.get(text, text)
    if kind in ("int", "double", "currency", "percent"):
        try:
            return Decimal(text)
        except InvalidOperation:
            return text
    # Jobs write Z where queries write +0000: one spelling, or the same version would seem another one.
    return text.removesuffix("Z") + "+0000" if kind == "datetime" and text.endswith("Z") else text
