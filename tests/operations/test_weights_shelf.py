"""What `save_weights` wrote is taken over as it is, and read again wherever there is doubt."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from gitml import config
from gitml.errors import StorageError
from gitml.git.repository import discover
from gitml.operations import weights_shelf
from gitml.operations.artifacts import Shelf, StoredOutputs
from gitml.outputs.history import HistoryLine
from gitml.outputs.receipts import write_receipt
from gitml.outputs.sharding import CUT_OFF, INDEX, plan_shards
from gitml.outputs.tensor_layout import TensorEntry
from gitml.outputs.weights_folder import write_folder
from gitml.storage import objects, place
from gitml.storage.cache import object_path
from tests.conftest import Project

SIZE = 1 << 20


class Run:
    """A run of a project as its recorder sees it."""

    def __init__(self, project: Project, *, staged: bool = True) -> None:
        self.root = project.root
        self.repository = discover(project.root)
        self.storage = place.find(project.root, project.root)
        self.folder = self.repository.state_dir / "run"
        self.objects = self.folder / "weights" / "objects"
        (self.objects if staged else self.folder).mkdir(parents=True)

    def save(self, path: str, fill: bytes = b"a", step: int | None = None, **metrics) -> None:
        entries = [TensorEntry(name, "U8", (SIZE, 1), 0, SIZE) for name in ("0.w", "1.w")]
        shards = write_folder(
            self.root / path,
            plan_shards(entries),
            lambda entry: [fill * SIZE],
            staging=self.objects if self.objects.exists() else None,
        )
        time.sleep(0.025)
        write_receipt(self.folder, self.root / path, shards, step, metrics)

    def store(self, *paths: str, rules: str = "", history=(), **more) -> StoredOutputs:
        found = []
        for path in paths or ("model",):
            below = self.root / path
            if below.is_dir():
                found += [str(p.relative_to(self.root)) for p in below.rglob("*") if p.is_file()]
            else:
                found.append(path)
        shelf = Shelf(
            self.repository,
            self.storage,
            self.root,
            "",
            config.parse(rules.encode()),
            self.folder / "staging",
            None,
            self.folder,
            history,
            **more,
        )
        shelf.put_all(sorted(found))
        return shelf.finish()

    def sound(self, stored: StoredOutputs) -> dict[str, bytes]:
        """Return the files of the only artifact, each read from an object that is whole."""
        (artifact,) = stored.artifacts
        found = {}
        for member in objects.members(self.storage, artifact.digest):
            data = object_path(self.storage, member.digest).read_bytes()
            assert hashlib.md5(data).hexdigest() == member.digest
            found[member.path] = data
        assert object_path(self.storage, member.digest).stat().st_mode & 0o777 == 0o444
        return found


@pytest.fixture
def run(project: Project) -> Run:
    return Run(project)


def present(run: Run, path: str = "model") -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (run.root / path).iterdir()}


@pytest.fixture
def no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments, **more):
        raise AssertionError(f"{arguments} is read again")

    monkeypatch.setattr(objects, "copy_in", refuse)


@pytest.mark.usefixtures("no_copies")
def test_a_saved_folder_is_stored_without_being_read_and_is_one_artifact(run: Run) -> None:
    run.save("model")
    stored = run.store()
    (artifact,) = stored.artifacts
    assert (artifact.path, artifact.role, artifact.files) == ("model", "weights", 3)
    assert artifact.members == ("model-0.safetensors", "model-1.safetensors", INDEX)
    assert artifact.tensors in stored.texts and stored.warnings == ()
    assert run.sound(stored) == present(run) and os.listdir(run.objects) == []
    # The same weights in a later run: their objects are there, and nothing is staged or read.
    run.save("model")
    assert run.store().artifacts == stored.artifacts


@pytest.mark.parametrize(
    "what", ["rewritten", "replaced", "no copies", "truncated copy", "no receipt"]
)
def test_where_there_is_doubt_the_files_are_read(project: Project, what: str) -> None:
    run = Run(project, staged=what != "no copies")
    run.save("model")
    shard = run.root / "model" / "model-0.safetensors"
    if what == "rewritten":
        data = shard.read_bytes()
        state = shard.stat()
        shard.write_bytes(data[:-3] + b"xyz")
        os.utime(shard, ns=(state.st_atime_ns, state.st_mtime_ns))
    elif what == "replaced":
        save_file({"w": np.ones(3, "f4")}, shard)
    elif what == "truncated copy":
        for copy in run.objects.iterdir():
            os.truncate(copy, 5)
    elif what == "no receipt":
        for receipt in run.folder.glob("weights/*.json"):
            receipt.unlink()
        assert len(run.store().artifacts) == 3  # one by one, as any other files
        run.store(rules="outputs: {weights: [model]}")
        return
    assert run.sound(run.store()) == present(run)


def test_a_cache_on_another_filesystem_gets_copies(run: Run, monkeypatch) -> None:
    def elsewhere(*arguments, **more):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(weights_shelf, "install", elsewhere)
    run.save("model")
    assert run.sound(run.store()) == present(run)


def test_a_full_disk_while_taking_over_is_said(run: Run, monkeypatch) -> None:
    def full(*arguments, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights_shelf, "install", full)
    run.save("model")
    with pytest.raises(StorageError, match="No space"):
        run.store()


def test_results_beside_the_weights_stay_artifacts_of_their_own(run: Run) -> None:
    run.save("out")
    (run.root / "out" / "metrics.json").write_text('{"loss": 1}')
    roles = {item.path: item.role for item in run.store("out").artifacts}
    assert roles["out/metrics.json"] == "metrics"
    assert roles["out/model-0.safetensors"] == "weights" and "out" not in roles


def test_what_belongs_to_a_model_stays_with_it(run: Run) -> None:
    run.save("model")
    (run.root / "model" / "config.json").write_text("{}")
    (run.root / "model" / ".model-0.safetensors.12-ab.tmp").write_bytes(b"left behind")
    assert set(run.sound(run.store())) == {"config.json", *present(run)}
    assert not list((run.root / "model").glob(".*"))


def test_saved_folders_in_a_declared_one_are_a_model_each(run: Run) -> None:
    run.save("models/a")
    run.save("models/b", b"b")
    stored = run.store("models", rules="outputs: {weights: [models]}")
    assert [item.path for item in stored.artifacts] == ["models/a", "models/b"]
    assert stored.warnings == () and all(item.tensors for item in stored.artifacts)


def test_a_save_that_was_cut_off_is_said(run: Run) -> None:
    run.save("model")
    (run.root / "model" / INDEX).write_bytes(CUT_OFF)
    (said,) = run.store().warnings
    assert said == "Saving the weights model was cut off, so they can't be loaded."


# Retention

RULES = "outputs: {keep: {weights: {last: 1, best: 1, by: loss, goal: min}}}"


def losses(*values: float) -> list[HistoryLine]:
    return [HistoryLine(step, {"loss": value}) for step, value in enumerate(values, start=1)]


def test_saved_folders_of_a_series_are_kept_by_their_steps(run: Run) -> None:
    for step in (1, 2, 3, 4):
        run.save(f"w/epoch-{step * 10}", b"%d" % step, step=step)
    stored = run.store("w", rules=RULES, history=losses(3, 1, 2, 4))
    assert [item.path for item in stored.artifacts] == ["w/epoch-20", "w/epoch-40"]
    (said,) = stored.notes
    assert not stored.warnings
    assert said == (
        "2 of 4 w/epoch-* (4.2 MB) are not stored but left on disk, as outputs.keep says; "
        "stored: weights of epoch-20, epoch-40."
    )
    assert len(stored.unstored) == 6 and "w/epoch-10/model-0.safetensors" in stored.unstored
    assert (run.root / "w/epoch-10" / INDEX).exists()


def test_a_rule_that_cannot_be_applied_keeps_everything_and_says_so(run: Run) -> None:
    for step in (1, 2):
        run.save(f"w/epoch-{step}", b"%d" % step)
    stored = run.store("w", rules=RULES, history=losses(3))
    assert len(stored.artifacts) == 2 and stored.unstored == ()
    assert stored.warnings == (
        "outputs.keep.weights could not be applied to w/epoch-*, so all 2 are stored: loss is not "
        "known for w/epoch-2.",
    )


def test_metrics_of_the_receipt_count_and_an_isolated_run_says_what_is_gone(run: Run) -> None:
    for step, loss in ((1, 0.5), (2, 0.1), (3, 0.9)):
        run.save(f"w/epoch-{step}", b"%d" % step, loss=loss)
    stored = run.store("w", rules=RULES, isolated=True)
    assert [item.path for item in stored.artifacts] == ["w/epoch-2", "w/epoch-3"]
    assert "gone with its isolated work tree" in stored.notes[0]


def test_files_of_a_script_are_kept_by_their_names_and_a_whole_folder_is_taken_apart(
    run: Run,
) -> None:
    (run.root / "ckpt").mkdir()
    for step in (1, 2, 3):
        save_file({f"w{step}": np.ones(3, "f4")}, run.root / f"ckpt/step_{step}.safetensors")
    save_file({"w": np.ones(9, "f4")}, run.root / "ckpt/best.safetensors")
    rules = "outputs: {weights: [ckpt], keep: {weights: {last: 1}}}"
    stored = run.store("ckpt", rules=rules)
    assert [item.path for item in stored.artifacts] == [
        "ckpt/best.safetensors",
        "ckpt/step_3.safetensors",
    ]
    assert stored.unstored == ("ckpt/step_1.safetensors", "ckpt/step_2.safetensors")
    for last in ("", ", keep: {weights: {last: 3}}"):
        stored = run.store("ckpt", rules=f"outputs: {{weights: [ckpt]{last}}}")
        (whole,) = stored.artifacts
        assert whole.path == "ckpt" and whole.files == 4
        assert stored.warnings == () and stored.unstored == ()


# Sharding


def test_a_file_of_a_script_is_sharded_where_the_project_says_so(run: Run) -> None:
    tensors = {f"layers.{n}.w": np.full((600, 500), n, "f4") for n in range(2)}
    save_file(tensors, run.root / "net.safetensors", metadata={"b": "1", "a": "2"})
    stored = run.store("net.safetensors", rules="outputs: {shard: true}")
    (artifact,) = stored.artifacts
    assert (artifact.path, artifact.source, artifact.files) == (
        "net.weights",
        "net.safetensors",
        3,
    )
    assert (
        artifact.source_digest
        == hashlib.md5((run.root / "net.safetensors").read_bytes()).hexdigest()
    )
    assert set(run.sound(stored)) == {
        "model-layers.0.safetensors",
        "model-layers.1.safetensors",
        INDEX,
    }
    (plain,) = run.store("net.safetensors").artifacts
    assert plain.path == "net.safetensors" and plain.sha256
    (run.root / "net.safetensors").write_bytes(b"damaged")
    broken = run.store("net.safetensors", rules="outputs: {shard: true}")
    assert broken.artifacts[0].path == "net.safetensors"
    (warning,) = broken.warnings
    assert "stored as it is" in warning and str(run.root) not in warning


def test_a_name_that_is_taken_is_not_used_for_shards(run: Run) -> None:
    (run.root / "net.weights").mkdir()
    save_file({"w": np.ones(3, "f4")}, run.root / "net.safetensors")
    (artifact,) = run.store("net.safetensors", rules="outputs: {shard: true}").artifacts
    assert artifact.path == "net.safetensors.weights"


def test_staging_is_offered_only_where_the_cache_can_take_over(
    project: Project, tmp_path: Path
) -> None:
    from gitml.operations.project import open_project
    from gitml.operations.weights_staging import offer_staging
    from gitml.outputs.receipts import staging_folder

    offered = tmp_path / "run"
    offered.mkdir()
    offer_staging(open_project(project.root), offered)
    assert staging_folder(offered) is not None
    project.write("gitml.yaml", RULES)
    other = tmp_path / "other"
    other.mkdir()
    offer_staging(open_project(project.root), other)
    assert staging_folder(other) is None
