"""Custom fields: from a setting that holds a field's name or key to the text a record holds in it.

Flow: settings + `{person,organization,deal}Fields` → `Fields` → lake columns as text. Pipedrive names a company's own
fields by 40-character keys, and an option by its number; people know both by their names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ingestion.http import Json
from ingestion.sources.pipedrive.api import Pipedrive
from ingestion.sources.pipedrive.settings import FIELD_SETTINGS, PipedriveSettings

FIELD_LISTS = {"persons": "personFields", "organizations": "organizationFields", "deals": "dealFields"}
# Fields of Pipedrive's own that hold the number of an option.
STANDARD_OPTIONS = {"organizations": ("industry",)}
# What of a value of several parts is kept: an amount, a time, a date, an address.
PARTS = ("value", "from", "label", "id")


@dataclass(frozen=True)
class Fields:
    """The fields of one kind of record. codes: lake column → key; options: key → number → label; custom: their keys."""

    codes: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    custom: frozenset[str] = frozenset()

    @property
    def parameters(self) -> dict[str, str]:
        """What a list is asked for: none of the company's fields but these."""
        return {"custom_fields": ",".join(sorted(self.custom))} if self.custom else {}

    def values(self, record: Json) -> dict[str, str | None]:
        """Lake column → text."""
        own = record.get("custom_fields") or {}
        return {
            column: self.text(code, own.get(code) if code in self.custom else record.get(code))
            for column, code in self.codes.items()
        }

    def text(self, code: str, value: Any) -> str | None:
        """A field's value as people read it, whatever its type."""
        if isinstance(value, dict):
            value = next((value[part] for part in PARTS if value.get(part) is not None), None)
        if isinstance(value, list):
            return ",".join(filter(None, (self.text(code, each) for each in value))) or None
        if value is None or value == "":
            return None
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return self.options.get(code, {}).get(text, text)


def resolved(pipedrive: Pipedrive, settings: PipedriveSettings, name: str) -> Fields:
    """The fields the settings name, as the account has them; an error names the setting of one it lacks."""
    wanted, standard = settings.fields(name), STANDARD_OPTIONS.get(name, ())
    if not wanted and not standard:
        return Fields()
    path = FIELD_LISTS[name]
    known = [each for page in pipedrive.listed(path, {}) for each in page]
    codes = {column: _code(pipedrive, name, column, text, known) for column, text in wanted.items()}
    used = {*codes.values(), *standard}
    options = {
        each["field_code"]: {str(option["id"]): str(option["label"]) for option in each.get("options") or ()}
        for each in known
        if each["field_code"] in used
    }
    custom = frozenset(
        each["field_code"] for each in known if each["field_code"] in codes.values() and each["is_custom_field"]
    )
    return Fields(codes, options, custom)


def _code(pipedrive: Pipedrive, name: str, column: str, wanted: str, known: list[Json]) -> str:
    """The key of the field with this key or name."""
    setting = next(each for each, filled in FIELD_SETTINGS[name].items() if filled == column)
    variable = f"SOURCES__PIPEDRIVE__{setting.upper()}"
    found = [each["field_code"] for each in known if each["field_code"] == wanted]
    found = found or [each["field_code"] for each in known if each["field_name"].strip().lower() == wanted.lower()]
    if len(found) == 1:
        return str(found[0])
    if not found:
        mend = f"create it in Pipedrive, or set {variable} to another one or to nothing"
        raise pipedrive.api(name).error(f"{name} have no field {wanted!r}: {mend}")
    raise pipedrive.api(name).error(f"{name} have several fields {wanted!r}: set {variable} to the key of one of them")
