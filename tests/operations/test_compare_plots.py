from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from gitml.comparison.contents import PlotComparison
from gitml.git.repository import Repository, discover
from gitml.history.resolve import resolve
from gitml.operations import compare_plots as module
from gitml.operations.artifact_files import Arm, ArtifactFiles, Run
from gitml.operations.compare_plots import compare_plots
from gitml.operations.examples import storage_of
from gitml.operations.reading import open_reading
from gitml.outputs.artifact import Artifact, Role
from gitml.storage.objects import store_bytes, store_folder
from tests.conftest import Project
from tests.history.commits import Stream, copy_of_project, make_record

# Draws a black square whose size is the learning rate, and describes a chart.
TRAIN = """\
import json, pathlib
from PIL import Image

lr = float(pathlib.Path("params.yaml").read_text().split()[1])
pathlib.Path("plots").mkdir(exist_ok=True)
image = Image.new("RGB", (100, 100), "white")
image.paste("black", (0, 0, int(100 * lr), 100))
image.save("plots/confusion.png")
Image.new("RGB", (9, 9), "white").save("plots/same.png")
chart = {"mark": "bar", "data": {"values": [{"lr": lr}]}}
pathlib.Path("plots/chart.vl.json").write_text(json.dumps(chart))
pathlib.Path("metrics.json").write_text('{"accuracy": %s}' % lr)
"""


def picture(colour: str = "red", side: int = 4) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(made, "PNG")
    return made.getvalue()


def compared(
    start: Path, *names: str, contents: bool = False
) -> tuple[dict[str, PlotComparison], list[str]]:
    reading = open_reading(start)
    with reading.index() as index:
        rows = [resolve(reading.repository, index, name, reading.study) for name in names]
        runs = [Run(row, index.record(row.commit)) for row in rows]
    arms = [Arm(run.row.experiment, run) for run in runs]
    with ArtifactFiles(reading.repository, reading.folder) as files:
        found = compare_plots(files, arms, contents=contents)
        return {item.path: item for item in found}, list(files.missing)


def experiments(repository: Repository, *outputs: dict[str, tuple[Role, bytes]]) -> None:
    """Record an experiment for each mapping of path → (role, bytes), named a, b, c, …"""
    with Stream(repository) as stream:
        for number, made in enumerate(outputs):
            artifacts = tuple(
                Artifact(path, role, "git", _blob(data), len(data))
                for path, (role, data) in made.items()
            )
            record = make_record(number, name="abcdefgh"[number], artifacts=artifacts)
            stream.experiment(record, files={path: data for path, (_, data) in made.items()})


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def test_the_plots_of_two_runs(project: Project) -> None:
    project.write("train.py", TRAIN)
    first = project.run()["experiment"]
    second = project.run("-S", "lr=0.4")["experiment"]
    found, missing = compared(project.root, first, second)
    assert missing == []
    kinds = {path: (item.kind, item.change) for path, item in found.items()}
    assert kinds == {
        "plots/chart.vl.json": ("vega-lite", "changed"),
        "plots/confusion.png": ("image", "changed"),
        "plots/same.png": ("image", "same"),
    }
    confusion = found["plots/confusion.png"]
    assert confusion.contents == ()
    assert confusion.difference is not None
    assert confusion.difference.share == pytest.approx(0.3)
    assert confusion.difference.picture == b""
    found, _ = compared(project.root, first, second, contents=True)
    assert found["plots/same.png"].contents[0].startswith(b"\x89PNG")  # type: ignore[union-attr]
    chart = found["plots/chart.vl.json"].contents[1]
    assert chart is not None and json.loads(chart)["data"]["values"] == [{"lr": 0.4}]
    kept = found["plots/confusion.png"].difference
    assert kept is not None and kept.picture.startswith(b"\x89PNG")


def test_tables_that_were_logged_are_compared_and_other_outputs_are_not(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    experiments(
        repository,
        {".gitml/tables/f1.csv": ("other", b"class,f1\na,1\n"), "x.csv": ("other", b"a\n1\n")},
        {".gitml/tables/f1.csv": ("other", b"class,f1\na,2\n"), "x.csv": ("other", b"a\n2\n")},
    )
    found, _ = compared(repository.root, "a", "b")
    assert list(found) == [".gitml/tables/f1.csv"]
    table = found[".gitml/tables/f1.csv"].table
    assert table is not None and (table.changed, table.cells) == (1, 2)


def test_plots_of_several_experiments_are_lined_up(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    experiments(
        repository,
        {"run-1/a.png": ("plot", picture()), "only.png": ("plot", picture())},
        {"run-2/a.png": ("plot", picture("blue"))},
        {"run-3/a.png": ("plot", picture("blue"))},
    )
    found, _ = compared(repository.root, "a", "b", "c", contents=True)
    assert found["run-3/a.png"].change == "differs"
    assert found["run-3/a.png"].contents == (picture(), picture("blue"), picture("blue"))
    assert found["only.png"].sizes[1:] == (None, None)


def test_a_folder_of_plots_in_storage_is_compared_file_by_file(project: Project) -> None:
    repository = discover(project.root)
    storage = storage_of(repository)
    assert storage is not None
    digests = []
    for colour in ("red", "blue"):
        folder = project.root.parent / colour
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "a.png").write_bytes(picture(colour))
        (folder / "b.svg").write_text("<svg/>")
        (folder / f"{colour}.csv").write_text("x\n1\n")
        digests.append(store_folder(storage, folder).digest)
    with Stream(repository) as stream:
        for number, digest in enumerate([*digests, "0" * 32 + ".dir"]):
            artifacts = (Artifact("figures", "plot", "dvc", digest, 9, files=3),)
            stream.experiment(make_record(number, name="abc"[number], artifacts=artifacts))
    found, missing = compared(project.root, "a", "b")
    assert missing == []
    assert {path: (item.kind, item.change) for path, item in found.items()} == {
        "figures/deep/a.png": ("image", "changed"),
        "figures/b.svg": ("svg", "same"),
        "figures/red.csv": ("table", "removed"),
        "figures/blue.csv": ("table", "added"),
    }
    difference = found["figures/deep/a.png"].difference
    assert difference is not None and difference.share == 1
    found, missing = compared(project.root, "a", "c", contents=True)
    assert [(item.path, item.change) for item in found.values()] == [("figures", "changed")]
    assert found["figures"].contents == (None, None)
    assert missing == ["c: figures"]


def test_a_plot_that_is_not_on_this_machine_is_remembered(project: Project) -> None:
    repository = discover(project.root)
    storage = storage_of(repository)
    assert storage is not None
    here = store_bytes(storage, picture()).digest
    with Stream(repository) as stream:
        for number, digest in enumerate([here, "f" * 32]):
            artifacts = (Artifact("a.png", "plot", "dvc", digest, 70),)
            stream.experiment(make_record(number, name="ab"[number], artifacts=artifacts))
    found, missing = compared(project.root, "a", "b")
    assert missing == ["b: a.png"]
    assert (found["a.png"].kind, found["a.png"].change) == ("image", "changed")
    assert found["a.png"].difference is None


def test_many_plots_are_named_though_not_all_are_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = copy_of_project(tmp_path / "project")
    names = [f"plots/{number}.png" for number in range(6)]
    experiments(
        repository,
        {name: ("plot", picture("red")) for name in names},
        {name: ("plot", picture("blue")) for name in names},
    )
    monkeypatch.setattr(module, "FEW_PLOTS", 2)
    found, _ = compared(repository.root, "a", "b")
    assert list(found) == names
    assert [item.difference is not None for item in found.values()] == [True] * 2 + [False] * 4
    assert "--html" in found[names[-1]].note
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    found, _ = compared(repository.root, "a", "b", contents=True)
    assert "too many plots" in found[names[0]].note and found[names[0]].contents == ()
