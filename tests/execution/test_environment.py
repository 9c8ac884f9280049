"""Facts about the place of a run: useful, cheap, and without secrets."""

from __future__ import annotations

from gitml.execution.environment import facts, variables
from gitml.execution.trace import Interpreter, Trace


def test_the_platform_and_the_libraries_are_told() -> None:
    python = Interpreter("/usr/bin/python3", "3.12.1", "cpython", "/usr", "/usr", ())
    trace = Trace(True, (python,), facts={"torch.threads": 2, "torch.devices": ["GPU 9"]})
    found = facts(trace, {"OMP_NUM_THREADS": "2"})
    assert found["python"] == "3.12.1"
    assert found["implementation"] == "cpython"
    assert found["platform"]["system"]
    assert found["cpu"]["count"] >= 1
    assert found["memory"] > 0
    assert found["libraries"]["torch.threads"] == 2
    assert found["gpu"]["names"] == ["GPU 9"]
    assert found["variables"] == {"OMP_NUM_THREADS": "2"}


def test_what_is_unknown_is_left_out() -> None:
    found = facts(Trace(), {})
    assert "python" not in found
    assert "variables" not in found
    assert "libraries" not in found


def test_only_listed_variables_are_recorded() -> None:
    env = {"HOME": "/x", "AWS_SECRET_ACCESS_KEY": "s", "PATH": "/bin", "WANDB_API_KEY": "s"}
    assert variables(env) == {}


def test_listed_variables_that_look_like_credentials_are_masked() -> None:
    env = {
        "TORCH_HUB_TOKEN": "hunter2",
        "MKL_PASSWORD": "hunter2",
        "NCCL_SOCKET_IFNAME": "eth0",
        "PYTORCH_REMOTE": "https://ada:hunter2@example.org/x",
    }
    found = variables(env)
    assert "hunter2" not in str(found)
    assert found["NCCL_SOCKET_IFNAME"] == "eth0"
    assert found["PYTORCH_REMOTE"].endswith("@example.org/x")
