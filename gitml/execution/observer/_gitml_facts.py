# ruff: noqa: F401, UP031
"""What an observed process says about itself: at its start, and about its libraries at its end."""

import os
import sys
import time

MYPY = False
if MYPY:
    from collections.abc import Callable, Iterator
    from typing import Any

FORMAT = "1"
SITES = ("/site-packages/", "/dist-packages/")


def header():
    # type: () -> list[tuple[str, str]]
    """Return who this process is."""
    version = "%d.%d.%d" % sys.version_info[:3]
    if sys.version_info[3] != "final":
        stage = {"alpha": "a", "beta": "b"}.get(sys.version_info[3], "rc")
        version += "%s%d" % (stage, sys.version_info[4])
    about = [
        ("format", FORMAT),
        ("time", str(time.monotonic_ns())),
        ("pid", str(os.getpid())),
        ("ppid", str(os.getppid())),
        ("executable", sys.executable or ""),
        ("version", version),
        ("implementation", sys.implementation.name),
        ("prefix", sys.prefix),
        ("base_prefix", sys.base_prefix),
        ("argv0", (getattr(sys, "orig_argv", None) or [""])[0]),
    ]
    for path in sys.path:
        if (path + "/").endswith(SITES):
            about.append(("site", path))
    return about


def torch_facts():
    # type: () -> Iterator[tuple[str, object]]
    """Yield what torch, if the program imported it, says about itself and its devices."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    import warnings  # loaded by every program that has loaded torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, ask in _questions(torch):
            try:
                yield "torch." + name, ask()
            except Exception:
                continue


def _questions(torch):
    # type: (Any) -> list[tuple[str, Callable[[], object]]]
    """Return what torch is asked; nothing here starts a device."""
    cudnn, cuda = torch.backends.cudnn, torch.cuda

    def devices():
        # type: () -> list[str] | None
        if not cuda.is_initialized():
            return None
        return [cuda.get_device_name(number) for number in range(cuda.device_count())]

    return [
        ("version", lambda: str(torch.__version__)),
        ("cuda", lambda: torch.version.cuda),
        ("hip", lambda: torch.version.hip),
        ("cudnn", lambda: cudnn.version() if torch.version.cuda else None),
        ("threads", torch.get_num_threads),
        ("interop_threads", torch.get_num_interop_threads),
        ("deterministic", torch.are_deterministic_algorithms_enabled),
        ("cudnn_deterministic", lambda: cudnn.deterministic),
        ("cudnn_benchmark", lambda: cudnn.benchmark),
        ("matmul_precision", torch.get_float32_matmul_precision),
        ("default_dtype", lambda: str(torch.get_default_dtype())),
        ("blas", lambda: _between(torch._C._show_config(), "BLAS_INFO=", ",")),
        ("devices", devices),
    ]


def blas_facts():
    # type: () -> Iterator[tuple[str, object]]
    """Yield the BLAS that numpy, if the program imported it, was built with."""
    module = sys.modules.get("numpy.__config__")
    about = getattr(module, "CONFIG", {}).get("Build Dependencies", {}).get("blas", {})
    if about.get("name"):
        yield "blas", ("%s %s" % (about["name"], about.get("version", ""))).strip()


def _between(text, start, end):
    # type: (str, str, str) -> str | None
    return text.partition(start)[2].partition(end)[0].strip() or None
