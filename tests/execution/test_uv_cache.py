"""uv is asked for archives by its cache alone; a local index fills the cache."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.pylock import Pylock

from gitml.execution.uv_cache import archives_from_cache


def make_wheel(folder: Path, name: str, version: str) -> str:
    """Write a wheel, and return its hash."""
    folder.mkdir(parents=True)
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    link = f'<a href="{path.name}#sha256={digest}">{path.name}</a>'
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
    return digest


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.HTTPServer]:
    """A package index on this machine, and a cache of uv's that is empty."""
    handler = functools.partial(Quiet, directory=str(tmp_path / "simple"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    server.server_close()


def test_what_uv_installed_is_known_without_a_network(
    index: http.server.HTTPServer, tmp_path: Path
) -> None:
    hashes = {name: make_wheel(tmp_path / "simple" / name, name, "1.0") for name in ("one", "two")}
    pins = {"one": "1.0", "two": "1.0"}
    assert archives_from_cache(pins, sys.executable, tmp_path) == b""  # the cache is empty
    target = ["--target", str(tmp_path / "site"), "--python", sys.executable]
    subprocess.run(
        ["uv", "pip", "install", "-q", *target, "one==1.0", "two==1.0"],
        check=True,
        cwd=tmp_path,
        env=dict(os.environ),
    )
    index.shutdown()
    asked = {**pins, "three": "3", "gone": "1.0+cu1", "-evil": "1"}
    found = tomllib.loads(archives_from_cache(asked, sys.executable, tmp_path).decode())
    Pylock.from_dict(found)
    assert {
        package["name"]: package["wheels"][0]["hashes"]["sha256"] for package in found["packages"]
    } == hashes
    # Another version isn't there, which hides nothing of the rest.
    other = archives_from_cache({**pins, "two": "2.0"}, sys.executable, tmp_path)
    assert [package["name"] for package in tomllib.loads(other.decode())["packages"]] == ["one"]


def test_without_uv_nothing_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert archives_from_cache({"one": "1.0"}, "/bin/python", tmp_path) == b""
