"""Harmless facts about where a run took place: Python, platform, processor, devices, threads.

They are recorded and compared, but they are no inputs. What is not listed here is not recorded:
of the environment's variables only `VARIABLES`, and none whose name looks like a credential.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from gitml.execution.trace import Trace

# Variables that change how numbers are computed, or on what; patterns as of `fnmatch`.
VARIABLES = (
    "ACCELERATE_*",
    "BLIS_NUM_THREADS",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_DEVICE_ORDER",
    "CUDA_LAUNCH_BLOCKING",
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "JAX_PLATFORMS",
    "KMP_*",
    "LOCAL_RANK",
    "LOCAL_WORLD_SIZE",
    "MKL_*",
    "NCCL_*",
    "NUMEXPR_*",
    "NVIDIA_TF32_OVERRIDE",
    "NVIDIA_VISIBLE_DEVICES",
    "OMP_*",
    "OPENBLAS_*",
    "PYTHONHASHSEED",
    "PYTORCH_*",
    "RANK",
    "ROCR_VISIBLE_DEVICES",
    "SLURM_CPUS_PER_TASK",
    "SLURM_JOB_NUM_NODES",
    "SLURM_NTASKS",
    "TF_CUDNN_*",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_*",
    "TF_NUM_*",
    "TF_XLA_FLAGS",
    "TORCH*",
    "VECLIB_MAXIMUM_THREADS",
    "WORLD_SIZE",
    "XLA_FLAGS",
)
MASK = "***"

_SECRET = re.compile(r"key|token|secret|passw|pwd|credential|auth|cookie", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_LONGEST = 1000
_NVIDIA = Path("/proc/driver/nvidia")


def facts(trace: Trace, env: Mapping[str, str]) -> dict[str, Any]:
    """Return what is known of the place where a run took place; unknown facts are left out.

    Args:
        trace: Of the run: its interpreter, and what its libraries said.
        env: The environment that it had.
    """
    interpreter = trace.interpreters[0] if trace.interpreters else None
    system = os.uname()
    found: dict[str, Any] = {
        "python": interpreter.version if interpreter else "",
        "implementation": interpreter.implementation if interpreter else "",
        "platform": {
            "system": system.sysname,
            "release": system.release,
            "machine": system.machine,
            "libc": _libc(),
        },
        "cpu": _cpu(),
        "memory": _memory(),
        "gpu": _gpus(trace),
        "libraries": dict(sorted(trace.facts.items())),
        "variables": variables(env),
        "processes": trace.processes,
    }
    return {name: value for name, value in found.items() if value not in ("", 0, {}, None)}


def variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may be recorded, what looks like a credential masked."""
    found = {}
    for name in sorted(env):
        if any(fnmatchcase(name, pattern) for pattern in VARIABLES):
            value = MASK if _SECRET.search(name) else _USERINFO.sub(f"{MASK}@", env[name])
            found[name] = value[:_LONGEST]
    return found


def _libc() -> str:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").strip()
    except (AttributeError, ValueError, OSError):
        return ""


def _cpu() -> dict[str, Any]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    about = {"model": _cpu_model(), "count": os.cpu_count(), "usable": usable}
    return {name: value for name, value in about.items() if value}


def _cpu_model() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() in ("model name", "Model", "cpu model"):
                    return value.strip()
    except OSError:
        pass
    if sys.platform == "darwin":
        return _say("sysctl", "-n", "machdep.cpu.brand_string")
    return os.uname().machine


def _memory() -> int:
    """Return the bytes of memory of the machine, or zero if they aren't known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 0


def _gpus(trace: Trace) -> dict[str, Any]:
    """Return the graphics processors: what the run saw, else what the driver shows."""
    seen = trace.facts.get("torch.devices")
    names = list(seen) if isinstance(seen, list) else []
    about = {"names": names or _nvidia_names(), "driver": _nvidia_driver()}
    return {name: value for name, value in about.items() if value}


def _nvidia_names() -> list[str]:
    names = []
    for file in sorted((_NVIDIA / "gpus").glob("*/information")):
        for line in _read(file).splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "Model":
                names.append(value.strip())
    if not names and _NVIDIA.is_dir():
        listed = _say("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
        names = [line.strip() for line in listed.splitlines() if line.strip()]
    return names


def _nvidia_driver() -> str:
    text = _read(_NVIDIA / "version") or _read(Path("/sys/module/nvidia/version"))
    match = re.search(r"\b(\d{3,}\.\d+(?:\.\d+)?)\b", text)
    return match[1] if match else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _say(*argv: str) -> str:
    """Return what a system tool prints, or empty."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
