"""Pipedrive: `/api/v2/…` and, for what only v1 has, `/v1/…` → `pipedrive/{persons, deals, deal_changes, …}`.

Each kind of record is one stream: what changed since its cursor, or all of it where a whole list is cheap or due, since
deleted and merged records are found only by their absence. Deals bring the changes of those that changed and who takes
part in them. Where the day's tokens end, histories wait in the load's state for the next pull; anything else fails it.
Belongs here: the order of calls. Requests are in `api.py`, names of members in `rows.py`.
"""

from functools import partial
from zoneinfo import ZoneInfo

from ingestion.http import Json
from ingestion.privacy import without_secrets
from ingestion.sources.pipedrive import deals, rows
from ingestion.sources.pipedrive.api import V1, Pipedrive
from ingestion.sources.pipedrive.fields import resolved
from ingestion.sources.pipedrive.records import Kind, leads, stream
from ingestion.sources.pipedrive.settings import TYPE_SETTINGS, PipedriveSettings
from ingestion.sources.pipedrive.texts import converters
from ingestion.streams import Connector, Context, Rows, Stream, Window

REFERENCE_TABLES = ("users", "pipelines", "stages")


def connect(context: Context) -> Connector:
    """The streams of one pull, after finding the fields the settings name."""
    settings = PipedriveSettings.load()
    pipedrive = Pipedrive(settings)
    fields = {name: resolved(pipedrive, settings, name) for name in ("persons", "organizations", "deals")}
    types = settings.types()
    persons = Kind(
        "persons", "person_id", partial(rows.person, fields["persons"]), fields["persons"].parameters,
        made_by=fields["persons"].codes,
    )  # fmt: skip
    organizations = Kind(
        "organizations", "organization_id", partial(rows.organization, fields["organizations"]),
        fields["organizations"].parameters, made_by=fields["organizations"].codes,
    )  # fmt: skip
    named = settings.other_than_default(TYPE_SETTINGS)
    activities = Kind("activities", "activity_id", partial(rows.activity, types), made_by=named)
    return Connector(
        {
            **{
                each.name: partial(stream, context, pipedrive, settings, each)
                for each in (persons, organizations, activities)
            },
            "deals": partial(deals.stream, context, pipedrive, settings, fields["deals"]),
            "leads": partial(leads, context, pipedrive, settings),
            "reference": partial(_reference, context, pipedrive, settings),
        },
        converters(context.hasher, ZoneInfo(context.settings.timezone)),
    )


def check() -> str:
    """What `kpilote doctor` says of this source; raises what is wrong: token, permissions, fields. Each permission is
    tried once, by what a pull asks for; all of it costs 95 to 155 tokens of the day.
    """
    settings = PipedriveSettings.load().for_check()
    pipedrive = Pipedrive(settings)
    for name in ("persons", "organizations", "deals"):
        resolved(pipedrive, settings, name)
    for path in ("persons", "organizations", "activities"):
        pipedrive.first(path)
    for deal in pipedrive.first("deals"):
        pipedrive.first(f"deals/{deal['id']}/changelog", "changelog", V1)
    pipedrive.first("leads", root=V1)
    if settings.teams:
        pipedrive.whole("legacyTeams")
    users, stages = pipedrive.whole("users"), sum(len(page) for page in pipedrive.listed("stages", {}))
    left = "" if pipedrive.tokens_left is None else f", {pipedrive.tokens_left} tokens left today"
    return f"{len(users)} users and {stages} stages at {without_secrets(settings.base_url)}{left}"


def _reference(context: Context, pipedrive: Pipedrive, settings: PipedriveSettings) -> Stream:
    """Users, leavers included, pipelines and stages: small, read whole."""
    teams = _teams(pipedrive.whole("legacyTeams")) if settings.teams else {}
    yield Rows("users", [rows.user(teams, each) for each in pipedrive.whole("users")])
    for page in pipedrive.listed("pipelines", {}):
        yield Rows("pipelines", [rows.pipeline(each) for each in page])
    for page in pipedrive.listed("stages", {}):
        yield Rows("stages", [rows.stage(each) for each in page])
    for table in REFERENCE_TABLES:
        yield Window(table, context.start, context.end)


def _teams(teams: list[Json]) -> dict[str, str]:
    """The team of each user: of several the one made first."""
    found: dict[str, str] = {}
    for team in sorted(teams, key=lambda each: int(each["id"])):
        if not team.get("deleted_flag"):
            for user in team.get("users") or ():
                found.setdefault(str(user), str(team["name"]))
    return found
