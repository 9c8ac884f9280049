"""TensorBoard's event files, as torch writes them."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c as reference
from torch.utils.tensorboard import SummaryWriter

from gitml.errors import NotFoundError, RecordError
from gitml.outputs.history import last_values
from gitml.outputs.tensorboard import read_events
from gitml.outputs.tfrecord import masked_crc32c


def record(event: Event) -> bytes:
    data = event.SerializeToString()
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", reference(head)) + data + struct.pack("<I", reference(data))


def event(tag: str, step: int, tensor: TensorProto, plugin: str | None = "scalars") -> Event:
    metadata = None
    if plugin is not None:
        metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin))
    value = Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
    return Event(wall_time=1.5, step=step, summary=Summary(value=[value]))


def events_at(folder: Path, *events: Event, name: str = "events.out.tfevents.1.host") -> Path:
    path = folder / name
    path.write_bytes(
        b"".join(record(item) for item in (Event(file_version="brain.Event:2"), *events))
    )
    return path


@given(st.binary(max_size=300))
def test_checksums_are_those_of_tensorboard(data):
    assert masked_crc32c(data) == reference(data)


def test_scalars_of_torch_are_read_by_step(tmp_path):
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(3):
            writer.add_scalar("loss/train", 1 / (step + 1), step, walltime=100.0 + step)
            writer.add_scalar("acc", step, step, new_style=True)
            writer.add_scalar("double", 0.1, step, new_style=True, double_precision=True)
        writer.add_histogram("weights", torch.randn(1000), 0)
        writer.add_text("note", "hello", 0)
        writer.add_scalar("bad", math.nan, 2)
    history = read_events(tmp_path)
    assert [line.step for line in history] == [0, 1, 2]
    assert history[1].values == {"loss/train": 0.5, "acc": 1.0, "double": 0.1}
    assert history[1].time == 101.0
    assert math.isnan(history[2].values["bad"])


def test_runs_in_subfolders_are_prefixed_with_their_folder(tmp_path):
    run = tmp_path / "runs" / "Nov23_host"
    with SummaryWriter(str(run)) as writer:
        writer.add_scalar("loss", 0.5, 1)
        writer.add_scalars("both", {"train": 0.1, "val": 0.2}, 1)
        writer.add_hparams({"lr": 0.1}, {"hparam/acc": 0.9})
    assert last_values(read_events(tmp_path / "runs")) == {
        "loss": 0.5,
        "both_train/both": pytest.approx(0.1),
        "both_val/both": pytest.approx(0.2),
        "hparam/acc": pytest.approx(0.9),
    }


def test_several_files_of_one_folder_are_one_history(tmp_path):
    for start, value in ((0, 0.5), (2, 0.25)):
        writer = SummaryWriter(str(tmp_path), filename_suffix=f".{start}")
        for step in (start, start + 1):
            writer.add_scalar("loss", value, step)
        writer.close()
    assert [line.step for line in read_events(tmp_path)] == [0, 1, 2, 3]


def test_only_the_files_that_are_named_count(tmp_path):
    for run in ("old", "new"):
        with SummaryWriter(str(tmp_path / run)) as writer:
            writer.add_scalar("loss", 1.0, 1)
    new = list((tmp_path / "new").iterdir())
    assert last_values(read_events(tmp_path, only=new)) == {"loss": 1.0}
    assert len(last_values(read_events(tmp_path))) == 2
    assert last_values(read_events(new[0])) == {"loss": 1.0}


TENSORS = [
    (TensorProto(dtype=1, float_val=[0.5]), 0.5),
    (TensorProto(dtype=1, tensor_content=struct.pack("<f", 0.5)), 0.5),
    (TensorProto(dtype=2, double_val=[0.1]), 0.1),
    (TensorProto(dtype=2, tensor_content=struct.pack("<d", 0.1)), 0.1),
    (TensorProto(dtype=19, tensor_content=struct.pack("<e", 0.5)), 0.5),
    (TensorProto(dtype=19, half_val=[0x3800]), 0.5),
    (TensorProto(dtype=14, half_val=[0x3F80]), 1.0),
    (TensorProto(dtype=14, tensor_content=b"\x80\x3f"), 1.0),
    (TensorProto(dtype=3, int_val=[-7]), -7),
    (TensorProto(dtype=9, int64_val=[-(2**40)]), -(2**40)),
    (TensorProto(dtype=9, tensor_content=struct.pack("<q", -9)), -9),
    (TensorProto(dtype=1), 0.0),
]


@pytest.mark.parametrize(("tensor", "value"), TENSORS)
def test_scalars_of_tensorflow_2_are_tensors_of_one_element(tmp_path, tensor, value):
    tensor.tensor_shape.CopyFrom(TensorShapeProto())
    events_at(tmp_path, event("a", -3, tensor))
    (line,) = read_events(tmp_path)
    assert line.step == -3 and line.time == 1.5 and line.values == {"a": value}


def test_what_is_no_scalar_is_left_out(tmp_path):
    vector = TensorProto(dtype=1, float_val=[1, 2])
    vector.tensor_shape.dim.add().size = 2
    one = TensorProto(dtype=1, float_val=[1])
    events_at(
        tmp_path,
        event("vector", 1, vector),
        event("text", 1, TensorProto(dtype=7, string_val=[b"x"])),
        event("image", 1, one, plugin="images"),
        event("image", 2, one, plugin=None),
        event("scalar", 1, one),
        event("scalar", 2, one, plugin=None),
    )
    assert [(line.step, line.values) for line in read_events(tmp_path)] == [
        (1, {"scalar": 1.0}),
        (2, {"scalar": 1.0}),
    ]


def test_a_torn_or_damaged_file_gives_everything_before_the_damage(tmp_path):
    one = [event("a", step, TensorProto(dtype=1, float_val=[step])) for step in range(4)]
    path = events_at(tmp_path, *one)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    assert [line.step for line in read_events(tmp_path)] == [0, 1, 2]
    size = len(record(one[3]))
    for offset in (3, 9, 20, size - 2):
        damaged = bytearray(whole)
        damaged[len(whole) - 2 * size + offset] ^= 0x10
        path.write_bytes(damaged)
        assert [line.step for line in read_events(tmp_path)] == [0, 1]
    path.write_bytes(b"")
    assert read_events(tmp_path) == []


def test_a_length_that_is_a_lie_allocates_nothing(tmp_path):
    head = struct.pack("<Q", 1 << 62)
    path = events_at(tmp_path, event("a", 1, TensorProto(dtype=1, float_val=[1])))
    path.write_bytes(path.read_bytes() + head + struct.pack("<I", reference(head)) + b"x" * 100)
    assert len(read_events(tmp_path)) == 1


def test_huge_records_are_skipped(tmp_path):
    image = Event(summary=Summary(value=[Summary.Value(tag="i", node_name="x" * (9 << 20))]))
    events_at(tmp_path, image, event("a", 1, TensorProto(dtype=1, float_val=[1])))
    assert last_values(read_events(tmp_path)) == {"a": 1.0}


def test_another_file_of_that_name_is_an_error_that_names_it(tmp_path):
    (tmp_path / "events.out.tfevents.2.x").write_bytes(b"version https://git-lfs" * 20)
    with pytest.raises(RecordError, match=r"tfevents\.2\.x"):
        read_events(tmp_path)
    with pytest.raises(NotFoundError):
        read_events(tmp_path / "none")


@given(st.binary(max_size=200))
def test_any_record_is_read_or_ends_the_file(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    head = struct.pack("<Q", len(data))
    body = head + struct.pack("<I", reference(head)) + data + struct.pack("<I", reference(data))
    path = events_at(folder, event("a", 1, TensorProto(dtype=1, float_val=[1])))
    path.write_bytes(path.read_bytes() + body)
    assert read_events(folder)
