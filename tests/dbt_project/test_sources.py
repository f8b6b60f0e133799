"""The committed dbt sources say what the registry says."""

import pytest

from ingestion import registry
from tests.dbt_project import sources_yaml


@pytest.mark.parametrize("name", registry.SOURCES)
def test_sources_yaml_equals_registry(name: str) -> None:
    source = registry.SOURCES[name]
    written = sources_yaml.path(source).read_text(encoding="utf-8")
    assert written == sources_yaml.render(source), "run `python -m tests.dbt_project.sources_yaml`"
