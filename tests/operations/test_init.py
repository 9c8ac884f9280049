"""`gitml init` makes a project that runs at once, and never writes to a file that was there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gitml import config
from gitml.errors import ExecutionError, GitmlError, RepositoryError, UsageError
from gitml.operations import first_config, init, starters
from gitml.operations.init import Initialised, initialise


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def content(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but what Git keeps for itself."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != ".git"
    }


@pytest.fixture(autouse=True)
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user of Git who has said who they are, and nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "trunk")
    (folder / "train.py").write_text("print('val loss 0.1')\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a script")
    return folder


class TestAPlainProject:
    def test_a_new_folder_gets_git_dvc_and_a_configuration(self, tmp_path: Path) -> None:
        done = initialise(tmp_path / "new")
        assert done.folder == tmp_path / "new"
        assert {".git", ".dvc/config", "gitml.yaml", ".gitignore"} <= set(done.created)
        assert not done.kept
        assert not done.commit
        assert git(done.folder, "branch", "--show-current") == "main"
        assert "no data or pipelines tracked" in dvc(done.folder, "status")

    def test_the_first_configuration_is_one_that_gitml_reads(self, tmp_path: Path) -> None:
        done = initialise(tmp_path / "new")
        assert config.load(done.folder) == config.load(tmp_path / "nowhere")

    def test_the_branch_is_called_what_git_is_told(self, tmp_path: Path, identity: Path) -> None:
        with (identity / ".gitconfig").open("a") as file:
            file.write("[init]\ndefaultBranch = trunk\n")
        assert git(initialise(tmp_path / "new").folder, "branch", "--show-current") == "trunk"

    def test_the_object_format_is_what_git_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
        folder = initialise(tmp_path / "new").folder
        assert git(folder, "rev-parse", "--show-object-format") == "sha256"

    def test_an_existing_repository_keeps_its_commits_index_and_files(
        self, repository: Path
    ) -> None:
        before = content(repository)
        head, index = git(repository, "rev-parse", "HEAD"), (repository / ".git/index").read_bytes()
        done = initialise(repository)
        assert ".git" not in done.created
        assert not done.commit
        assert git(repository, "rev-parse", "HEAD") == head
        assert (repository / ".git/index").read_bytes() == index
        assert before.items() <= content(repository).items()
        assert config.load(repository).command == ("python", "train.py")

    def test_what_was_made_can_be_committed_as_the_note_says(self, repository: Path) -> None:
        done = initialise(repository)
        [command] = [note.partition(": ")[2] for note in done.notes if note.startswith("Commit")]
        subprocess.run([*command.split(" && ")[0].split()], cwd=repository, check=True)
        git(repository, "commit", "-q", "-m", "gitml")
        assert git(repository, "status", "--porcelain") == ""

    def test_init_twice_changes_nothing(self, tmp_path: Path) -> None:
        folder = initialise(tmp_path / "new").folder
        before = content(folder)
        again = initialise(folder)
        assert again.created == ()
        assert set(again.kept) == {"gitml.yaml", ".gitignore"}
        assert content(folder) == before

    def test_files_that_exist_are_kept_and_named(self, repository: Path) -> None:
        (repository / "gitml.yaml").write_text("large: 2 MB\n")
        (repository / ".gitignore").write_text("mine")
        done = initialise(repository)
        assert set(done.kept) == {"gitml.yaml", ".gitignore"}
        assert (repository / "gitml.yaml").read_text() == "large: 2 MB\n"
        assert (repository / ".gitignore").read_text() == "mine"

    def test_a_dangling_link_is_not_written_through(self, tmp_path: Path) -> None:
        folder = tmp_path / "new"
        folder.mkdir()
        (folder / "gitml.yaml").symlink_to(tmp_path / "elsewhere.yaml")
        assert "gitml.yaml" in initialise(folder).kept
        assert not (tmp_path / "elsewhere.yaml").exists()

    def test_a_subfolder_becomes_a_project_of_its_own_with_the_repositorys_dvc(
        self, repository: Path
    ) -> None:
        initialise(repository)
        done = initialise(repository / "models" / "small")
        assert set(done.created) == {"gitml.yaml", ".gitignore"}
        assert not (done.folder / ".git").exists()
        assert not (done.folder / ".dvc").exists()
        assert any(str(repository) in note for note in done.notes)

    def test_dvc_is_set_up_at_the_root_of_the_repository(self, repository: Path) -> None:
        done = initialise(repository / "models")
        assert "../.dvc/config" in done.created
        assert (repository / ".dvc" / "config").is_file()

    def test_a_folder_that_its_repository_ignores_gets_one_of_its_own(
        self, repository: Path
    ) -> None:
        (repository / ".gitignore").write_text("/scratch/\n")
        done = initialise(repository / "scratch" / "new")
        assert ".git" in done.created
        assert (done.folder / ".dvc").is_dir()

    def test_an_existing_dvc_project_is_left_alone(self, repository: Path) -> None:
        dvc(repository, "init", "-q")
        before = content(repository / ".dvc")
        done = initialise(repository)
        assert not [path for path in done.created if ".dvc" in path]
        assert content(repository / ".dvc") == before


class TestGuesses:
    def test_the_files_of_a_project_become_settings(self, tmp_path: Path) -> None:
        for name in ("train.py", "params.yaml", "config.toml", "splits.json", "metrics.json"):
            (tmp_path / name).write_text("")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "table.csv").write_text("1\n")
        (tmp_path / "runs" / "first").mkdir(parents=True)
        (tmp_path / "runs" / "first" / "events.out.tfevents.1.host").write_text("")
        assert yaml.safe_load(first_config.text(first_config.guess(tmp_path))) == {
            "command": "python train.py",
            "params": ["params.yaml", "config.toml"],
            "data": ["data"],
            "partition": "splits.json",
            "outputs": {"metrics": ["metrics.json"], "tensorboard": ["runs"]},
        }

    def test_a_pipeline_says_itself_what_its_settings_are(self, tmp_path: Path) -> None:
        for name in ("train.py", "params.yaml", "metrics.json", "dvc.yaml"):
            (tmp_path / name).write_text("")
        text = first_config.text(first_config.guess(tmp_path))
        assert yaml.safe_load(text) == {"command": "dvc repro"}

    def test_code_and_tracked_data_are_not_guessed_to_be_data(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "__init__.py").write_text("")
        (tmp_path / "dataset").mkdir()
        (tmp_path / "dataset" / "row").write_text("")
        (tmp_path / "dataset.dvc").write_text("")
        (tmp_path / "datasets" / "small").mkdir(parents=True)
        (tmp_path / "datasets" / "small" / "prepare.py").write_text("")
        assert first_config.guess(tmp_path).data == ()

    def test_every_comment_of_the_file_is_a_setting_that_gitml_knows(self, tmp_path: Path) -> None:
        lines = first_config.text(first_config.Guess()).splitlines()[1:]
        folder = tmp_path / "commented"
        folder.mkdir()
        (folder / config.FILE).write_text(
            "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines) + "\n"
        )
        read = config.load(folder)
        assert read.primary == "accuracy"
        assert read.outputs.weights == ("model.safetensors",)


class TestHostileFolders:
    def test_a_file_in_place_of_the_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("")
        with pytest.raises(UsageError, match="is not a folder"):
            initialise(tmp_path / "taken")

    def test_a_folder_below_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("")
        with pytest.raises(UsageError, match="is not a folder"):
            initialise(tmp_path / "taken" / "new")

    def test_a_dangling_link_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        with pytest.raises(UsageError, match="is not a folder"):
            initialise(tmp_path / "link")
        assert not (tmp_path / "nowhere").exists()

    def test_a_folder_that_cant_be_written_to_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The tests may run as root, who may write everywhere.
        monkeypatch.setattr(init.os, "access", lambda *_: False)
        with pytest.raises(UsageError, match="can't be written to"):
            initialise(tmp_path / "new")
        assert not (tmp_path / "new").exists()

    def test_a_bare_repository_is_refused(self, tmp_path: Path) -> None:
        git(tmp_path, "init", "-q", "--bare", "bare.git")
        with pytest.raises(RepositoryError, match="bare"):
            initialise(tmp_path / "bare.git")

    def test_gits_own_folder_is_refused(self, repository: Path) -> None:
        with pytest.raises(RepositoryError):
            initialise(repository / ".git" / "hooks")

    def test_a_folder_with_an_odd_name_works(self, tmp_path: Path) -> None:
        done = initialise(tmp_path / "--odd name ' $HOME \t")
        assert (done.folder / "gitml.yaml").is_file()
        assert git(done.folder, "status", "--porcelain") != ""

    def test_a_file_called_dot_dvc_is_a_clear_error(self, tmp_path: Path) -> None:
        folder = tmp_path / "new"
        folder.mkdir()
        (folder / ".dvc").write_text("mine")
        with pytest.raises(GitmlError):
            initialise(folder)
        assert (folder / ".dvc").read_text() == "mine"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Initialised]:
    """Starters that tests may look at but not change."""
    known: dict[str, Initialised] = {}

    def make(name: str) -> Initialised:
        if name not in known:
            known[name] = initialise(tmp_path_factory.mktemp("starter") / name, name)
        return known[name]

    return make


class TestStarters:
    @pytest.mark.parametrize("name", starters.names())
    def test_a_starter_is_committed_whole_so_that_it_can_run_at_once(
        self, made: Callable[[str], Initialised], name: str
    ) -> None:
        done = made(name)
        assert done.commit == git(done.folder, "rev-parse", "HEAD")
        assert git(done.folder, "status", "--porcelain", "--untracked-files=all") == ""
        tracked = set(git(done.folder, "ls-files").splitlines())
        shipped = set(starters.find(name).files())
        assert shipped | {"data.dvc", "splits.json", ".dvc/config", ".dvc/.gitignore"} <= tracked
        assert not [path for path in tracked if path.startswith("data/")]
        assert not done.kept

    @pytest.mark.parametrize("name", starters.names())
    def test_dvc_agrees_that_the_data_of_a_starter_is_tracked(
        self, made: Callable[[str], Initialised], name: str
    ) -> None:
        folder = made(name).folder
        assert dvc(folder, "status") == "Data and pipelines are up to date."
        assert dvc(folder, "data", "status", "--granular") == "No changes."

    @pytest.mark.parametrize("name", starters.names())
    def test_gitml_reads_the_configuration_of_a_starter(
        self, made: Callable[[str], Initialised], name: str
    ) -> None:
        read = config.load(made(name).folder)
        assert read.command == ("python", "train.py")
        assert read.partition == "splits.json"
        assert read.primary == "accuracy"
        assert read.outputs.history == ("history.csv",)

    def test_init_twice_keeps_every_file_of_a_starter(
        self, made: Callable[[str], Initialised]
    ) -> None:
        done = made("mlp")
        before = content(done.folder)
        again = initialise(done.folder, "mlp")
        assert again.created == ()
        assert not again.commit
        assert {"train.py", "gitml.yaml", "data.dvc", "splits.json"} <= set(again.kept)
        assert content(done.folder) == before

    def test_a_starter_never_overwrites_what_is_in_the_folder(self, repository: Path) -> None:
        mine = {"train.py": b"print(1)\n", "params.yaml": b"lr: 1\n", "data/own.csv": b"1\n"}
        (repository / "data").mkdir()
        for path, text in mine.items():
            (repository / path).write_bytes(text)
        head = git(repository, "rev-parse", "HEAD")
        done = initialise(repository, "mlp")
        assert {"train.py", "params.yaml", "data"} <= set(done.kept)
        assert mine.items() <= content(repository).items()
        assert not (repository / "data.dvc").exists()
        assert any("data was there already" in note for note in done.notes)
        assert git(repository, "rev-parse", "HEAD") == head
        assert git(repository, "diff", "--cached", "--name-only") == ""

    def test_an_interrupted_start_is_finished_by_the_next_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(init, "_track", interrupted)
            with pytest.raises(KeyboardInterrupt):
                initialise(tmp_path / "new", "mlp")
        done = initialise(tmp_path / "new", "mlp")
        assert "data.dvc" in done.created
        assert dvc(done.folder, "status") == "Data and pipelines are up to date."
        assert not [path for path in content(done.folder) if ".gitml-init" in path]

    def test_a_starter_in_a_subfolder_is_not_committed(self, repository: Path) -> None:
        done = initialise(repository / "examples" / "tumours", "mlp")
        assert not done.commit
        assert "../../.dvc/config" in done.created
        assert git(repository, "log", "--oneline").count("\n") == 0
        assert dvc(done.folder, "status", "data.dvc") == "Data and pipelines are up to date."
        assert git(repository, "check-ignore", "examples/tumours/data/tumours.csv")

    def test_without_an_identity_the_files_are_written_and_the_user_is_told(
        self, tmp_path: Path, identity: Path
    ) -> None:
        (identity / ".gitconfig").write_text("[user]\nuseConfigOnly = true\n")
        done = initialise(tmp_path / "new", "mlp")
        assert not done.commit
        assert (done.folder / "data.dvc").is_file()
        [note] = done.notes
        assert "git config user.name" in note
        assert "git config user.email" in note

    def test_a_hook_that_refuses_the_first_commit_is_reported(
        self, tmp_path: Path, identity: Path
    ) -> None:
        hooks = identity / "hooks"
        hooks.mkdir()
        (hooks / "pre-commit").write_text("#!/bin/sh\necho no commits today >&2\nexit 1\n")
        (hooks / "pre-commit").chmod(0o755)
        git(tmp_path, "config", "--global", "core.hooksPath", str(hooks))
        done = initialise(tmp_path / "new", "mlp")
        assert not done.commit
        assert any("no commits today" in note for note in done.notes)

    def test_a_sha256_repository_works(self, tmp_path: Path) -> None:
        git(tmp_path, "init", "-q", "--object-format=sha256", "new")
        assert len(initialise(tmp_path / "new", "mlp").commit) == 64

    def test_an_unknown_template_names_the_nearest(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no template 'cmn'") as caught:
            initialise(tmp_path / "new", "cmn")
        assert "Did you mean cnn?" in caught.value.hint
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize("name", ["", "..", "../templates/cnn", "/etc", "-x", "c\nn"])
    def test_a_template_is_a_name_and_never_a_path(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(UsageError, match="no template"):
            initialise(tmp_path / "new", name)

    def test_missing_libraries_are_named_before_anything_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(starters, "_missing", lambda *_: ["torch", "scikit-learn"])
        with pytest.raises(UsageError, match="needs torch and scikit-learn") as caught:
            initialise(tmp_path / "new", "cnn")
        assert caught.value.hint == "pip install torch scikit-learn"
        assert not (tmp_path / "new").exists()

    def test_the_libraries_of_an_interpreter_are_really_asked_for(self) -> None:
        assert starters._missing(sys.executable, ("numpy", "no-such-thing")) == ["no-such-thing"]
        assert starters._missing("/no/such/python", ("numpy",)) == ["numpy"]

    def test_data_that_cant_be_prepared_leaves_nothing_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = tmp_path / "starters" / "mlp"
        broken.mkdir(parents=True)
        for name, text in starters.find("mlp").files().items():
            (broken / name).write_bytes(text)
        (broken / "prepare_data.py").write_text("raise SystemExit('no table today')\n")
        monkeypatch.setattr(starters, "FOLDER", broken.parent)
        with pytest.raises(ExecutionError, match="no table today"):
            initialise(tmp_path / "new", "mlp")
        assert not (tmp_path / "new").exists()
