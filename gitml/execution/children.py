"""Programs that a run started, and which of them may have run Python that nobody saw.

The observer is in every Python that gets the environment of the run. It is not in one that ignores
the environment (`python -I`, `-E`, `-S`), in one that was given another (`env={}`, `env -i`,
`PYTHONPATH=src`), and in one on another machine. What such a process imported isn't known, so
nothing can be said about the code that counts. When in doubt a program counts as unseen: that
costs a run, where the other mistake would hide a result.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

# The observer's mark behind words that were too many for a line.
_CUT = "..."
_PYTHON = re.compile(r"(?:python|pypy)w?(?:\d+(?:\.\d+)*t?)?\Z")
_SHEBANG = re.compile(
    rb"#!\s*\S*?/?(?:env\s+(?:-S\s+)?)?((?:[\w./-]*/)?(?:python|pypy)[\w.]*)([^\n]*)"
)
_SHELLS = frozenset("sh bash dash zsh ksh ash fish".split())  # noqa: SIM905
_MAKES = frozenset(["make", "gmake"])
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_SYSTEM = ("/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/")
# Programs that start no Python, whatever their environment and their arguments.
_HARMLESS = frozenset(
    """
    git nvidia-smi rocm-smi uname lscpu ldconfig gcc g++ cc c++ clang clang++ ld objdump nm file
    which hostname df du free ps nproc lspci sysctl nvcc ptxas tar gzip unzip ffmpeg ffprobe sox dot
    stty tput true false echo sleep kill ls rm cp mv mkdir touch date id whoami tty getconf
    """.split()  # noqa: SIM905
)
# Programs that run others where the observer doesn't reach.
_LEAVING = r"sudo|doas|su|ssh|docker|podman|kubectl|chroot|nsenter|systemd-run|sbatch|qsub|bwrap"
_SIGNS = re.compile(
    rf"(?:\A|[\s;&|(`])(?:{_LEAVING})\s"
    r"|\benv\s+(?:-\S+\s+|\w+=\S*\s+)*(?:-i\b|-\s|--ignore-environment|-u\s*PYTHONPATH)"
    r"|\bPYTHONPATH=(?!\S*\$[{(]?PYTHONPATH)"
    r"|\bunset\s[^;&|\n]*PYTHONPATH"
    r"|\b(?:python|pypy)[\d.]*\s+(?:-[a-zA-Z]+\s+)*-[a-zA-Z]*[IES]"
)
_FILE = re.compile(r"[\w./+@-]+\.py\b")
_MODULE = re.compile(r"\s-m\s+([\w.]+)")
_REMARK = re.compile(r"^\s*#.*$", re.MULTILINE)
_LARGEST = 256 * 1024
_MOST = 20


class Child(msgspec.Struct, frozen=True):
    """A program that a process of the run started.

    Attributes:
        kind: `spawn` beside the process, `exec` in its place, `hidden` for an environment that
            from then on hid what was started.
        hidden: Whether its environment doesn't lead to the observer.
        parent: Number of the process that started it.
        time: Nanoseconds of the machine's monotonic clock.
        folder: Where it started.
        words: The program and its arguments.
    """

    kind: str
    hidden: bool
    parent: str
    time: int
    folder: str
    words: tuple[str, ...]


class Report(msgspec.Struct, frozen=True):
    """An observed Python program that began.

    Attributes:
        process: Its number.
        parent: Number of its parent.
        time: Nanoseconds of the machine's monotonic clock.
    """

    process: str
    parent: str
    time: int


def unseen_programs(
    command: Child,
    children: Sequence[Child],
    reports: Sequence[Report],
    reached: Collection[str],
    root: str,
) -> tuple[str, ...]:
    """Return the names of programs that may have run Python of the project unseen; none is best.

    Args:
        command: The command of the run.
        children: What its processes were seen to start.
        reports: The Python programs that reported.
        reached: Absolute paths of the files that were seen to be imported or opened.
        root: Absolute path of the repository's root; scripts of the system are none of its own.
    """
    known = _Known(reached, root)
    found = [_name(child) for child in children if _is_unseen(child, known)]
    if not _is_python(command) and known.doubtful(command):
        found.append(_name(command))
    found += _silent(children, reports)
    return tuple(dict.fromkeys(found))


def _is_unseen(child: Child, known: _Known) -> bool:
    if child.kind == "hidden":
        return True
    if _is_python(child):
        options = _options(child)
        if options & set("Vh?"):
            return False
        if child.words[0].startswith(_SYSTEM) and not _PYTHON.match(_base(child.words[0])):
            return False  # a tool of the system that happens to be written in Python
        return child.hidden or bool(options & set("IES"))
    if _base(child.words[0]) in _HARMLESS:
        return False
    return child.hidden or child.words[-1] == _CUT or known.doubtful(child)


def _silent(children: Iterable[Child], reports: Sequence[Report]) -> Iterator[str]:
    """Yield what should have reported and didn't, for whatever reason."""
    expected: dict[str, list[Child]] = {}
    for child in children:
        if child.hidden or not _is_python(child) or _options(child) & set("Vh?IES"):
            continue
        if child.kind == "exec":
            later = (r for r in reports if r.process == child.parent and r.time > child.time)
            if not any(later):
                yield _name(child)
        else:
            expected.setdefault(child.parent, []).append(child)
    for parent, started in expected.items():
        if len(started) > sum(report.parent == parent for report in reports):
            yield _name(started[-1])


class _Known:
    """What was reached, and what the texts that programs ran say about other files."""

    def __init__(self, reached: Collection[str], root: str) -> None:
        self.reached = frozenset(reached)
        self.root = root

    def doubtful(self, child: Child) -> bool:
        """Return whether a program that is no Python may have started some that wasn't seen."""
        places = dict.fromkeys([child.folder, self.root])
        # A script may name what it didn't run this time; words are there to be used.
        if any(self._missed(places, name) for name in self._named(" ".join(child.words))):
            return True
        return any(_SIGNS.search(_REMARK.sub("", text)) for text in _texts(child))

    def _named(self, text: str) -> Iterator[tuple[str, ...]]:
        """Yield the Python files that a text names, each by the paths that it may have."""
        for match in _FILE.finditer(text):
            yield (match[0],)
        for match in _MODULE.finditer(text):
            path = match[1].replace(".", "/")
            yield (f"{path}.py", f"{path}/__main__.py")

    def _missed(self, places: Iterable[str], names: tuple[str, ...]) -> bool:
        for place in places:
            for name in names:
                path = os.path.realpath(os.path.join(place, name))
                if os.path.isfile(path):
                    return path not in self.reached
        return False


def _texts(child: Child) -> Iterator[str]:
    """Yield the words of a program, and the text of each shell script that they lead to."""
    waiting = [" ".join(child.words)]
    if _base(child.words[0]) in _MAKES:
        files = (os.path.join(child.folder, name) for name in _MAKEFILES)
        waiting += [_read(path) for path in files if os.path.isfile(path)][:1]
    known: set[str] = set()
    while waiting and len(known) < _MOST:
        text = waiting.pop()
        yield text
        for word in re.split(r"[\s;&|()'\"`]+", text):
            path = os.path.realpath(os.path.join(child.folder, word)) if word else ""
            if path not in known and os.path.isfile(path) and _is_script(path):
                known.add(path)
                waiting.append(_read(path))


def _is_python(child: Child) -> bool:
    """Return whether a program is Python itself: an interpreter, or a script that names one."""
    program = child.words[0]
    if _PYTHON.match(_base(program)):
        return True
    return _SHEBANG.match(_head(os.path.join(child.folder, program))) is not None


def _options(child: Child) -> set[str]:
    """Return the letters of the options that the interpreter got."""
    words = list(child.words[1:])
    if not _PYTHON.match(_base(child.words[0])):
        match = _SHEBANG.match(_head(os.path.join(child.folder, child.words[0])))
        words = os.fsdecode(match[2]).split() if match else []
    letters: set[str] = set()
    while words and words[0][:1] == "-" and words[0] != "-":
        word = words.pop(0)
        if word in ("--version", "--help"):
            return {"V"}
        if word[:2] == "--":
            continue
        for position, letter in enumerate(word[1:], 1):
            letters.add(letter)
            if letter in "cm":
                return letters
            if letter in "WX":
                if position == len(word) - 1 and words:
                    words.pop(0)
                break
    return letters


def _is_script(path: str) -> bool:
    """Return whether a file is one for a shell."""
    if path.endswith((".sh", ".bash", ".mk")):
        return True
    line = _head(path).split(b"\n", 1)[0]
    return line[:2] == b"#!" and any(
        part.rpartition(b"/")[2].decode("latin-1") in _SHELLS for part in line[2:].split()
    )


def _head(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(512)
    except (OSError, ValueError):
        return b""


def _read(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return file.read(_LARGEST)
    except (OSError, ValueError):
        return ""


def _base(program: str) -> str:
    return program.rpartition("/")[2]


def _name(child: Child) -> str:
    """Return how people know a program: its arguments may hold what is nobody's business."""
    script = next((word for word in child.words[1:] if _FILE.fullmatch(word)), "")
    return f"{_base(child.words[0])} {script}".strip()
