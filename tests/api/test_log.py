"""`gitml.log` records what training loops have at hand, and never ends a training."""

from __future__ import annotations

import json
import math
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gitml
from gitml.api.history import HISTORY
from gitml.errors import MetricWarning
from gitml.outputs.history import parse
from gitml.values import to_json
from tests.api.logged_lines import lines, run_folder, run_script, values

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with run_folder(tmp_path, monkeypatch) as path:
        yield path


def test_keywords_mappings_and_nested_mappings_are_one_line_each(run: Path) -> None:
    before = time.time()
    gitml.log(step=3, loss=0.1, **{"val/acc": 0.9})
    gitml.log({"val/loss": 0.5, "test": {"f1": {"macro": 0.25}}}, step=4, lr=1e-5)
    gitml.log({"step": 5, "loss": 2})
    gitml.log(loss=1)
    gitml.log(step=6)
    found = lines(run)
    assert [(line.step, line.values) for line in found] == [
        (3, {"loss": 0.1, "val/acc": 0.9}),
        (4, {"val/loss": 0.5, "test.f1.macro": 0.25, "lr": 1e-5}),
        (5, {"loss": 2}),
        (None, {"loss": 1}),
    ]
    assert all(line.time is not None and before - 1 < line.time < time.time() + 1 for line in found)


NAMES = st.text(max_size=8) | st.sampled_from(["step", "time", "values", "é", "\u2028", "\ud800"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(given=st.dictionaries(NAMES, SCALARS, max_size=5), step=st.none() | st.integers(0, 99))
def test_whatever_is_logged_reads_back_the_same(run: Path, given: Any, step: int | None) -> None:
    (run / "history.jsonl").unlink(missing_ok=True)
    HISTORY.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MetricWarning)
        for _ in range(2):  # names are spelled out once and remembered then
            gitml.log({**given, "last": 0}, step=step if "step" not in given else 7)
    expected = {
        str(name).encode("utf-8", "replace").decode(): _as_recorded(value)
        for name, value in {**given, "last": 0}.items()
        if value is not None and name
    }
    assert len(lines(run)) == 2
    for line in lines(run):
        assert line.step == (7 if "step" in given else step)
        got = {name: to_json(value) for name, value in line.values.items()}
        assert got == {name: to_json(value) for name, value in expected.items()}
    for raw in (run / "history.jsonl").read_bytes().splitlines():
        json.loads(raw, parse_constant=pytest.fail)  # strict JSON


def _as_recorded(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return float(value)
    return value


def test_scalars_of_other_libraries_are_numbers(run: Path) -> None:
    import torch

    given: dict[str, Any] = {
        "f64": np.float64(0.1), "f32": np.float32(0.5), "i": np.int64(7), "b": np.bool_(True),
        "array": np.array([[2.5]]), "tensor": torch.tensor(0.25, requires_grad=True),
        "bf16": torch.tensor(1.5, dtype=torch.bfloat16), "decimal": Decimal("0.75"),
        "nan": torch.tensor(math.nan), "huge": 10**5000, "inf": -math.inf,
        "long": np.longdouble("0.5"), "half": Fraction(1, 2),
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            gitml.log(given, step=torch.tensor(3))
        gitml.log(loss=1, step=np.int32(4))
        gitml.log(loss=1, step=5.0)
    first, second, *later = lines(run)
    assert first.step == second.step == 3
    assert [line.step for line in later] == [4, 5]
    assert first.values == pytest.approx(second.values, nan_ok=True)
    assert first.values == pytest.approx(
        {"f64": 0.1, "f32": 0.5, "i": 7, "b": True, "array": 2.5, "tensor": 0.25, "bf16": 1.5,
         "decimal": 0.75, "nan": math.nan, "huge": math.inf, "inf": -math.inf, "long": 0.5,
         "half": 0.5},
        nan_ok=True,
    )  # fmt: skip
    assert '"nan":"NaN","huge":"Infinity","inf":"-Infinity",' in (run / "history.jsonl").read_text()


def test_what_is_no_number_is_left_out_with_one_warning_and_the_rest_is_kept(run: Path) -> None:
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for step in range(3):
            gitml.log(step=step, loss=0.5, grads=torch.zeros(2, 3), names=["a"], f=lambda: 1)
            gitml.log(0.5)  # type: ignore[arg-type]
            gitml.log({"": 1, "good": 2}, step="three")  # type: ignore[arg-type]
            gitml.log(text="x" * 20_000)
    assert values(run) == [{"loss": 0.5}, {"good": 2}] * 3
    texts = [str(one.message) for one in said]
    assert len(texts) == len(set(texts)) == 7
    assert "'grads' is a torch.Tensor of shape (2, 3), and not one number; it is not" in texts[0]
    assert "'names' is a list" in texts[1]
    assert all(one.category is MetricWarning and one.filename == __file__ for one in said)


def test_warnings_can_be_made_errors_and_the_line_is_recorded_first(run: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", MetricWarning)
        with pytest.raises(MetricWarning, match="'x' is a list"):
            gitml.log(x=[1], step=1)


def test_none_stands_for_what_was_not_measured(run: Path) -> None:
    gitml.log(step=1, loss=0.5, val_loss=None)
    gitml.log(step=2, val_loss=None)
    assert values(run) == [{"loss": 0.5}]


def test_threads_interleave_whole_lines(run: Path) -> None:
    def work(number: int) -> None:
        for step in range(500):
            gitml.log({f"thread{number}": step, "value": 0.5}, step=step)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = lines(run)
    assert len(found) == 8 * 500
    for number in range(8):
        mine = [line.step for line in found if f"thread{number}" in line.values]
        assert mine == list(range(500))


def test_outside_of_a_run_the_same_calls_write_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_folder(tmp_path / "no such run", monkeypatch):
        monkeypatch.chdir(tmp_path)
        gitml.log(step=1, loss=0.5)
        gitml.summary["acc"] = 1
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        gitml.log(step=2, loss=0.5)
        (made,) = (tmp_path / ".gitml/outside").glob("2*")
        assert [line.step for line in lines(made)] == [1, 2]
        assert gitml.summary == {"acc": 1}
        assert (tmp_path / ".gitml/outside/.gitignore").read_text() == "*\n"


def test_importing_costs_nothing_and_logging_needs_the_standard_library_alone(
    tmp_path: Path,
) -> None:
    script = (
        "import sys\nimport gitml\nassert not [n for n in sys.modules if n.startswith('gitml.')]\n"
        "before = set(sys.modules)\ngitml.log(step=1, loss=0.5)\ngitml.summary['a'] = 1\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - sys.stdlib_module_names - {'gitml'}))\n"
    )
    assert run_script(tmp_path, script).stdout == "[]\n"


def test_a_scalar_takes_few_calls(run: Path) -> None:
    called: list[str] = []

    def notice(frame: object, event: str, argument: object) -> None:
        if event == "c_call":
            called.append(argument.__name__)  # type: ignore[attr-defined]
        elif event == "call":
            called.append(frame.f_code.co_name)  # type: ignore[attr-defined]

    gitml.log(step=7, loss=0.1234567)
    sys.setprofile(notice)
    gitml.log(step=7, loss=0.1234567)
    sys.setprofile(None)
    assert len(called) <= 15 and called.count("write") == 1, called


def test_a_line_is_json_with_step_and_time_first(run: Path) -> None:
    gitml.log(step=1, loss=0.5)
    gitml.log(step=2, loss=0.5)
    for raw in (run / "history.jsonl").read_bytes().splitlines():
        assert list(json.loads(raw)) == ["step", "time", "loss"]
        assert parse(raw + b"\n")
