"""Makes repositories with many experiments quickly: real commits that gitml itself reads back.

One `git fast-import` stream holds everything; records and messages are written by gitml's own code,
and every commit has the parents and files that a run would have given it.
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from gitml.experiment.message import compose, compose_event, compose_join, compose_root
from gitml.experiment.record import Lock, Record, encode
from gitml.git.command import clean_environment
from gitml.git.commits import root_commit
from gitml.git.log import list_refs
from gitml.git.repository import Repository, discover
from gitml.inputs.manifest import (
    CodeInput,
    CommandInput,
    DataInput,
    LibrariesInput,
    Manifest,
    ModuleInput,
)
from gitml.outputs.artifact import Artifact
from gitml.values import Scalar

START = 1_735_689_600  # 2025-01-01
WHO = "Ann Author <ann@example.org>"

_WORDS = ("amber", "brave", "calm", "deft", "eager", "fair", "glad", "happy", "ideal", "jolly")
_NOUNS = ("otter", "lynx", "heron", "maple", "comet", "ridge", "raven", "tulip", "wolf", "yak")
_LIBRARIES = {f"library-{n}": f"{n % 7}.{n % 11}.{n % 5}" for n in range(60)}


def new_repository(folder: Path, *, object_format: str = "sha1") -> Repository:
    """Make a repository with one commit of a small project on `main`."""
    folder.mkdir(parents=True, exist_ok=True)
    for arguments in (
        ("init", "--quiet", "--initial-branch=main", f"--object-format={object_format}", "."),
        ("config", "user.name", "Ann Author"),
        ("config", "user.email", "ann@example.org"),
        ("config", "commit.gpgSign", "false"),
        ("config", "gc.auto", "0"),
    ):
        _git(folder, *arguments)
    for path, data in project_files(0).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "-m", "project")
    return discover(folder)


def project_files(seed: int) -> dict[str, bytes]:
    return {
        "train.py": b"import model\n\nprint('training')\n",
        "model.py": f"WIDTH = {seed}\n".encode(),
        "README.md": b"# A project\n",
        "params.yaml": f"lr: {0.1 / (1 + seed % 50)}\nseed: {seed}\n".encode(),
    }


def make_record(number: int, study: str = "main", **changes: Any) -> Record:
    """Return the record of the number-th experiment of a sweep; `changes` replace fields."""
    draw = random.Random(number)
    lr = round(draw.uniform(1e-4, 1e-1), 5)
    params: dict[str, Scalar] = {
        "lr": lr,
        "optimizer.name": draw.choice(["adam", "sgd"]),
        "epochs": 10,
    }
    params |= {f"model.option{n}": draw.randrange(100) for n in range(12)}
    params |= {"seed": number % 5, "num_workers": 4}
    settings = {name: value for name, value in params.items() if name != "num_workers"}
    metrics: dict[str, Scalar] = {"accuracy": round(draw.uniform(0.5, 0.99), 6)}
    metrics["loss"] = round(draw.random(), 6)
    metrics |= {f"class{n}.f1": round(draw.random(), 6) for n in range(8)}
    syntax = hashlib.sha256(str(number % 10).encode()).hexdigest()
    modules = {
        f"package/module{n}.py": ModuleInput(f"{n:040x}", f"sha256:{syntax}") for n in range(15)
    }
    manifest = Manifest(
        command=CommandInput(("python", "train.py")),
        settings=settings,
        code=CodeInput(modules=modules, others=f"sha256:{syntax}", observed=True),
        data={"data": DataInput("dvc", f"{7:032x}.dir", size=1_000_000, files=100)},
        libraries=LibrariesInput("3.11.7", "cpython", {"torch": "2.9.0", "numpy": "2.1.0"}),
        seeds=("seed",),
    )
    moment = datetime.fromtimestamp(START + number * 60, UTC)
    record = Record(
        name=f"{_WORDS[number % 10]}-{_NOUNS[number // 10 % 10]}-{number}",
        study=study,
        status="completed",
        created=moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=round(draw.uniform(1, 100), 3),
        exit_status=0,
        argv=("python", "train.py"),
        params=params,
        metrics=metrics,
        inputs=manifest,
        digests=manifest.digests(),
        fingerprint=manifest.fingerprint(),
        lookup=f"sha256:{hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()}",
        goals={"accuracy": "max", "loss": "min"},
        primary="accuracy",
        artifacts=(
            Artifact("model.safetensors", "weights", "dvc", f"{number:032x}", 5_000_000),
            Artifact("metrics.json", "metrics", "git", f"{number:040x}", 300),
            Artifact("predictions.csv", "predictions", "git", f"{number:040x}", 20_000),
        ),
        libraries=Lock("complete", "sha256:0", _LIBRARIES),
        environment={"platform": "Linux", "python": "3.11.7", "cpu": {"cores": 2, "name": "x"}},
        gitml="0.1.0",
    )
    return msgspec.structs.replace(record, **changes)


class Stream:
    """Writes commits as one `git fast-import` stream.

    A context manager; the branches exist when it is left. Commits are named by marks (integers).
    """

    def __init__(self, repository: Repository, *, loose: bool = False) -> None:
        self.repository = repository
        self._tips: dict[str, str] = {}
        self._mark = 0
        self._when = START
        limit = "1000000000" if loose else "0"
        self._process = subprocess.Popen(
            ["git", "-c", f"fastimport.unpackLimit={limit}", "fast-import", "--quiet", "--force"],
            cwd=repository.root,
            env=clean_environment(),
            stdin=subprocess.PIPE,
        )

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        if self._process.wait() and exc[0] is None:
            raise RuntimeError("git fast-import failed")

    def experiment(
        self,
        record: Record,
        parent: int | str = "",
        *,
        ref: str = "",
        data: bytes | None = None,
        message: str | None = None,
        files: dict[str, bytes | None] | None = None,
        author: str = WHO,
    ) -> int:
        """Write an experiment on top of `parent` (default: its study's tip) and return its mark.

        `data` takes the place of the record's bytes, `message` of the message; `files` are added
        to those of the project, or taken away where they are None.
        """
        contents: dict[str, bytes | None] = {
            **project_files(record.params.get("seed", 0)),  # type: ignore[arg-type]
            "metrics.json": msgspec.json.encode(record.metrics),
            **{
                f"{artifact.path}.dvc": f"outs:\n- md5: {artifact.digest}\n".encode()
                for artifact in record.artifacts
                if artifact.storage == "dvc"
            },
            ".gitml/experiment.json": encode(record) if data is None else data,
            ".gitml/log.txt": f"epoch 1\nresult {record.metrics}\n".encode(),
            **(files or {}),
        }
        parents = self._parents(record.study, parent)
        if self.repository.head:
            parents.append(self.repository.head)
        return self._commit(
            ref or f"refs/heads/exp/{record.study}",
            parents,
            compose(record) if message is None else message,
            contents,
            author,
        )

    def event(
        self, study: str, kind: str, about: str, body: dict[str, Any], parent: int | str = ""
    ) -> int:
        """Write an event on top of `parent`, with its tree."""
        message = compose_event(kind, about, "some-name", body)
        return self._commit(f"refs/heads/exp/{study}", self._parents(study, parent), message, None)

    def join(self, study: str, parents: Iterable[int | str]) -> int:
        """Write a commit that joins lines of a study."""
        named = [self._name(parent) for parent in parents]
        return self._commit(f"refs/heads/exp/{study}", named, compose_join(study), None)

    def plain(self, ref: str, message: str, parents: Iterable[int | str] = ()) -> int:
        """Write a commit that somebody made by hand."""
        return self._commit(ref, [self._name(parent) for parent in parents], message, {"by": b"me"})

    def _parents(self, study: str, parent: int | str) -> list[str]:
        if parent:
            return [self._name(parent)]
        ref = f"refs/heads/exp/{study}"
        if ref not in self._tips:
            tip = list_refs(self.repository.git, ref).get(ref)
            self._tips[ref] = tip or root_commit(self.repository, compose_root(study))
        return [self._tips[ref]]

    @staticmethod
    def _name(parent: int | str) -> str:
        return f":{parent}" if isinstance(parent, int) else parent

    def _commit(
        self,
        ref: str,
        parents: list[str],
        message: str,
        contents: dict[str, bytes | None] | None,
        author: str = WHO,
    ) -> int:
        assert self._process.stdin
        self._mark += 1
        self._when += 60
        text = message.encode("utf-8", "surrogateescape")
        who = author.encode("utf-8", "surrogateescape")
        lines = [f"commit {ref}\nmark :{self._mark}\n".encode()]
        lines += [b"author %s %d +0000\n" % (who, self._when)]
        lines += [b"committer %s %d +0000\n" % (who, self._when)]
        lines += [b"data %d\n%s\n" % (len(text), text)]
        lines += [f"from {parents[0]}\n".encode()] if parents else []
        lines += [f"merge {parent}\n".encode() for parent in parents[1:]]
        if contents is not None:
            lines.append(b"deleteall\n")
            for path, data in contents.items():
                if data is not None:
                    lines.append(b"M 100644 inline %s\n" % path.encode())
                    lines.append(b"data %d\n%s\n" % (len(data), data))
        self._process.stdin.write(b"".join([*lines, b"\n"]))
        self._tips[ref] = f":{self._mark}"
        return self._mark


def make_experiments(
    where: Repository | Path,
    count: int,
    study: str = "main",
    *,
    start: int = 0,
    loose: bool = False,
    change: Callable[[Record], Record] = lambda record: record,
) -> None:
    """Record `count` experiments of a sweep on a study; `loose` leaves objects as runs do."""
    repository = discover(where) if isinstance(where, Path) else where
    with Stream(repository, loose=loose) as stream:
        for number in range(start, start + count):
            stream.experiment(change(make_record(number, study)))


def make_dvc_experiments(folder: Path, count: int) -> None:
    """Record `count` experiments as DVC keeps them: a reference each, below their baseline."""
    repository = discover(folder)
    base = repository.head
    lines = []
    for number in range(count):
        record = make_record(number)
        lines.append(f"commit refs/exps/{base[:2]}/{base[2:]}/{record.name}\n")
        lines.append(f"committer {WHO} {START + number} +0000\ndata 3\nexp\nfrom {base}\n")
        files = {
            "params.yaml": f"lr: {record.params['lr']}\nseed: {record.params['seed']}\n",
            "metrics.json": msgspec.json.encode(record.metrics).decode(),
        }
        for path, text in files.items():
            lines.append(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n")
    stream = "".join(lines).encode()
    command = ("git", "fast-import", "--quiet", "--force")
    subprocess.run(command, cwd=folder, env=clean_environment(), input=stream, check=True)


def _git(folder: Path, *arguments: str) -> None:
    env = clean_environment() | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_DATE": f"@{START} +0000",
        "GIT_COMMITTER_DATE": f"@{START} +0000",
    }
    subprocess.run(["git", *arguments], cwd=folder, env=env, check=True, capture_output=True)
