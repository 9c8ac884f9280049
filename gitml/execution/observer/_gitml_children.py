# ruff: noqa: F401, UP004
"""Programs that an observed process starts, and whether Python in them can be observed."""

import errno
import os
import time

from _gitml_paths import caller  # type: ignore[import-not-found]

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

LONGEST = 12000  # characters of all words: a line of a trace holds no more
CUT = "..."

# These start Python with a path of their own, to compile: nothing of the project runs in it.
COMPILERS = ("torch._inductor.", "torch.utils.cpp_extension", "triton.")

_OURS = ("GITML_TRACE", "PYTHONPATH")


class Children(object):
    """Notes each program that is started, and an environment that hides it from us."""

    def __init__(self, log, folder):
        # type: (Callable[..., None], str) -> None
        self.log = log
        self.folder = folder
        self.here = os.path.dirname(os.path.abspath(__file__))
        self.waited = ()  # type: tuple[Any, ...]
        self.handlers = {
            "subprocess.Popen": self.opened,
            "os.posix_spawn": self.spawned,
            "os.exec": self.replaced,
            "os.system": self.asked,
            "os.putenv": self.changed,
            "os.unsetenv": self.changed,
        }  # type: dict[str, Callable[[tuple[Any, ...]], None]]

    def opened(self, args):
        # type: (tuple[Any, ...]) -> None
        """`subprocess.Popen(executable, args, cwd, env)`."""
        program, words, folder, env = args
        self.note("spawn", [program, *list(words)[1:]], folder, env)

    def spawned(self, args):
        # type: (tuple[Any, ...]) -> None
        """`os.posix_spawn(path, argv, env)`, which `subprocess` may use after its own event."""
        frame = caller()
        if frame is None or frame.f_globals.get("__name__") != "subprocess":
            self.note("spawn", [args[0], *list(args[1])[1:]], None, args[2])

    def replaced(self, args):
        # type: (tuple[Any, ...]) -> None
        """`os.exec(path, args, env)`: the process becomes another program."""
        self.note("exec", [args[0], *list(args[1])[1:]], None, args[2])

    def asked(self, args):
        # type: (tuple[Any, ...]) -> None
        """`os.system(command)`."""
        self.note("spawn", ["/bin/sh", "-c", args[0]], None, None)

    def changed(self, args):
        # type: (tuple[Any, ...]) -> None
        """`os.putenv(key, value)`, `os.unsetenv(key)`: workers may be started without an event."""
        name = os.fsdecode(args[0])
        if name in _OURS:
            value = os.fsdecode(args[1]) if len(args) > 1 else ""
            now = {key: os.environ.get(key, "") for key in _OURS}
            now[name] = value
            before, after = self.leads_here(os.environ), self.leads_here(now)
            if before and not after:
                self.waited = _waited()
                self.write("hidden", _standing(), [name])
            elif after and not before and self.waited and self.waited == _waited() and _is_alone():
                self.write("shown", _standing(), [name])

    def note(self, kind, words, folder, env):
        # type: (str, list[Any], Any, Any) -> None
        """Note a program with the environment that it gets."""
        try:
            seen = self.leads_here(os.environ if env is None else env)
        except Exception:
            seen = False  # no mapping that we know
        if not seen and _starter().startswith(COMPILERS):
            return
        place = _standing()
        if folder is not None:
            place = os.path.join(place, os.fsdecode(folder))
        texts = [os.fsdecode(word) if not isinstance(word, str) else word for word in words]
        self.write(kind if seen else kind + "-hidden", place, texts)

    def write(self, kind, folder, words):
        # type: (str, str, list[str]) -> None
        """Append the line; what is too long for it ends in a word that says so."""
        kept = []
        rest = LONGEST
        for word in words:
            if len(word) > rest:
                kept += [word[:rest], CUT]
                break
            kept.append(word)
            rest -= len(word) + 1
        self.log("P", str(time.monotonic_ns()), kind, folder, *kept)

    def leads_here(self, env):
        # type: (Any) -> bool
        """Return whether Python, started with `env`, would be observed."""
        values = []
        for name in _OURS:
            value = env.get(name)
            if value is None and isinstance(env, dict):  # it may be written in bytes
                value = env.get(name.encode())
            values.append(os.fsdecode(value or ""))
        return values[0] == self.folder and self.here in values[1].split(os.pathsep)


def _waited():
    # type: () -> tuple[Any, ...]
    """Return what all ended children used together; empty where that isn't known."""
    try:
        import resource

        return tuple(resource.getrusage(resource.RUSAGE_CHILDREN))
    except Exception:
        return ()


def _is_alone():
    # type: () -> bool
    """Whether this process surely has no children."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except OSError as error:
        return error.errno == errno.ECHILD
    except Exception:
        pass
    return False


def _starter():
    # type: () -> str
    """Return the name of the module that started a program."""
    frame = caller()
    while frame is not None and frame.f_globals.get("__name__") in ("subprocess", "os"):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")) if frame is not None else ""


def _standing():
    # type: () -> str
    try:
        return os.getcwd()
    except OSError:
        return "/"
