"""`gitml.params` gives the settings as the files have them, inside and outside of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import gitml
from gitml.api.place import RUN_VARIABLE
from gitml.errors import ConfigError, NotFoundError
from gitml.execution.settings_note import read_note, write_note
from gitml.inputs.settings import load_settings, merge
from gitml.values import flatten

YAML = "optimizer:\n  lr: 1e-3\n  betas: [0.9, 0.999]\nseed: 1\nname: net\nempty: {}\n"
TREE = {
    "optimizer": {"lr": 0.001, "betas": [0.9, 0.999]},
    "seed": 1,
    "name": "net",
    "empty": {},
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.delenv(RUN_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_settings_or_one_by_its_dotted_name(here: Path) -> None:
    (here / "params.yaml").write_text(YAML)
    assert gitml.params() == TREE
    assert gitml.params("optimizer.lr") == 0.001
    assert gitml.params("optimizer.betas.1") == 0.999
    assert gitml.params("optimizer") == TREE["optimizer"]
    assert gitml.params("optimizer.warmup", 5) == 5
    assert gitml.params("optimizer.betas.2", None) is None
    assert gitml.params("seed.deeper", 0) == 0


def test_a_name_that_is_not_there_is_an_error_that_names_the_nearest(here: Path) -> None:
    (here / "params.yaml").write_text(YAML)
    with pytest.raises(
        NotFoundError, match=r"No setting is called optimizer.lrr in params.yaml"
    ) as e:
        gitml.params("optimizer.lrr")
    assert e.value.__notes__ == ["Did you mean optimizer.lr?"]
    with pytest.raises(NotFoundError) as e:
        gitml.params("lr")
    assert "optimizer.lr" in e.value.__notes__[0]


def test_no_parameter_file_is_an_error_unless_there_is_a_default(here: Path) -> None:
    with pytest.raises(NotFoundError, match=r"There is no parameter file: no params\.yaml in") as e:
        gitml.params()
    assert "Make params.yaml" in e.value.__notes__[0]
    assert gitml.params("lr", 0.1) == gitml.params("lr", default=0.1) == 0.1


def test_the_project_is_the_nearest_one_above_the_working_directory(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "params.yaml").write_text("lr: 1\n")
    (here / "inner/deep").mkdir(parents=True)
    monkeypatch.chdir(here / "inner/deep")
    assert gitml.params() == {"lr": 1}
    (here / "inner/gitml.yaml").write_text("params: [conf/a.toml]\n")
    with pytest.raises(ConfigError, match=r"conf/a.toml doesn't exist"):
        gitml.params()
    (here / "inner/conf").mkdir()
    (here / "inner/conf/a.toml").write_text("lr = 2.0\n")
    assert gitml.params() == {"lr": 2.0}


def test_files_are_merged_under_the_names_that_the_experiment_has(here: Path) -> None:
    (here / "gitml.yaml").write_text("params: [train.yaml, model.json, more.toml]\n")
    (here / "train.yaml").write_text("lr: 1\nseed: 3\nnet: {depth: 2, width: 8}\n")
    (here / "model.json").write_text('{"lr": 1.0, "seed": 3, "net": {"depth": 4, "act": "relu"}}')
    (here / "more.toml").write_text("extra = true\n")
    found = gitml.params()
    assert found == {
        "train": {"lr": 1, "net": {"depth": 2}},
        "model": {"lr": 1.0, "net": {"depth": 4}},
        "seed": 3,
        "net": {"width": 8, "act": "relu"},
        "extra": True,
    }
    files = ("train.yaml", "model.json", "more.toml")
    assert flatten(found) == merge(load_settings(here, files, optional=False))


def test_a_setting_that_is_a_section_elsewhere_is_an_error(here: Path) -> None:
    (here / "gitml.yaml").write_text("params: [a.yaml, b.yaml]\n")
    (here / "a.yaml").write_text("net: small\n")
    (here / "b.yaml").write_text("net: {depth: 2}\n")
    with pytest.raises(ConfigError, match="is a setting in one parameter file and a section"):
        gitml.params()


@pytest.mark.parametrize("text", ["a: [", "- 1\n", "a: 1\na: 2\n"])
def test_a_malformed_file_is_an_error_with_its_name(here: Path, text: str) -> None:
    (here / "params.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"params\.yaml"):
        gitml.params("lr", 1)


def test_a_run_reads_the_files_of_its_own_work_tree_wherever_it_stands(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "params.yaml").write_text("lr: 1\n")
    (here / "tree/sub/conf").mkdir(parents=True)
    (here / "tree/sub/conf/a.yaml").write_text("lr: 2\n")
    (here / "tree/shared.yaml").write_text("seed: 3\n")
    (here / "run").mkdir()
    write_note(here / "run", here / "tree", "sub", ["sub/conf/a.yaml", "shared.yaml"])
    assert read_note(here / "run") == (here / "tree/sub", ("conf/a.yaml", "../shared.yaml"))
    monkeypatch.setenv(RUN_VARIABLE, str(here / "run"))
    assert gitml.params() == {"lr": 2, "seed": 3}


@pytest.mark.parametrize("note", [b"", b"{}", b"[1]", b'{"project": 1, "files": 2}', b"\xff"])
def test_a_note_that_cannot_be_read_is_as_none(
    here: Path, monkeypatch: pytest.MonkeyPatch, note: bytes
) -> None:
    (here / "params.yaml").write_text("lr: 1\n")
    (here / "settings.json").write_bytes(note)
    monkeypatch.setenv(RUN_VARIABLE, str(here))
    assert gitml.params() == {"lr": 1}


def test_dates_and_text_keep_what_the_file_says(here: Path) -> None:
    (here / "params.json").write_text(json.dumps({"a": None, "b": "1e-3", "c.d": 4}))
    (here / "gitml.yaml").write_text("params: params.json\n")
    expected: dict[str, Any] = {"a": None, "b": "1e-3", "c.d": 4}
    assert gitml.params() == expected
    assert gitml.params("c.d") == 4
