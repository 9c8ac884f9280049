"""`gitml.yaml`: every key, every default, and errors that say where and what was meant."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitml import bounded_yaml, config
from gitml.config import Config, DataSource, MetricGoal, Outputs
from gitml.errors import ConfigError

EXAMPLE = rb"""
command: python train.py            # what `gitml exp run` runs when none is given
params: [params.yaml]               # YAML, JSON or TOML
inert: [log_interval, num_workers]  # settings that never change a result
seeds: [seed]                       # settings that are seeds
data:                               # inputs (what has a .dvc file is found anyway)
  - data
  - {path: /mnt/huge, by: listing}  # sizes and times only: weak, at most `equivalent`
  - {external: 's3://bucket/set'}   # not captured: at most `near`, and says so
data_limit: 10 GB                   # changed DVC-tracked data above this is recorded by hash only
env: [CUBLAS_WORKSPACE_CONFIG]      # environment variables that are settings
partition: splits.json              # which examples are in train, validation and test
outputs:
  weights: [model.safetensors]
  metrics: [metrics.json]
  plots: [plots]
  predictions: [predictions.csv]
  importance: [importance.json]
  scrape: 'val loss (?P<val_loss>[\d.]+)'   # metrics from the printed output, last match wins
  tensorboard: [runs]                       # metrics and history from event files
metrics:
  accuracy: {goal: max, primary: true}
  loss: {goal: min}
large: 1 MB                         # outputs above this go through DVC
code:
  inert: ['notes/**']               # files that never change a result
"""


def test_the_example_of_the_documentation_is_read_in_full() -> None:
    found = config.parse(EXAMPLE)
    assert found.command == ("python", "train.py")
    assert found.inert == ("log_interval", "num_workers")
    assert found.data == (
        DataSource(path="data"),
        DataSource(path="/mnt/huge", by="listing"),
        DataSource(external="s3://bucket/set"),
    )
    assert found.data_limit == 10_000_000_000
    assert found.outputs == Outputs(
        weights=("model.safetensors",),
        plots=("plots",),
        predictions=("predictions.csv",),
        importance=("importance.json",),
        scrape=(r"val loss (?P<val_loss>[\d.]+)",),
        tensorboard=("runs",),
    )
    assert found.metrics == {"accuracy": MetricGoal("max", True), "loss": MetricGoal("min")}
    assert found.primary == "accuracy"
    assert found.code_inert == ("notes/**",)
    assert {"params", "outputs", "outputs.metrics", "code"} <= found.declared


@pytest.mark.parametrize("text", [b"", b"\n# nothing yet\n", b"~\n", b"{}\n"])
def test_an_empty_file_means_the_defaults(text: bytes) -> None:
    assert config.parse(text) == Config()


def test_a_missing_file_means_the_defaults(tmp_path: Path) -> None:
    assert config.load(tmp_path) == Config()


def test_a_key_with_nothing_after_it_keeps_its_default() -> None:
    assert config.parse(b"env:\nlarge:\n") == Config()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10 GB", 10_000_000_000),
        ("1 MB", 1_000_000),
        ("500 kB", 500_000),
        ("1 MiB", 1 << 20),
        ("1.5 GiB", 3 << 29),
        ("5000", 5000),
        ("0", 0),
        ("7B", 7),
    ],
)
def test_sizes_are_read_in_decimal_and_binary_units(text: str, size: int) -> None:
    assert config.parse(f"large: {text}".encode()).large == size


def test_single_values_stand_for_lists_of_one() -> None:
    found = config.parse(b"params: p.json\ndata: data\noutputs: {weights: m.pt}\nseeds: s\n")
    assert found.params == ("p.json",)
    assert found.data == (DataSource("data"),)
    assert found.outputs.weights == ("m.pt",)
    assert found.seeds == ("s",)


def test_a_command_may_be_a_list() -> None:
    assert config.parse(b"command: [python, train.py, --epochs, 3]").command == (
        "python",
        "train.py",
        "--epochs",
        "3",
    )
    quoted = config.parse(b"""command: python t.py --name "a b" """)
    assert quoted.command[-1] == "a b"


def test_metric_goals_have_a_short_form() -> None:
    assert config.parse(b"metrics: {loss: min, f1: }").metrics == {
        "loss": MetricGoal("min"),
        "f1": MetricGoal(),
    }


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("comand: x", 1, "Did you mean `command`?"),
        ("a: 1", 1, "Known keys"),
        ("env: [A]\noutputs:\n  weigths: a", 3, "Did you mean `weights`?"),
        ("large: big", 1, "must be a size"),
        ("large: [1]", 1, "must be a size"),
        ("\n\nmetrics: {a: up}", 3, "max, min"),
        ("metrics: {a: {goal: max, primary: yes}, b: {primary: true}}", 1, "two metrics"),
        ("metrics: {a: {gaol: max}}", 1, "Did you mean `goal`?"),
        ("outputs: {weights: /abs}", 1, "relative"),
        ("outputs: {weights: ../x}", 1, "inside"),
        ("outputs: {scrape: '('}", 1, "regular expression"),
        ("outputs: {scrape: 'loss'}", 1, "named group"),
        ("outputs: {shard: 1}", 1, "true or false"),
        ("outputs: [a]", 1, "mapping"),
        ("command: 'a \"b'", 1, "split"),
        ("command: ''", 1, "empty"),
        ("pickles: no", 1, "allow, forbid"),
        ("data: {path: a, by: hash}", 1, "content, listing"),
        ("data: [{}]", 1, "either"),
        ("data: [{path: a, external: b}]", 1, "either"),
        ("seeds: [[a]]", 1, "text"),
        ('params: "a\\nb"', 1, "control"),
        ("a", 1, "mapping"),
        ("- a", 1, "mapping"),
        ("env: [A]\nenv: [B]", 2, "twice"),
        ("env: [", 2, "did not find"),
        ("env: !!python/object:os.system x", 1, "tag"),
        ("? [a]\n: 1", 1, "plain names"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(text.encode())
    assert f"gitml.yaml, line {line}" in caught.value.message
    assert said in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b"- " * 200_000,
        b"{a: " * 100_000,
        b"a: &a [*a]",
        b"a: &a [1,1,1,1,1,1,1,1]\n"
        + b"".join(
            b"b%d: &b%d [%s]\n" % (i, i, b",".join([b"*a" if not i else b"*b%d" % (i - 1)] * 8))
            for i in range(12)
        ),
        b"a: &a {x: 1}\n" + b"b: [" + b"*a," * 200 + b"]",
        b"a: " + b"1" * 5000,
        b"a: !!timestamp soon",
        b"x" * 2_000_000,
        b"\xff\xfe",
        b"--- 1\n--- 2",
    ],
    ids=str,
)
def test_hostile_yaml_is_refused_in_a_second(text: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError):
        bounded_yaml.load(text, "params.yaml")
    assert time.monotonic() - began < 5


def test_floats_are_those_of_yaml_1_2() -> None:
    found = bounded_yaml.load("[1e-3, 1E5, -2e-7, .5, 1., .inf, '1e-3', 12e4x]", "f")
    assert found == [0.001, 1e5, -2e-7, 0.5, 1.0, float("inf"), "1e-3", "12e4x"]
    # Two short commit ids don't both become infinity.
    assert bounded_yaml.load("[1234e5678, 1235e5678]", "f") == ["1234e5678", "1235e5678"]


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        assert isinstance(config.parse(data), Config)
    except ConfigError as error:
        assert "gitml.yaml" in error.message


def test_dvc_yaml_fills_in_what_is_not_declared(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(
        """
stages:
  prepare:
    cmd: python prepare.py
    deps: [raw]
    outs: [data/prepared]
  train:
    cmd: python train.py
    wdir: src
    deps: [../data/prepared]
    params: [lr, {other.yaml: [a]}]
    outs: [model.pt, {table.csv: {cache: false}}, "${item}"]
    metrics: [m.json: {cache: false}]
    plots: [loss.csv: {x: step}]
plots:
  - curves: {x: step, y: {a.csv: loss}}
metrics: [top.json]
"""
    )
    found = config.load(tmp_path)
    assert found.params == ("src/params.yaml", "src/other.yaml")
    assert found.outputs.metrics == ("top.json", "src/m.json")
    assert found.outputs.plots == ("a.csv", "src/loss.csv")
    assert found.outputs.weights == ("src/model.pt",)
    # What another stage reads is data on its way, no result.
    assert found.outputs.other == ("src/table.csv",)

    (tmp_path / "gitml.yaml").write_text("params: [p.yaml]\noutputs: {metrics: [x.json]}\n")
    declared = config.load(tmp_path)
    assert declared.params == ("p.yaml",)
    assert declared.outputs.metrics == ("x.json",)
    assert declared.outputs.plots == ("a.csv", "src/loss.csv")


def test_a_metric_may_have_a_smallest_effect_that_matters() -> None:
    found = config.parse(
        b"metrics: {accuracy: {goal: max, min_effect: 0.002}, loss: {min_effect: 1e-3}}"
    )
    assert found.metrics["accuracy"] == MetricGoal("max", min_effect=0.002)
    assert found.metrics["loss"] == MetricGoal(min_effect=0.001)


@pytest.mark.parametrize("effect", ["-1", "nan", ".inf", "much", "[1]", "true", "1" * 400])
def test_a_smallest_effect_that_makes_no_sense_is_refused(effect: str) -> None:
    with pytest.raises(ConfigError, match=r"line 1: `metrics.a.min_effect` must be a number"):
        config.parse(f"metrics: {{a: {{min_effect: {effect}}}}}".encode())
