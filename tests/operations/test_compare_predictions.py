"""What files of predictions mean together: scores, slices, tasks."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from gitml.comparison.contents import ComparedPredictions, Contents
from gitml.config import Config, MetricGoal
from gitml.experiment.record import Record
from gitml.history.rows import Row
from gitml.inputs.manifest import CodeInput, CommandInput, LibrariesInput, Manifest
from gitml.operations.artifact_files import Arm, ArtifactFiles, Member, Run
from gitml.operations.compare_contents import doubts
from gitml.operations.compare_predictions import compare_predictions
from gitml.operations.score_meaning import positive_of
from gitml.outputs.artifact import Artifact
from gitml.outputs.predictions_file import PredictionsFile

PLAIN = Config()


class Folder(ArtifactFiles):
    """Gives files of a folder as artifacts."""

    def __init__(self, folder: Path, folders: Mapping[str, list[str]] | None = None) -> None:
        self.folder_ = folder
        self.folders = folders or {}
        self.missing = {}

    def file(self, run: Run, artifact: Artifact, member: Member | None = None) -> Path | None:
        path = self.folder_ / run.row.experiment / artifact.path
        if member is not None and member.path:
            path /= member.path
        return path if path.exists() else None

    def members(self, run: Run, artifact: Artifact) -> tuple[Member, ...]:
        return tuple(Member(name, name) for name in self.folders.get(run.row.experiment, []))


def run_of(name: str, artifact: str, primary: str = "") -> Run:
    manifest = Manifest(CommandInput(("python",)), {}, CodeInput(), {}, libraries=LibrariesInput())
    digest = "0" * 32 + (".dir" if "." not in artifact else "")
    record = Record(
        name, "main", "completed", "2026-01-01T00:00:00Z", 1.0, 0, (), {}, {}, manifest, {}, "", "",
        primary=primary, artifacts=(Artifact(artifact, "predictions", "dvc", digest, 1),),
    )  # fmt: skip
    row = Row(name, name, "main", "completed", "", 0.0, 0, 0, "", "", {}, {}, "", "", {}, True)
    return Run(row, record)


def compared(
    folder: Path,
    texts: Mapping[str, str],
    *,
    replicates: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    name: str = "predictions.csv",
    config: Config = PLAIN,
    progress: Any = None,
) -> ComparedPredictions:
    for run, text in texts.items():
        (folder / run).mkdir(exist_ok=True)
        (folder / run / name).write_text(text)
    arms = [
        Arm(title, run_of(title, name), tuple(run_of(one, name) for one in others))
        for title, others in zip("ab", replicates, strict=True)
    ]
    (found,) = compare_predictions(Folder(folder), arms, config=config, progress=progress)
    return found


def table(header: str, *rows: tuple[object, ...]) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in [(header,), *rows])


def binary(scores: list[float], threshold: float = 0.5, **options: Any) -> PredictionsFile:
    ids = list(map(str, range(len(scores))))
    guess = [int(score > threshold) for score in scores]
    return PredictionsFile(ids, [0, 1] * (len(ids) // 2), guess, scores, **options)


def test_a_score_below_one_half_is_the_chance_of_a_label() -> None:
    assert positive_of([binary([0.1, 0.9, 0.4, 0.6])]) == "1"
    assert positive_of([binary([0.1, 0.9, 0.4, 0.6], 0.2)]) == "1"
    assert positive_of([binary([0.1, 0.2]), binary([0.8, 0.9])]) == "1"
    assert positive_of([binary([0.1, 0.2])]) == "1", "nobody predicts what has a chance of 0.1"


def test_confidences_and_what_is_unclear_stay_confidences() -> None:
    assert positive_of([binary([0.6, 0.9])]) is None
    confident = PredictionsFile(["1", "2"], [0, 1], [0, 1], [0.9, 0.8])
    assert positive_of([confident]) is None
    assert positive_of([confident, binary([0.1, 0.9])]) is None, "two files of two kinds"
    logits = PredictionsFile(["1", "2"], [0, 1], [0, 1], [-3.0, 4.0])
    assert positive_of([logits]) is None
    three = PredictionsFile(["1", "2", "3"], [0, 1, 2], [0, 1, 2], [0.1, 0.9, 0.95])
    assert positive_of([three]) is None
    first = PredictionsFile(["1", "2"], [0, 1], [0, 1], [0.9, 0.4])
    assert positive_of([first]) == "0"
    mixed = PredictionsFile(["1", "2", "3"], [0, 1, 0], [0, 1, 0], [0.9, 0.4, 0.3])
    assert positive_of([mixed]) is None


def test_what_the_file_says_of_its_scores_counts() -> None:
    said = binary([0.1, 0.9], positive="1")
    assert positive_of([said]) == "1"
    assert positive_of([said, binary([0.1, 0.9])]) is None


def test_a_column_that_depends_on_the_model_is_no_slice(tmp_path: Path) -> None:
    generator = random.Random(1)
    texts = {}
    for name in "ab":
        rows = [(i, 0, (guess := generator.randrange(2)), i % 3, guess) for i in range(60)]
        texts[name] = table("id,y_true,y_pred,site,bucket", *rows)
    comparison = compared(tmp_path, texts).comparison
    assert comparison is not None
    assert {row.column for row in comparison.slices} == {"site"}


def test_slices_agree_by_id_and_not_by_row(tmp_path: Path) -> None:
    rows = [(i, 0, i % 2, i % 3) for i in range(60)]
    texts = {
        "a": table("id,y_true,y_pred,site", *rows),
        "b": table("id,y_true,y_pred,site", *reversed(rows)),
    }
    comparison = compared(tmp_path, texts).comparison
    assert comparison is not None
    assert {row.column for row in comparison.slices} == {"site"}


def test_whole_numbers_are_labels_unless_the_primary_metric_is_an_error(tmp_path: Path) -> None:
    texts = {
        name: table("id,y_true,y_pred", *((i, i, i + step) for i in range(40)))
        for name, step in (("a", 1), ("b", 3))
    }
    assert compared(tmp_path, texts).comparison.task == "classification"  # type: ignore[union-attr]
    config = Config(metrics={"valid/MAE": MetricGoal("min", primary=True)})
    comparison = compared(tmp_path, texts, config=config).comparison
    assert comparison is not None
    assert comparison.task == "regression"
    assert [(row.name, row.a, row.b) for row in comparison.estimates] == [
        ("mae", 1.0, 3.0),
        ("rmse", 1.0, 3.0),
    ]
    words = {name: table("id,y_true,y_pred", ("1", "cat", "dog")) for name in "ab"}
    assert compared(tmp_path, words, config=config).comparison.task == "classification"  # type: ignore[union-attr]


def test_chances_in_place_of_labels_are_noticed(tmp_path: Path) -> None:
    texts = {
        name: table("id,y_true,y_pred", *((i, i % 2, 0.25 + i / 100) for i in range(40)))
        for name in "ab"
    }
    found = compared(tmp_path, texts)
    assert any("write the label to y_pred" in note for note in found.notes)


def test_a_replicate_that_cannot_be_read_is_left_out_and_said(tmp_path: Path) -> None:
    good = table("id,y_true,y_pred", *((i, 0, i % 2) for i in range(40)))
    texts = {"a": good, "b": good, "c": "y_true,y_pred\n1,1\n", "d": good}
    found = compared(tmp_path, texts, replicates=(("c", "d", "gone"), ()))
    assert found.comparison is not None
    assert found.comparison.runs == (2, 1)
    assert any("predictions.csv of c has no column of ids" in note for note in found.notes)
    assert "Of a, the file of 1 replicate left out: not on this machine." in found.notes


def test_replicates_with_a_test_set_of_their_own_are_left_out_and_said(tmp_path: Path) -> None:
    def tested(first: int, last: int) -> str:
        return table("id,y_true,y_pred", *((i, i % 2, i % 3 % 2) for i in range(first, last)))

    texts = {
        "a": tested(0, 100),
        "b": tested(0, 100),
        "other": tested(80, 180),
        "nearly": tested(4, 100),
    }
    found = compared(tmp_path, texts, replicates=(("other", "nearly"), ("other",)))
    assert found.comparison is not None
    assert found.comparison.runs == (2, 1)
    left = found.comparison.left
    assert (left.shared, left.partial, left.only_a, left.only_b) == (96, 4, 0, 0)
    assert "Of a, 1 replicate is left out here: tested on other examples." in found.notes
    assert "Of b, 1 replicate is left out here: tested on other examples." in found.notes


def test_only_ids_that_both_tests_share_are_compared(tmp_path: Path) -> None:
    texts = {
        "a": table("id,y_true,y_pred,score", *((i, i % 2, 0, 0.9) for i in range(50))),
        "b": table(
            "id,y_true,y_pred,score",
            *((i, i % 2, 1, 0.9) for i in range(10, 60)),
            (10, 0, 1, 0.9),  # the same again
            (11, 1, 0, 0.9),  # contradicts itself
            (12, 1, 1, 0.9),  # relabelled, and contradicts itself
            ("", 1, 1, 0.9),
            (70, 1, 1, "nan"),
        ),
    }
    found = compared(tmp_path, texts)
    assert found.comparison is not None
    left = found.comparison.left
    assert (left.shared, left.only_a, left.only_b, left.contradictions) == (38, 10, 11, 2)
    assert left.repeats == 3
    assert found.notes == ("1 row of predictions.csv of b without an id left out.",)
    assert any("10 ids of a and 11 ids of b" in note for note in found.comparison.notes)


def test_another_file_format_is_the_same_output(tmp_path: Path) -> None:
    rows = [{"id": i, "y_true": i % 2, "y_pred": i % 2} for i in range(40)]
    for file, text in (
        ("a/out/p.csv", table("id,y_true,y_pred", *((i, i % 2, 0) for i in range(40)))),
        ("b/out/p.json", json.dumps(rows)),
    ):
        path = tmp_path / file
        path.parent.mkdir(parents=True)
        path.write_text(text)
    arms = [Arm("a", run_of("a", "out/p.csv")), Arm("b", run_of("b", "out/p.json"))]
    (found,) = compare_predictions(Folder(tmp_path), arms, config=PLAIN)
    assert found.comparison is not None
    assert found.comparison.left.shared == 40
    assert found.notes == ("out/p.csv of a is compared with out/p.json.",)
    other = [arms[0], Arm("b", run_of("b", "out/q.json"))]
    assert compare_predictions(Folder(tmp_path), other, config=PLAIN) == ()


def test_tests_that_are_not_the_same_are_a_reason_for_doubt(tmp_path: Path) -> None:
    arms = [Arm(name, run_of(name, "predictions.csv")) for name in "ab"]
    rows = [(i, i % 2, 0) for i in range(40)]
    texts = {"a": table("id,y_true,y_pred", *rows), "b": table("id,y_true,y_pred", *rows[::-1])}
    same = compared(tmp_path, texts)
    assert doubts(Contents(predictions=(same,)), arms) == ()
    texts["b"] = table("id,y_true,y_pred", *rows[2:], (50, 1, 1), (0, 1, 1))
    other = compared(tmp_path, texts)
    (said,) = doubts(Contents(predictions=(other,)), arms)
    assert "a and b weren't tested on the same examples" in said
    assert "2 examples are on one side alone and 1 example is labelled otherwise" in said
    assert doubts(Contents(), arms) == ()


def test_files_of_a_folder_are_compared_one_by_one(tmp_path: Path) -> None:
    good = table("id,y_true,y_pred", *((i, 0, i % 2) for i in range(40)))
    for name in "ab":
        for file in ("easy.csv", "hard.csv", f"only-{name}.csv"):
            path = tmp_path / name / "predictions" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(good)
    arms = [Arm(name, run_of(name, "predictions")) for name in "ab"]
    listed = {name: ["easy.csv", "hard.csv", f"only-{name}.csv"] for name in "ab"}
    found = compare_predictions(Folder(tmp_path, listed), arms, config=Config())
    assert [one.path for one in found] == ["predictions/easy.csv", "predictions/hard.csv"]
    assert all(one.comparison is not None for one in found)


def test_nothing_is_compared_among_three(tmp_path: Path) -> None:
    arms = [Arm(name, run_of(name, "predictions.csv")) for name in "abc"]
    assert compare_predictions(Folder(tmp_path), arms, config=Config()) == ()


def test_progress_ends_at_its_total(tmp_path: Path) -> None:
    good = table("id,y_true,y_pred", *((i, 0, i % 2) for i in range(40)))
    seen: list[tuple[int, int]] = []
    compared(
        tmp_path,
        {"a": good, "b": good, "c": "no table"},
        replicates=(("c",), ()),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.timeout(60)
def test_a_hundred_thousand_examples_are_compared_in_seconds(tmp_path: Path) -> None:
    texts = {}
    for seed, name in enumerate("ab"):
        generator = random.Random(seed)
        rows = (
            f"image_{i},{i % 10},{i % 10 if generator.random() < 0.9 else 0},0.5,{'abc'[i % 3]}\n"
            for i in range(100_000)
        )
        texts[name] = "id,y_true,y_pred,score,site\n" + "".join(rows)
    start = time.perf_counter()
    found = compared(tmp_path, texts)
    assert time.perf_counter() - start < 15
    assert cast(Any, found.comparison).left.shared == 100_000
