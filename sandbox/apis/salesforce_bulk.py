"""Salesforce's Bulk API 2.0: query jobs, which work for a while, and their results as CSV in pages.

Flow: `POST job → Found → GET job until it is complete → GET results by locator`. Belongs here: jobs. Does not: what a
query finds (`salesforce_records`).
"""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.apis import salesforce_schema as schema
from sandbox.apis.answers import Answer, Json, sandbox_of
from sandbox.apis.salesforce_records import Found
from sandbox.apis.salesforce_rules import body_of, hidden_from, known, org_of, refused
from sandbox.apis.salesforce_soql import Query, SoqlError, parse

STATES = ("UploadComplete", "InProgress", "JobComplete")
MAX_RECORDS = 50_000
NO_LOCATOR = "null"


@dataclass
class Job:
    """A job and how often it was asked after: it is done at the second question."""

    job_id: str
    found: Found
    operation: str
    version: str
    created: str
    asked: int = 0

    def shown(self) -> Json:
        state = STATES[min(self.asked, len(STATES) - 1)]
        answer: Json = {
            "id": self.job_id, "operation": self.operation, "object": self.found.query.kind.name,
            "createdById": "005Kp0000000001AAA", "createdDate": self.created, "systemModstamp": self.created,
            "state": state, "concurrencyMode": "Parallel", "contentType": "CSV",
            "apiVersion": float(self.version.removeprefix("v")), "lineEnding": "LF", "columnDelimiter": "COMMA",
        }  # fmt: skip
        if self.asked:
            answer |= {"jobType": "V2Query", "retries": 0, "totalProcessingTime": 100}
            answer["numberRecordsProcessed"] = len(self.found.rows) if self.is_done else 0
        return answer

    @property
    def is_done(self) -> bool:
        return self.asked >= len(STATES) - 1


async def create(request: Request) -> Response:
    known(request)
    body = await body_of(request, {"operation", "query"}, {"contentType", "columnDelimiter", "lineEnding"})
    fixed = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}
    if any(body.get(name, value) != value for name, value in fixed.items()):
        raise refused(400, "this sandbox writes CSV with commas and LF only", "API_ERROR")
    if body["operation"] not in ("query", "queryAll") or not isinstance(body["query"], str):
        raise refused(400, "operation must be query or queryAll", "API_ERROR")
    sandbox = sandbox_of(request)
    query = _parsed(body["query"], hidden_from(request))
    if not sandbox.counters.salesforce_jobs.take():
        raise refused(403, "The number of query jobs of the past 24 hours is used up.", "EXCEEDED_QUOTA")
    org = org_of(request)
    records = org.records(query.kind.name)
    rows = records.found(query, everything=body["operation"] == "queryAll")
    job_id = f"750Kp{len(org.jobs):010d}AAA"
    created = datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    found = Found(records, query, rows, MAX_RECORDS)
    org.jobs[job_id] = Job(job_id, found, body["operation"], request.path_params["version"], created)
    return Answer(org.jobs[job_id].shown())


def _parsed(text: str, hidden: frozenset[str]) -> Query:
    try:
        query = parse(text, hidden)
    except SoqlError as error:
        raise refused(400, str(error), error.code) from None
    if query.fields is None:
        raise refused(400, "Aggregate Relationships not supported in Bulk Query", "API_ERROR")
    compound = [name for name in query.fields if query.kind.fields[name] == schema.COMPOUND]
    if compound:
        raise refused(400, f"Selecting compound data not supported in Bulk Query: {', '.join(compound)}", "API_ERROR")
    return query


def _job(request: Request) -> Job:
    job: Job | None = org_of(request).jobs.get(request.path_params["job_id"])
    if job is None:
        raise refused(404)
    if job.version != request.path_params["version"]:
        raise refused(409, "use the API version the job was created with", "API_ERROR")
    return job


async def info(request: Request) -> Response:
    known(request)
    job = _job(request)
    job.asked += 1
    return Answer(job.shown())


async def results(request: Request) -> Response:
    known(request, "locator", "maxRecords")
    job = _job(request)
    if not job.is_done:
        raise refused(400, "Results are not available before the job is complete.", "API_ERROR")
    asked = request.query_params.get("maxRecords", str(MAX_RECORDS))
    if not asked.isdecimal() or not int(asked):
        raise refused(400, "maxRecords must be a positive integer", "API_ERROR")
    start, rows = _offset(request.query_params.get("locator")), job.found.rows
    page = rows[start : start + int(asked)]
    end = start + len(page)
    headers = {
        "Sforce-Locator": _locator(end) if end < len(rows) else NO_LOCATOR,
        "Sforce-NumberOfRecords": str(len(page)),
    }
    return Response(_csv(job.found, page), headers=headers, media_type="text/csv")


def _locator(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode().rstrip("=")


def _offset(locator: str | None) -> int:
    if locator is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)))
    except ValueError:
        raise refused(400, "Invalid locator", "API_ERROR") from None


def _csv(found: Found, rows: list[int]) -> str:
    names = found.query.fields or ()
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(names)
    columns = [found.records.column(name) for name in names]
    writer.writerows([_plain(column[row]) for column in columns] for row in rows)
    return text.getvalue()


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.endswith("+0000"):
        return value.removesuffix("+0000") + "Z"
    return str(value)
