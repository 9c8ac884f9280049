"""A tiny library as wheels, and environments that it is installed in, all without a network."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

UV = Path(sys.executable).with_name("uv")


def make_wheel(folder: Path, name: str, version: str, source: str) -> Path:
    """Write a wheel of one module, as a build tool would."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    rows = [f"{path},{_digest(text)},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return wheel


def make_environment(folder: Path) -> Path:
    """Make an empty virtual environment."""
    subprocess.run(
        [sys.executable, "-I", "-m", "venv", "--without-pip", folder],
        check=True,
        capture_output=True,
    )
    return folder


def install(environment: Path, wheels: Path, *wanted: str) -> None:
    """Install distributions from a folder of wheels."""
    python = environment / "bin" / "python"
    words = [UV, "pip", "install", "-q", "--offline", "--no-index", "--find-links", wheels]
    subprocess.run([*words, "--python", python, *wanted], check=True, capture_output=True)


def use(environment: Path) -> dict[str, str]:
    """Return the variables that make an environment the one that commands find."""
    return {"PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def offline(wheels: Path) -> dict[str, str]:
    """Return the variables with which installers know nothing but a folder of wheels."""
    return {
        "UV_FIND_LINKS": str(wheels),
        "UV_NO_INDEX": "1",
        "UV_OFFLINE": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_INDEX": "1",
    }


def _digest(text: str) -> str:
    raw = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
