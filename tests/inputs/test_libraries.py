"""The reader of installed distributions agrees with the standard library's, and is fast."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sysconfig
import time
from pathlib import Path

import pytest

from gitml.inputs.distribution import normalised
from gitml.inputs.libraries import builds_of, editable_owners, imported_versions, installed

SITE = sysconfig.get_path("purelib")


def make(site: Path, name: str, version: str, files: list[str], **extra: str) -> Path:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n")
    rows = [f"{file},sha256=x{file},1" for file in files]
    (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/RECORD,,"]))
    for file, text in extra.items():
        (info / file.replace("__", ".")).write_text(text)
    return info


def test_the_standard_library_sees_the_same() -> None:
    found = installed([SITE])
    expected = {
        normalised(one.metadata["Name"]): one.version
        for one in importlib.metadata.distributions(path=[SITE])
    }
    assert {name: one.version for name, one in found.items()} == expected
    owners = importlib.metadata.packages_distributions()
    for top_level in ("yaml", "click", "numpy", "sklearn", "git"):
        names = {normalised(name) for name in owners[top_level]}
        assert set(imported_versions([(SITE, top_level)], found)) == names


def test_a_warm_scan_takes_milliseconds(tmp_path: Path) -> None:
    cache = tmp_path / "libraries.json"
    cold = installed([SITE], cache)
    best = 9.0
    for _ in range(5):
        began = time.perf_counter()
        assert installed([SITE], cache) == cold
        best = min(best, time.perf_counter() - began)
    assert best < 0.1  # a few milliseconds; the rest is for busy machines


@pytest.mark.parametrize("damage", [b"", b"{", b'{"version": 1, "entries": {"a": 1}}', b"\xff"])
def test_a_damaged_cache_is_read_anew(tmp_path: Path, damage: bytes) -> None:
    cache = tmp_path / "libraries.json"
    cache.write_bytes(damage)
    make(tmp_path / "site", "Foo.Bar", "1.0", ["foo/__init__.py"])
    assert installed([str(tmp_path / "site")], cache)["foo-bar"].top_level == ("foo",)
    assert json.loads(cache.read_bytes())["entries"]


def test_a_cache_that_can_not_be_written_costs_nothing(tmp_path: Path) -> None:
    make(tmp_path / "site", "foo", "1.0", ["foo.py"])
    for cache in (tmp_path, Path("/proc/nowhere/libraries.json"), None):
        assert installed([str(tmp_path / "site")], cache)["foo"].version == "1.0"
    assert sorted(path.name for path in tmp_path.parent.glob("*.tmp")) == []


def test_an_upgrade_is_seen_through_the_cache(tmp_path: Path) -> None:
    site, cache = tmp_path / "site", tmp_path / "c.json"
    old = make(site, "foo", "1.0", ["foo.py"])
    assert installed([str(site)], cache)["foo"].version == "1.0"
    shutil.rmtree(old)
    make(site, "foo", "2.0", ["foo.py"])
    assert installed([str(site)], cache)["foo"].version == "2.0"


def test_the_first_folder_on_the_path_wins(tmp_path: Path) -> None:
    for number in ("1", "2"):
        make(tmp_path / number, "foo", number, ["foo.py"])
    assert installed([str(tmp_path / "2"), str(tmp_path / "1")])["foo"].version == "2"


def test_shared_namespaces_mean_all_of_their_owners(tmp_path: Path) -> None:
    site = str(tmp_path)
    make(tmp_path, "google-a", "1", ["google/a/__init__.py"])
    make(tmp_path, "google-b", "2", ["google/b/__init__.py"])
    make(tmp_path, "other", "3", ["other/__init__.py", "_native.cpython-311-x.so", "mod.py"])
    found = installed([site])
    assert imported_versions([(site, "google")], found) == {"google-a": "1", "google-b": "2"}
    assert found["other"].top_level == ("_native", "mod", "other")
    assert imported_versions([(site + "/", "mod"), (site, "nobody")], found) == {"other": "3"}
    assert imported_versions([("/elsewhere", "mod")], found) == {}


def test_the_record_tells_two_builds_apart_but_not_two_installs(tmp_path: Path) -> None:
    digests = []
    for number, files in enumerate(
        [
            ["a.py", "b.py"],
            ["b.py", "a.py", "__pycache__/a.pyc", "../../../bin/a"],
            ["a.py", "c.py"],
        ]
    ):
        make(tmp_path / str(number), "foo", "1", files, INSTALLER="pip")
        digests.append(installed([str(tmp_path / str(number))])["foo"].record)
    assert digests[0] == digests[1] != digests[2]


def direct(**fields: object) -> str:
    return json.dumps(fields)


def test_where_a_distribution_came_from(tmp_path: Path) -> None:
    urls = {
        "edit": direct(url="file:///src/my%20lib", dir_info={"editable": True}),
        "local": direct(url="file:///src/x.whl", archive_info={}),
        "vcs": direct(url="https://tok@host/x", vcs_info={"vcs": "git", "commit_id": "c0ffee"}),
        "url": direct(url="https://h/x.whl", archive_info={"hashes": {"sha256": "ab"}}),
        "broken": "[",
    }
    for name, text in urls.items():
        make(tmp_path, name, "1", [f"{name}.py"], direct_url__json=text)
    found = installed([str(tmp_path)])
    assert {name: one.source for name, one in found.items()} == {
        "edit": "editable", "local": "local", "vcs": "vcs", "url": "url", "broken": "index"
    }  # fmt: skip
    assert found["edit"].folder == "/src/my lib"
    assert found["vcs"].url == "https://***@host/x" and found["vcs"].commit == "c0ffee"
    assert found["url"].hashes == ("sha256=ab",)
    modules = ["/src/my lib/a.py", "/src/my lib/b/c.py", "/src/other.py", "/repo/x.py"]
    assert editable_owners(modules, found, "/repo") == {"edit": tuple(modules[:2])}
    assert editable_owners(modules, found, "/src") == {}


def test_older_kinds_of_metadata_are_read(tmp_path: Path) -> None:
    egg = tmp_path / "old.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Name: old\nVersion: 1\n")
    (egg / "top_level.txt").write_text("old_module\n")
    (tmp_path / "single-2.egg-info").write_text("Name: single\nVersion: 2\n")
    source = tmp_path / "source"
    (source / "dev.egg-info").mkdir(parents=True)
    (source / "dev.egg-info" / "PKG-INFO").write_text("Name: dev\nVersion: 3\n")
    (tmp_path / "dev.egg-link").write_text(f"{source}\n../")
    (tmp_path / "~roken-1.dist-info").mkdir()
    (tmp_path / "empty-1.dist-info").mkdir()
    found = installed([str(tmp_path), "/nowhere"])
    assert {name: one.version for name, one in found.items()} == {
        "old": "1", "single": "2", "dev": "3"
    }  # fmt: skip
    assert found["old"].top_level == ("old_module",)
    assert (found["dev"].source, found["dev"].folder) == ("editable", str(source))


def test_what_may_change_without_a_new_version_has_a_build(tmp_path: Path) -> None:
    commit = "c0ffee" * 6 + "1234"
    for name, text in {
        "vcs": direct(url="https://h/x", vcs_info={"vcs": "git", "commit_id": commit}),
        "local": direct(url="file:///src/x.whl", archive_info={}),
        "edit": direct(url="file:///src", dir_info={"editable": True}),
    }.items():
        make(tmp_path, name, "1", [f"{name}.py"], direct_url__json=text)
    make(tmp_path, "index", "1", ["index.py"])
    found = installed([str(tmp_path)])
    builds = builds_of(["vcs", "local", "edit", "index", "nobody"], found)
    assert builds == {"vcs": commit[:12], "local": found["local"].record[7:19]}
