"""The lock file is valid, deterministic, and honest about what it can't pin."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest
from packaging.pylock import Pylock

from gitml.inputs.distribution import Distribution
from gitml.inputs.lock import drift, locked_versions, render_lock, wheel_tags
from gitml.inputs.lock_sources import find_archives

HASH = {letter: letter * 64 for letter in "abcdef"}
FILES = "https://files.example"
NUMPY = "numpy-2.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
UV_LOCK = f"""
version = 1
requires-python = ">=3.11"

[[package]]
name = "click"
version = "8.1"
source = {{ registry = "https://index.example/simple" }}
sdist = {{ url = "{FILES}/click-8.1.tar.gz", hash = "sha256:{HASH["a"]}", size = 3 }}
wheels = [
    {{ url = "{FILES}/click-8.1-py3-none-any.whl", hash = "sha256:{HASH["b"]}" }},
]

[package.metadata]
requires-dist = [{{ name = "colorama" }}]

[[package]]
name = "Numpy"
version = "2.0"
source = {{ registry = "https://index.example/simple" }}
wheels = [
    {{ url = "https://u:p@h.example/{NUMPY}", hash = "sha256:{HASH["c"]}", size = 9 }},
    {{ url = "{FILES}/numpy-2.0-cp312-cp312-win32.whl", hash = "sha256:{HASH["d"]}" }},
]

[[package]]
name = "built"
version = "1"
sdist = {{ url = "{FILES}/built-1.tar.gz", hash = "sha256:{HASH["e"]}" }}
"""


def one(name: str, version: str, **fields: object) -> Distribution:
    known = {"tags": ("py3-none-any",), "record": f"sha256:{name}"} | fields
    return msgspec.convert({"name": name, "version": version, "site": "/s", **known}, Distribution)


INSTALLED = [
    one("numpy", "2.0", tags=["cp311-cp311-manylinux2014_x86_64"]),
    one("click", "8.1"),
    one("built", "1", tags=["cp311-cp311-linux_x86_64"]),
    one("torch", "2.13.0+cpu"),
    one("edit", "1", source="editable", folder="/src/edit"),
    one("me", "0.1", source="editable", folder="/repo"),
    one("me2", "0.1", source="editable", folder="/repo/sub"),
    one("vcs", "1", source="vcs", url="https://***@h/x", commit="c0ffee"),
    one("url", "1", source="url", url="https://h/url-1.whl", hashes=[f"sha256={HASH['f']}"]),
    one("nohash", "1", source="url", url="https://h/nohash-1.whl"),
    one("local", "1", source="local"),
]


@pytest.fixture
def uv_lock(tmp_path: Path) -> Path:
    path = tmp_path / "uv.lock"
    path.write_text(UV_LOCK)
    return path


def test_the_lock_is_valid_and_says_what_it_could_not_pin(uv_lock: Path) -> None:
    found = render_lock("3.11.7", INSTALLED, [uv_lock], root="/repo")
    lock = Pylock.from_dict(tomllib.loads(found.data.decode()))
    assert [str(package.name) for package in lock.packages] == [
        "built", "click", "numpy", "url", "vcs"
    ]  # fmt: skip
    assert found.state == "partial"
    assert found.unlocked == ("edit", "local", "nohash", "torch")
    assert "me" not in found.packages and found.packages["torch"] == "2.13.0+cpu"
    assert str(lock.requires_python) == "==3.11.*"
    tool = tomllib.loads(found.data.decode())["tool"]["gitml"]
    assert tool["python"] == "3.11.7"
    assert [item["name"] for item in tool["unlocked"]] == list(found.unlocked)
    assert b"/src/edit" not in found.data and b"u:p@" not in found.data


def test_only_archives_that_fit_what_is_installed_are_locked(uv_lock: Path) -> None:
    found = render_lock("3.11.7", INSTALLED, [uv_lock])
    packages = {
        package["name"]: package for package in tomllib.loads(found.data.decode())["packages"]
    }
    (wheel,) = packages["numpy"]["wheels"]
    assert wheel["hashes"] == {"sha256": HASH["c"]} and wheel["size"] == 9
    assert packages["click"]["wheels"][0]["hashes"] == {"sha256": HASH["b"]}
    assert packages["built"]["sdist"]["hashes"] == {"sha256": HASH["e"]}
    assert packages["vcs"]["vcs"]["commit-id"] == "c0ffee"


def test_with_everything_known_the_lock_is_complete(uv_lock: Path) -> None:
    found = render_lock("3.11.7", INSTALLED[:3], [uv_lock])
    assert (found.state, found.unlocked) == ("complete", ())


def test_the_same_environment_has_the_same_bytes(uv_lock: Path) -> None:
    one_way = render_lock("3.11.7", INSTALLED, [uv_lock])
    other_way = render_lock("3.11.7", reversed(INSTALLED), [uv_lock])
    assert one_way == other_way


def test_the_digest_is_about_what_is_installed(uv_lock: Path) -> None:
    found = render_lock("3.11.7", INSTALLED[:3], [uv_lock])
    assert found.digest == render_lock("3.11.7", INSTALLED[:3]).digest
    other = [*INSTALLED[:2], msgspec.structs.replace(INSTALLED[2], record="sha256:other")]
    assert found.digest != render_lock("3.11.7", other, [uv_lock]).digest


def test_hostile_names_stay_inside_their_strings() -> None:
    evil = one('x"\n[tool]\n#', '1"\n\x1b', tags=['"\\'], record='"\ud800'[:1])
    found = render_lock("3", [evil])
    assert tomllib.loads(found.data.decode())["tool"]["gitml"]["unlocked"][0]["name"] == evil.name


def test_a_pylock_of_another_tool_is_a_source(tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text(
        'lock-version = "1.0"\ncreated-by = "x"\n\n[[packages]]\nname = "click"\nversion = "8.1"\n'
        f'wheels = [{{ url = "https://f/click-8.1-py3-none-any.whl", upload-time = 2024-01-01T00:00'
        f':00Z, hashes = {{ sha256 = "{HASH["a"]}" }} }}]\n'
    )
    assert render_lock("3.11.7", [INSTALLED[1]], [path]).state == "complete"


@pytest.mark.parametrize(
    "text",
    ["", "[[package]]\n", '[[package]]\nname = "click"\nversion = "8.1"\nwheels = [', "\x00"],
)
def test_a_lock_that_can_not_be_read_knows_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "uv.lock"
    path.write_text(text)
    assert find_archives(path, {"click": INSTALLED[1]}) == {}
    assert find_archives(tmp_path / "missing", {"click": INSTALLED[1]}) == {}


def test_versions_can_be_read_back_and_compared(uv_lock: Path) -> None:
    found = render_lock("3.11.7", INSTALLED, [uv_lock])
    assert locked_versions(found.data) == found.packages
    present = {item.name: item for item in INSTALLED}
    assert drift(found.packages, present) == {}
    assert drift({"click": "8.2", "gone": "1"}, present) == {
        "click": ("8.2", "8.1"),
        "gone": ("1", None),
    }


def test_where_it_came_from_is_said_of_what_has_no_index(uv_lock: Path) -> None:
    found = render_lock("3.11.7", INSTALLED, [uv_lock], root="/repo")
    assert found.sources == {
        "edit": "editable",
        "local": "local",
        "nohash": "url https://h/nohash-1.whl",
        "url": "url https://h/url-1.whl",
        "vcs": "git c0ffee",
    }


POETRY_LOCK = f"""
[[package]]
name = "numpy"
version = "2.0"
optional = false
files = [
    {{file = "{NUMPY}", hash = "sha256:{HASH["c"]}"}},
    {{file = "numpy-2.0-cp312-cp312-win32.whl", hash = "sha256:{HASH["d"]}"}},
    {{file = "numpy-2.0.tar.gz", hash = "sha256:{HASH["e"]}"}},
]
"""
HASHED = {
    "poetry.lock": (POETRY_LOCK, [f"sha256:{HASH['c']}"]),
    "requirements.txt": (
        f"NumPy==2.0 \\\n  --hash=sha256:{HASH['c']} \\\n  --hash=sha256:{HASH['d']}\n",
        [f"sha256:{HASH['c']}", f"sha256:{HASH['d']}"],
    ),
    "Pipfile.lock": (
        f'{{"_meta": {{}}, "default": {{"numpy": {{"version": "==2.0", "hashes": '
        f'["sha256:{HASH["d"]}", "md5:1", 1]}}}}}}',
        [f"sha256:{HASH['d']}"],
    ),
}


@pytest.mark.parametrize("name", HASHED)
def test_hashes_without_addresses_pin_too_and_leave_the_lock_valid(
    tmp_path: Path, name: str
) -> None:
    text, expected = HASHED[name]
    (tmp_path / name).write_text(text)
    found = render_lock("3.11.7", INSTALLED[:1], [tmp_path / name])
    assert (found.state, found.unlocked) == ("complete", ())
    tables = tomllib.loads(found.data.decode())
    Pylock.from_dict(tables)
    (hashed,) = tables["tool"]["gitml"]["hashed"]
    assert hashed["hashes"] == expected
    assert locked_versions(found.data) == found.packages == {"numpy": "2.0"}


def test_a_second_source_adds_what_the_first_does_not_know(uv_lock: Path, tmp_path: Path) -> None:
    hashed = tmp_path / "requirements.txt"
    hashed.write_text(f"click==8.1 --hash=sha256:{HASH['a']}\nnumpy==1.0 --hash=sha256:ab\n")
    found = render_lock("3.11.7", INSTALLED[:3], [hashed, uv_lock])
    assert len(Pylock.from_dict(tomllib.loads(found.data.decode())).packages) == 3
    assert b"hashed" not in found.data and found.state == "complete"


def test_tags_in_file_names() -> None:
    assert wheel_tags("a-1-py2.py3-none-any.whl") == {"py2-none-any", "py3-none-any"}
    assert wheel_tags("a.whl") == set()
