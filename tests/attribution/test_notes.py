"""What a person should know of their file or settings, where nothing is wrong and the answer may still surprise."""

from __future__ import annotations

from pathlib import Path

import pytest

from attribution.engine import attribute
from attribution.model import Result, Settings, Unit


def of(folder: Path, text: str, **settings: object) -> Result:
    file = folder / "export.csv"
    file.write_text(text, encoding="utf-8")
    return attribute(file, Settings(bootstrap=0, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Direct", "(direct)", "(none)", "(direct) / (none)"])
def test_direct_visits_by_the_names_that_ga4_has(tmp_path: Path, name: str) -> None:
    texts = (
        f"path,conversions\nads > {name},3\n",
        (f"person,time,channel,converted\nx,2026-03-01,ads,0\nx,2026-03-02,{name},1\n"),
    )
    for text in texts:
        found = of(tmp_path, text)
        assert found.credits["last_non_direct"][Unit("ads")] == found.credits["first_touch"][Unit("ads")]
        assert not any("direct" in note for note in found.notes)


def test_direct_visits_by_a_name_of_their_own(tmp_path: Path) -> None:
    text = "path,conversions\nads > typed in,3\n"
    assert any(
        "no channel is called direct, so last_non_direct is last_touch" in note for note in of(tmp_path, text).notes
    )
    named = of(tmp_path, text, direct=("typed in",))
    assert named.credits["last_non_direct"][Unit("ads")].conversions == 3
    assert not any("direct" in note for note in named.notes)
    assert not any("direct" in note for note in of(tmp_path, text, models=("linear",)).notes)


@pytest.mark.parametrize(
    ("paths", "separator", "told"),
    [
        ("a|b,3\nc|d,4", ">", "every path is one channel, like 'a|b': if paths are cut at '|', say --separator '|'"),
        ("a;b,3", ">", "every path is one channel, like 'a;b': if paths are cut at ';', say --separator ';'"),
        ("a > b,3", "|", "every path is one channel, like 'a > b': if paths are cut at '>', say --separator '>'"),
        ("a -> b,3", ">", "a channel is called 'a -': if paths are cut at '->', say --separator '->'"),
        ("a => b,3", ">", "a channel is called 'a =': if paths are cut at '=>', say --separator '=>'"),
        ("a -> b,3", "->", None),
        ("a > b|c,3", ">", None),
        ("a,3\nb,4", ">", None),
    ],
)
def test_paths_that_seem_cut_at_another_sign(tmp_path: Path, paths: str, separator: str, told: str | None) -> None:
    notes = of(tmp_path, f"path,conversions\n{paths}\n", separator=separator).notes
    assert [note for note in notes if "--separator" in note] == ([told] if told else [])


@pytest.mark.parametrize(
    ("marks", "told"),
    [
        ("0,0", "lead_creating or opportunity_creating"),
        (",", "lead_creating or opportunity_creating"),
        ("1,0", "opportunity_creating"),
        ("0,1", "lead_creating"),
        ("1,1", None),
    ],
)
def test_milestones_that_no_touch_is_marked_with(tmp_path: Path, marks: str, told: str | None) -> None:
    head = "person,time,channel,converted,lead_creating,opportunity_creating"
    text = f"{head}\nx,2026-03-01,a,0,{marks}\nx,2026-03-02,b,1,,\n"
    note = f"no touch is marked {told}: w_shaped and full_path without such milestones"
    assert [each for each in of(tmp_path, text).notes if "milestones" in each] == ([note] if told else [])
    assert not any("milestones" in each for each in of(tmp_path, text, models=("linear",)).notes)
