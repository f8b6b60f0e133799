"""What belongs to a HubSpot account rather than to a record: owners, pipelines, property definitions.

Belongs here: those three answers. Does not: records (`hubspot`).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sandbox.apis import hubspot_schema as schema
from sandbox.apis.answers import Answer, Json, instants, iso, sandbox_of
from sandbox.apis.hubspot_rules import bad, flag, known, object_type, require, whole

OWNERS_PAGE = 500
_FIELD_TYPES = {"datetime": "date", "number": "number", "bool": "booleancheckbox", "enumeration": "select"}
_SENSITIVITIES = ("non_sensitive", "sensitive", "highly_sensitive")


async def owners(request: Request) -> Response:
    require(request, "crm.objects.owners.read")
    known(request, "after", "archived", "email", "limit")
    limit, archived = whole(request, "limit", 100, OWNERS_PAGE), flag(request, "archived")
    after, email = request.query_params.get("after", "0"), request.query_params.get("email")
    if not after.isdecimal():
        raise bad("after is not a paging cursor of this list")
    found = [
        owner
        for owner in sandbox_of(request).view.portal.owners
        if owner["archived"] == archived and int(owner["id"]) > int(after) and email in (None, owner["email"])
    ]
    answer: Json = {"results": found[:limit]}
    if len(found) > limit:
        answer["paging"] = {"next": {"after": found[limit - 1]["id"]}}
    return Answer(answer)


async def pipelines(request: Request) -> Response:
    """Deal pipelines; the other types of this company have none."""
    name = object_type(request)
    known(request)
    snapshot = sandbox_of(request).view.snapshot
    if name != "deals":
        return Answer({"results": []})
    frame = snapshot.pipelines
    updated = iso(instants(frame["updated_at"]), "Z")
    stages = [
        {
            "id": stage["stage_id"],
            "label": stage["label"],
            "displayOrder": int(stage["display_order"]),
            "metadata": {
                "isClosed": "true" if stage["is_closed"] else "false",
                "probability": str(float(stage["probability"])),
            },
            "createdAt": moment,
            "updatedAt": moment,
            "archived": False,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        }
        for stage, moment in zip(frame.to_dict("records"), updated, strict=True)
    ]
    pipeline = {
        "id": frame["pipeline_id"].iat[0], "label": frame["pipeline_label"].iat[0], "displayOrder": 0,
        "stages": stages, "createdAt": updated[0], "updatedAt": updated[0], "archived": False,
    }  # fmt: skip
    return Answer({"results": [pipeline]})


async def properties(request: Request) -> Response:
    name = object_type(request)
    require(request, *filter(None, [schema.SCHEMA_SCOPES.get(name)]))
    known(request, "archived", "dataSensitivity", "locale", "properties")
    if request.query_params.get("dataSensitivity", "non_sensitive") not in _SENSITIVITIES:
        raise bad(f"dataSensitivity must be one of {', '.join(_SENSITIVITIES)}")
    if flag(request, "archived") or request.query_params.get("dataSensitivity", "non_sensitive") != "non_sensitive":
        return Answer({"results": []})
    return Answer({"results": [_property(name, each) for each in sorted(schema.PROPERTIES[name])]})


def _property(name: str, each: str) -> Json:
    kind = schema.property_type(each)
    return {
        "name": each,
        "label": each.removeprefix("hs_").replace("_", " ").capitalize(),
        "type": kind,
        "fieldType": _FIELD_TYPES.get(kind, "text"),
        "description": "",
        "groupName": f"{schema.OBJECTS[name].singular}information",
        "options": [],
        "archived": False,
        "calculated": False,
        "externalOptions": False,
        "hasUniqueValue": each == "hs_object_id",
        "hidden": False,
        "hubspotDefined": each not in schema.CUSTOM,
        "formField": each in ("email", "firstname", "lastname", "phone", "country"),
        "modificationMetadata": {"archivable": False, "readOnlyDefinition": True, "readOnlyValue": False},
    }
