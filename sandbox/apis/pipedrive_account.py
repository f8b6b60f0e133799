"""One Pipedrive account: its lists by name, users, teams, pipelines and stages.

Flow: `Snapshot → Company` (built once per snapshot) `→ apis.pipedrive`. Belongs here: what belongs to an account rather
than to a record.
"""

from __future__ import annotations

from functools import cached_property

from sandbox.apis import pipedrive_fields as schema
from sandbox.apis.answers import Json, instants, iso
from sandbox.apis.pipedrive_activities import activities
from sandbox.apis.pipedrive_deals import Deals
from sandbox.apis.pipedrive_records import Listing, People, plain


class Company(People):
    """What one account holds at one moment."""

    @cached_property
    def deals(self) -> Deals:
        return Deals(self)

    @cached_property
    def activities(self) -> Listing:
        return activities(self, self.deals)

    def listing(self, name: str) -> Listing:
        own = {"persons": "persons", "organizations": "organizations", "activities": "activities"}
        found: Listing = getattr(self, own[name]) if name in own else self.deals.listing(name)
        return found

    def person(self, id_: int) -> Json:
        return self.persons.render(self.persons.rows[str(id_)])

    @cached_property
    def users(self) -> list[Json]:
        frame = self.snapshot.owners.sort_values("owner_id", kind="stable")
        created, updated = (iso(instants(frame[name], "s"), "") for name in ("created_at", "updated_at"))
        return [
            {
                "id": int(owner["owner_id"]), "name": f"{owner['first_name']} {owner['last_name']}",
                "default_currency": "EUR", "locale": "fr_FR", "lang": 1, "email": owner["email"], "phone": None,
                "activated": True, "last_login": plain(updated[row]), "created": plain(created[row]),
                "modified": plain(updated[row]), "has_created_company": row == 0, "access": [],
                "active_flag": not owner["archived"], "timezone_name": "Europe/Paris", "timezone_offset": "+02:00",
                "role_id": 1, "icon_url": None, "is_you": row == 0, "is_deleted": False,
            }
            for row, owner in enumerate(frame.to_dict("records"))
        ]  # fmt: skip

    @cached_property
    def teams(self) -> list[Json]:
        frame = self.snapshot.owners
        return [
            {
                "id": place, "name": name, "description": "", "manager_id": int(members["owner_id"].iat[0]),
                "users": [int(each) for each in members["owner_id"]], "active_flag": 1, "deleted_flag": 0,
                "add_time": "2024-01-01 00:00:00", "created_by_user_id": int(members["owner_id"].iat[0]),
            }
            for place, (name, members) in enumerate(frame.groupby("team", sort=True), start=1)
        ]  # fmt: skip

    @cached_property
    def pipelines(self) -> Listing:
        frame = self.snapshot.pipelines
        added = instants(frame["updated_at"].head(1), "s")
        pipeline = {
            "id": schema.PIPELINE, "name": frame["pipeline_label"].iat[0], "order_nr": 1, "is_deleted": False,
            "is_deal_probability_enabled": True, "add_time": iso(added, "Z")[0], "update_time": iso(added, "Z")[0],
        }  # fmt: skip
        return Listing([str(schema.PIPELINE)], added, added, lambda _: dict(pipeline))

    @cached_property
    def stages(self) -> Listing:
        frame = self.snapshot.pipelines[self.snapshot.pipelines["stage_id"].isin(schema.OPEN_STAGES)]
        added = instants(frame["updated_at"], "s")
        stages = zip(frame.to_dict("records"), iso(added, "Z"), strict=True)
        rows = [
            {
                "id": schema.STAGE_IDS[stage["stage_id"]], "order_nr": place, "name": stage["label"],
                "is_deleted": False, "deal_probability": round(stage["probability"] * 100),
                "pipeline_id": schema.PIPELINE, "is_deal_rot_enabled": False, "days_to_rotten": None,
                "add_time": moment, "update_time": moment,
            }
            for place, (stage, moment) in enumerate(stages, start=1)
        ]  # fmt: skip
        return Listing([str(row["id"]) for row in rows], added, added, lambda row: dict(rows[row]))
