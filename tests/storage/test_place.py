from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitml.errors import StorageError
from gitml.storage import place, settings
from gitml.storage.place import Storage


def test_setting_up_makes_what_dvc_init_makes(tmp_path: Path, dvc: Callable[..., str]) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for root in (theirs, ours):
        subprocess.run(["git", "init", "-q", str(root)], check=True)
    dvc("init", "-q", cwd=theirs)
    made = place.setup(ours)
    for path in made:
        same = theirs / path.relative_to(ours)
        assert path.read_bytes() == same.read_bytes()
        assert path.stat().st_mode == same.stat().st_mode
    tracked = subprocess.run(
        ["git", "-C", str(theirs), "ls-files", "-z"], capture_output=True, text=True, check=True
    ).stdout.split("\0")
    assert {str(path.relative_to(ours)) for path in made} == set(filter(None, tracked))


def test_setting_up_overwrites_nothing(project: Path) -> None:
    (project / ".dvc" / "config").write_text("[core]\n    autostage = true\n")
    (project / ".dvcignore").unlink()
    assert place.setup(project) == [project / ".dvcignore"]
    assert "autostage" in (project / ".dvc" / "config").read_text()


def test_the_nearest_project_upward_is_found_up_to_the_top(project: Path) -> None:
    deep = project / "a" / "b"
    deep.mkdir(parents=True)
    found = place.find(deep, project)
    assert found is not None and found.root == project
    assert place.find(deep, project / "a") is None
    place.setup(project / "a")
    found = place.find(deep, project)
    assert found is not None and found.root == project / "a"


def test_the_cache_is_where_dvc_has_it_by_default(storage: Storage, project: Path) -> None:
    assert storage.cache == project / ".dvc" / "cache" / "files" / "md5"
    assert storage.legacy_cache == project / ".dvc" / "cache"
    assert storage.link_types == ("reflink", "copy")
    assert not storage.shared_group


def test_later_configuration_files_win_and_paths_start_at_their_file(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(own))
    (own / "config").write_text("[cache]\n    type = copy\n    dir = global\n    shared = group\n")
    (project / ".dvc" / "config").write_text("[cache]\n    dir = ../elsewhere\n")
    (project / ".dvc" / "config.local").write_text("['cache']\n    Type = hardlink, copy\n")
    found = place.find(project, project)
    assert found is not None
    assert found.cache == project / "elsewhere" / "files" / "md5"
    assert found.link_types == ("hardlink", "copy")
    assert found.shared_group


def test_configuration_is_read_as_dvc_reads_it(project: Path, tmp_path: Path) -> None:
    from dvc.config import Config

    (project / ".dvc" / "config").write_text(
        "# a comment\n[core]\n    remote = Store\n    Analytics = false\n"
        "[cache]\n    dir = ~/cache\n    type = reflink,symlink\n"
        "['remote \"Store\"']\n    url = ../store\n    keyfile = key.pem\n"
        "['remote \"cloud\"']\n    url = s3://bucket/p?x=%20\n    profile = 'a, b'\n"
    )
    (project / ".dvc" / "config.local").write_text(
        "['remote \"cloud\"']\n    access_key_id = secret\n    url = s3://other\n"
    )
    ours = settings.read(settings.config_files(project / ".dvc"))
    theirs = Config(str(project / ".dvc"), validate=False)
    for section in ("core", "cache", "remote"):
        assert ours[section] == theirs[section]


def test_a_linked_work_tree_uses_the_cache_of_the_main_one(project: Path, tmp_path: Path) -> None:
    (project / ".dvc" / "config").write_text("[cache]\n    dir = ../shared\n")
    (project / ".dvc" / "config.local").write_text("[cache]\n    type = symlink\n")
    linked = tmp_path / "deep" / "er" / "linked"
    (linked / ".dvc").mkdir(parents=True)
    (linked / ".dvc" / "config").write_bytes((project / ".dvc" / "config").read_bytes())
    found = place.find(linked, linked, fallback=project)
    assert found is not None
    assert found.root == linked
    assert found.cache == project / "shared" / "files" / "md5"
    assert found.link_types == ("symlink",)


def test_an_empty_configuration_costs_no_parser(project: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gitml.storage import place\n"
        f"place.find(Path({str(project)!r}), Path({str(project)!r}))\n"
        "assert not {'configobj', 'yaml', 'sqlite3', 'dvc'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@pytest.mark.parametrize(
    "text",
    ["[cache\n", "[cache]\n    type = teleport\n", "[cache]\n    dir = s3://x/y\n", "\xff"],
)
def test_a_broken_configuration_is_named(project: Path, text: str) -> None:
    (project / ".dvc" / "config").write_bytes(text.encode("latin-1"))
    with pytest.raises(StorageError):
        place.find(project, project)
