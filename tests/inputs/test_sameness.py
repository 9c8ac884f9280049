"""From differences to levels: what is the same, what is nearly so, and why."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.inputs import sameness
from gitml.inputs.code_change import CodeChange
from gitml.inputs.manifest import (
    CodeInput,
    CommandInput,
    DataInput,
    LibrariesInput,
    Manifest,
    ModuleInput,
    PartInput,
    PartitionInput,
)
from gitml.inputs.sameness import Difference, compare, compare_level, describe, level_of
from gitml.values import Scalar

BASE = Manifest(
    command=CommandInput(("python", "train.py")),
    settings={"lr": 0.1, "epochs": 3, "seed": 1, "width": 8},
    code=CodeInput({"train.py": ModuleInput("c1", "s1")}, "sha256:o", observed=True),
    data={"data": DataInput("dvc", "d1.dir"), "/x": DataInput("unversioned", "u1", declared=False)},
    libraries=LibrariesInput("3.11.7", "cpython", {"torch": "2.1", "numpy": "2.0"}),
    partition=PartitionInput("s.csv", "m", 0, {"test": PartInput(2, "sha256:t")}),
    seeds=("seed",),
)


def changed(**fields: Any) -> Manifest:
    return msgspec.structs.replace(BASE, **fields)


def settings(**values: Scalar) -> Manifest:
    return changed(settings={**BASE.settings, **values})


def code(**fields: Any) -> Manifest:
    return changed(code=msgspec.structs.replace(BASE.code, **fields))


def libraries(**fields: Any) -> Manifest:
    return changed(libraries=msgspec.structs.replace(BASE.libraries, **fields))


@pytest.mark.parametrize(
    ("planned", "level", "said"),
    [
        (BASE, "identical", "nothing"),
        (settings(), "identical", "nothing"),
        (changed(settings=dict(reversed(BASE.settings.items()))), "identical", "nothing"),
        (
            code(modules={"train.py": ModuleInput("c2", "s1")}),
            "equivalent",
            "comments or formatting of train.py",
        ),
        (settings(seed=2), "replicate", "seed 1 → 2"),
        (settings(lr=0.01), "near", "lr 0.1 → 0.01"),
        (settings(lr=0.01, seed=2), "near", "lr 0.1 → 0.01 and seed 1 → 2"),
        (settings(lr=0.01, epochs=4), "near", "epochs 3 → 4 and lr 0.1 → 0.01"),
        (
            settings(lr=0.01, epochs=4, width=9),
            "new",
            "epochs 3 → 4, lr 0.1 → 0.01 and width 8 → 9",
        ),
        (settings(epochs=3.0), "near", "epochs 3 → 3.0"),
        (settings(epochs="3"), "near", "epochs 3 → '3'"),
        (settings(new=True), "near", "new none → true"),
        (code(modules={"train.py": ModuleInput("c2", "s2")}), "near", "changed train.py"),
        (code(others="sha256:p"), "near", "changed other files"),
        (
            code(modules={**BASE.code.modules, "b.py": ModuleInput("b", "b")}),
            "near",
            "newly reached b.py",
        ),
        (code(modules={}), "near", "no longer reached train.py"),
        (
            libraries(imported={"torch": "2.2", "numpy": "2.0"}),
            "re-environment",
            "torch 2.1 → 2.2",
        ),
        (libraries(python="3.12.1"), "re-environment", "python 3.11.7 → 3.12.1"),
        (code(editable={"lib": "sha256:abc"}), "re-environment", "lib none → abc"),
        (
            msgspec.structs.replace(settings(seed=2), libraries=LibrariesInput("3.12", "cpython")),
            "near",
            None,
        ),
        (changed(data={**BASE.data, "data": DataInput("dvc", "d2")}), "near", "content of data"),
        (changed(data={"data": BASE.data["data"]}), "near", "no longer reads /x"),
        (
            changed(data={"data": BASE.data["data"], "y": BASE.data["/x"]}),
            "equivalent",
            "/x is now y",
        ),
        (
            changed(data={**BASE.data, "data": DataInput("unversioned", "d1.dir")}),
            "equivalent",
            "data is now unversioned",
        ),
        (
            changed(partition=PartitionInput("s.csv", parts={"test": PartInput(2, "sha256:u")})),
            "new",
            "the test part",
        ),
        (
            changed(partition=msgspec.structs.replace(BASE.partition, method="n", seed=9)),
            "identical",
            "nothing",
        ),
        (
            changed(command=CommandInput(("python", "other.py"))),
            "new",
            "program `python train.py` → `python other.py`",
        ),
        (changed(command=CommandInput(BASE.command.program, "sub")), "new", "folder `` → `sub`"),
    ],
)
def test_the_level_of_a_change(planned: Manifest, level: str, said: str | None) -> None:
    assert compare_level(BASE, planned) == level
    if said is not None:
        assert describe(compare(BASE, planned)) == said


def test_what_a_run_read_and_then_overwrote_is_never_the_same() -> None:
    resumed = changed(data={"out/model.pt": DataInput("unversioned", "", declared=False)})
    assert compare_level(resumed, resumed) == "near"
    assert describe(compare(resumed, resumed)) == "content of out/model.pt"


@pytest.mark.parametrize(
    ("kind", "best"), [("dvc", "identical"), ("listing", "equivalent"), ("external", "near")]
)
def test_weak_data_caps_the_level(kind: str, best: str) -> None:
    weak = changed(data={"x": DataInput(kind, "" if kind == "external" else "d1")})
    assert compare_level(weak, weak) == best
    seeds = msgspec.structs.replace(weak, settings={**BASE.settings, "seed": 2})
    assert compare_level(weak, seeds) == ("near" if kind == "external" else "replicate")


def test_two_manifests_are_identical_only_with_one_fingerprint() -> None:
    for planned in (settings(seed=2), libraries(python="3"), code(others="x"), settings(lr=1)):
        assert BASE.fingerprint() != planned.fingerprint()


def test_idle_settings_are_said_but_do_not_count() -> None:
    found = sameness.compare_settings({"log": 1, "lr": 1}, {"log": 2, "lr": 1}, idle={"log"})
    assert found == [Difference("settings", "log", 1, 2, counts=False)]
    assert level_of(found, ()) == "equivalent"


def test_nan_equals_itself_and_is_shown() -> None:
    nan = float("nan")
    assert sameness.compare_settings({"a": nan}, {"a": nan}) == []
    (found,) = sameness.compare_settings({"a": nan}, {"a": 1})
    assert found.recorded == "NaN"


def test_changed_files_become_differences() -> None:
    changes = [
        CodeChange("a.py", "changed", True),
        CodeChange("b.py", "changed", False),
        CodeChange("c.py", "formatting", False),
        CodeChange("d.py", "added", True),
        CodeChange("e.py", "removed", True),
    ]
    found = sameness.compare_code(changes)
    assert level_of(found, ()) == "near"
    assert level_of(found[1:3], ()) == "equivalent"
    assert describe(found) == "changed a.py, new d.py, removed e.py and 2 more"
    assert describe(found[1:3]) == "changed b.py (not used) and comments or formatting of c.py"
    assert level_of(sameness.compare_code([changes[0]] * 4), ()) == "new"


def lookup(planned: Manifest) -> str:
    return sameness.lookup_digest(
        planned.command, planned.settings, planned.data, planned.partition, ("seed",)
    )


@pytest.mark.parametrize(
    "planned",
    [
        settings(seed=2),
        settings(**{"args.seed": 5}),
        settings(**{"args.out": "out/7"}),
        settings(**{"args.save": "here"}),
        code(others="x"),
        libraries(python="3"),
        changed(data={"data": BASE.data["data"]}),
        changed(data={"moved": BASE.data["data"]}),
    ],
)
def test_candidates_are_found_despite_what_is_known_only_later(planned: Manifest) -> None:
    assert lookup(planned) == lookup(BASE)


@pytest.mark.parametrize(
    "planned",
    [
        settings(lr=0.2),
        settings(epochs=3.0),
        settings(**{"args.model": "resnet"}),
        changed(data={"data": DataInput("dvc", "d2")}),
        changed(data={}),
        changed(command=CommandInput(("python", "b.py"))),
        changed(command=CommandInput(("python", "train.py"), "sub")),
        changed(partition=PartitionInput("s.csv", parts={"test": PartInput(1, "x")})),
    ],
)
def test_what_is_known_before_a_run_is_in_the_key(planned: Manifest) -> None:
    assert lookup(planned) != lookup(BASE)


def test_a_split_that_the_run_logs_is_not_in_the_key() -> None:
    logged = changed(partition=PartitionInput("log_split", parts={"a": PartInput(1, "x")}))
    assert lookup(logged) == lookup(changed(partition=PartitionInput()))


VALUES = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.floats(0, 3), st.text("a1"))


@given(
    st.dictionaries(st.sampled_from("abcd"), VALUES),
    st.dictionaries(st.sampled_from("abcd"), VALUES),
)
def test_settings_differ_exactly_when_their_digests_do(
    one: dict[str, Scalar], other: dict[str, Scalar]
) -> None:
    found = sameness.compare_settings(one, other)
    digests = [changed(settings=values).digests()["settings"] for values in (one, other)]
    assert bool(found) == (digests[0] != digests[1])
