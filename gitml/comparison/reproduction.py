"""Whether running an experiment again gave the same: the verdict, and every step that differs.

Weights are compared bit for bit and metrics within a relative tolerance. Times, speeds and memory
(`epoch_seconds`, `train_runtime`, `samples_per_second`, `peak_memory`) are shown, but no machine
repeats them, so they don't decide. What went in is named first; of that only another split decides,
since metrics on other examples mean nothing. Plots, predictions and other outputs decide only where
an experiment has neither weights nor metrics.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from gitml.comparison.timely import is_timely
from gitml.inputs.difference import Difference
from gitml.outputs.tensor_manifest import TensorSummary
from gitml.values import Scalar, as_number, flatten, to_json

Verdict = Literal["reproduced", "reproduced within tolerance", "not reproduced"]
Kind = Literal["input", "environment", "metric", "weights", "output"]

TOLERANCE = 1e-6

# Facts that can change how numbers are computed; others, such as the kernel's release, can't.
_TELLING = re.compile(
    r"platform\.(?:system|machine|libc)|cpu\.(?:model|usable)|gpu\.(?:names\.\d+|driver)"
    r"|libraries\..+|variables\..+"
)


class Step(msgspec.Struct, frozen=True):
    """Something that differs between an experiment and its rerun.

    Attributes:
        kind: Whether it went in (`input`), is about the machine (`environment`), or came out.
        name: Of the library, file, setting, fact, metric or output.
        recorded: Its value in the experiment; None when it has none.
        rerun: Its value now; None when it has none.
        decides: Whether it speaks against a reproduction.
        text: One phrase for people.
        exact: Whether only the bits differ, or a number within the tolerance.
    """

    kind: Kind
    name: str
    recorded: Scalar
    rerun: Scalar
    decides: bool
    text: str
    exact: bool = False


class OutputPair(msgspec.Struct, frozen=True):
    """An output of the experiment, and what the rerun wrote in its place.

    Attributes:
        path: From the repository's root.
        role: What it is for.
        recorded: Digest of the experiment's.
        rerun: Digest of the rerun's; empty when it wrote none.
        tensors: For weights: the experiment's tensors, where they are known.
        rerun_tensors: For weights: the rerun's.
    """

    path: str
    role: str
    recorded: str
    rerun: str
    tensors: tuple[TensorSummary, ...] = ()
    rerun_tensors: tuple[TensorSummary, ...] = ()


class Reproduction(msgspec.Struct, frozen=True):
    """What came of running an experiment again.

    Attributes:
        verdict: One of three.
        tolerance: Relative tolerance of the metrics.
        steps: All that differs: inputs first, since the first is usually the cause of the rest.
        weights: Number of weights that were compared.
        metrics: Number of metrics that were compared and decide.
        outputs: Number of other outputs that were compared.
        failure: Why there is nothing to compare, or empty.
    """

    verdict: Verdict
    tolerance: float
    steps: tuple[Step, ...] = ()
    weights: int = 0
    metrics: int = 0
    outputs: int = 0
    failure: str = ""

    @property
    def first(self) -> str:
        """The first thing that differs, and the first result that does; empty if nothing."""
        if self.failure:
            return self.failure
        causes = [step for step in self.steps if step.kind == "input"]
        results = sorted(
            (step for step in self.steps if step.kind in ("metric", "weights", "output")),
            key=lambda step: (not step.decides, step.kind != "metric"),
        )
        return ", then ".join(step.text for step in (*causes[:1], *results[:1]))


def judge(
    *,
    inputs: Sequence[Difference],
    facts: tuple[Mapping[str, object], Mapping[str, object]],
    metrics: tuple[Mapping[str, Scalar], Mapping[str, Scalar]],
    outputs: Sequence[OutputPair],
    tolerance: float = TOLERANCE,
    failure: str = "",
) -> Reproduction:
    """Return the verdict over an experiment and its rerun.

    Args:
        inputs: What differs of the inputs.
        facts: The environment of the experiment, and of the rerun.
        metrics: Metrics of both.
        outputs: All outputs but metrics files.
        tolerance: Relative: two metrics agree if they differ by no more than this part of the
            larger one. Zero wants them equal.
        failure: Why the rerun has no results.
    """
    causes = [*map(_input_step, inputs), *_environment_steps(*facts)]
    if failure:
        return Reproduction("not reproduced", tolerance, tuple(causes), failure=failure)
    measured = _metric_steps(*metrics, tolerance)
    compared = [name for name in metrics[0] if not is_timely(name)]
    weighty = "weights" if any(pair.role == "weights" for pair in outputs) else "checkpoint"
    weights = [pair for pair in outputs if pair.role == weighty]
    others = [pair for pair in outputs if pair.role != weighty]
    weighed = [step for pair in weights if (step := _weights_step(pair, lone=not compared))]
    loose = not compared and not weights
    beside = [step for pair in others if (step := _output_step(pair, decides=loose))]
    steps = (*causes, *measured, *weighed, *beside)
    verdict: Verdict = "reproduced"
    if any(step.decides for step in steps):
        verdict = "not reproduced"
    elif weighed or any(step.exact for step in measured):
        verdict = "reproduced within tolerance"
    return Reproduction(verdict, tolerance, steps, len(weights), len(compared), len(others))


def agree(one: Scalar, other: Scalar, tolerance: float) -> bool:
    """Return whether two metrics are equal within a relative tolerance; NaN equals NaN."""
    first, second = as_number(one), as_number(other)
    if first is None or second is None:
        return type(one) is type(other) and one == other
    try:
        if math.isnan(first) or math.isnan(second):
            return math.isnan(first) and math.isnan(second)
        if first == second:
            return True
        return abs(first - second) <= tolerance * max(abs(first), abs(second)) < math.inf
    except OverflowError:  # an integer that no float can hold
        return first == second


def _input_step(difference: Difference) -> Step:
    from gitml.inputs.sameness import describe

    return Step(
        "input",
        difference.name,
        difference.recorded,
        difference.planned,
        difference.input == "partition",
        describe([difference]),
    )


def _environment_steps(recorded: Mapping[str, object], rerun: Mapping[str, object]) -> list[Step]:
    one, other = flatten(recorded), flatten(rerun)
    names = [name for name in dict.fromkeys([*one, *other]) if _TELLING.fullmatch(name)]
    return [
        Step(
            "environment",
            name,
            to_json(one.get(name)),
            to_json(other.get(name)),
            False,
            f"{name} {_shown(one.get(name))} → {_shown(other.get(name))}",
        )
        for name in names
        if one.get(name) != other.get(name)
    ]


def _metric_steps(
    recorded: Mapping[str, Scalar], rerun: Mapping[str, Scalar], tolerance: float
) -> list[Step]:
    """Return the metrics that differ, those that decide first."""
    steps = []
    for name in dict.fromkeys([*recorded, *rerun]):
        one, other = recorded.get(name), rerun.get(name)
        if name in recorded and name in rerun and agree(one, other, 0.0):
            continue
        close = name in recorded and name in rerun and agree(one, other, tolerance)
        timely = is_timely(name)
        decides = name in recorded and not timely and not close
        before = _shown(one) if name in recorded else "not measured"
        after = _shown(other) if name in rerun else "not measured"
        if before == after:
            before, after = repr(one), repr(other)
        text = f"{name} {before} → {after}"
        exact = name in recorded and not timely
        steps.append(Step("metric", name, to_json(one), to_json(other), decides, text, exact))
    return sorted(steps, key=lambda step: (not step.decides, not step.exact))


def _weights_step(pair: OutputPair, *, lone: bool) -> Step | None:
    if pair.recorded == pair.rerun:
        return None
    if not pair.rerun:
        text = f"{pair.path} was not written"
        return Step("weights", pair.path, pair.recorded, None, True, text)
    said, alike = _tensors(pair.tensors, pair.rerun_tensors)
    if alike and not said:
        return None
    text = f"{pair.path}: {said}"
    decides = lone or not alike
    return Step("weights", pair.path, pair.recorded, pair.rerun, decides, text, True)


def _tensors(recorded: Sequence[TensorSummary], rerun: Sequence[TensorSummary]) -> tuple[str, bool]:
    """Return what differs between the tensors of two models (empty: nothing that counts).

    The second value is whether both have the same tensors, of the same shapes and types. What a
    file says besides its tensors doesn't count.
    """
    if not recorded or not rerun:
        return "other bytes", True
    other = {tensor.name: tensor for tensor in rerun}
    known = {tensor.name for tensor in recorded}
    strange = [tensor.name for tensor in recorded if tensor.name not in other]
    strange += [name for name in other if name not in known]
    if strange:
        return f"the tensor {strange[0]} is in one of the two only", False
    reshaped = [
        tensor
        for tensor in recorded
        if (tensor.shape, tensor.dtype) != (other[tensor.name].shape, other[tensor.name].dtype)
    ]
    if reshaped:
        first, now = reshaped[0], other[reshaped[0].name]
        then = f"{first.dtype} {list(first.shape)}"
        return f"{first.name} was {then} and is {now.dtype} {list(now.shape)}", False
    differing = [tensor for tensor in recorded if tensor.digest != other[tensor.name].digest]
    if not differing:
        return "", True
    first, now = differing[0], other[differing[0].name]
    return (
        f"{len(differing)} of {len(recorded)} tensors differ, the first is "
        f"{first.name}{_by_how_much(first, now)}"
    ), True


def _by_how_much(one: TensorSummary, other: TensorSummary) -> str:
    for name in ("norm", "mean", "largest"):
        before, after = getattr(one, name), getattr(other, name)
        if before is not None and after is not None and before != after:
            return f" ({name} {before:.6g} → {after:.6g})"
    return ""


def _output_step(pair: OutputPair, *, decides: bool) -> Step | None:
    if pair.recorded == pair.rerun:
        return None
    text = f"{pair.path} {'differs' if pair.rerun else 'was not written'}"
    return Step("output", pair.path, pair.recorded, pair.rerun or None, decides, text)


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:80]
