"""`save_weights` and `load_weights`: what goes in comes out, and nothing hostile gets in."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import gitml
from gitml.api import torch_state
from gitml.errors import ArtifactError, GitmlError, NotFoundError, StorageError
from gitml.outputs.receipts import read_receipts
from gitml.outputs.sharding import INDEX


class Network(nn.Module):
    """Three blocks with normalisation, and a head that is tied to the embedding."""

    def __init__(self, width: int = 600) -> None:
        super().__init__()
        self.embed = nn.Embedding(300, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width)) for _ in range(3)
        )
        self.head = nn.Linear(width, 300, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("mask", torch.ones(width, width))


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return Network()


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GITML_RUN_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def shards(folder: str = "w") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name != INDEX}


# Round trips


def test_a_model_comes_back_with_its_ties(network: Network) -> None:
    saved = gitml.save_weights(network, "w", metadata={"classes": ["a", "é"]})
    assert saved.path == Path("w") and set(saved.rewritten) == set(os.listdir("w"))
    assert saved.size == sum(path.stat().st_size for path in Path("w").iterdir())
    state = gitml.load_weights("w")
    assert same(state, network.state_dict()) and state.metadata == {"classes": ["a", "é"]}
    assert state["head.weight"] is state["embed.weight"]
    other = Network()
    loaded = gitml.load_weights("w", other)
    assert same(other.state_dict(), network.state_dict()) and same(loaded, other.state_dict())
    assert other.head.weight is other.embed.weight
    assert (loaded.missing, loaded.unexpected) == ((), ())


def test_four_lines_without_gitml_load_it(network: Network) -> None:
    gitml.save_weights(network, "w")
    index = json.loads(Path("w", INDEX).read_text())
    state = {}
    for file in set(index["weight_map"].values()):
        state |= load_file(f"w/{file}")
    state |= {name: state[kept] for name, kept in index["metadata"]["aliases"].items()}
    Network().load_state_dict(state, strict=True)
    assert same(state, network.state_dict())


def test_buffers_and_vectors_have_a_file_of_their_own(network: Network) -> None:
    gitml.save_weights(network, "w")
    names = json.loads(Path("w", INDEX).read_text())["weight_map"]
    vectors = {name for name, file in names.items() if file == "model-vectors.safetensors"}
    assert vectors == {
        name for name, tensor in network.state_dict().items() if tensor.dim() < 2 or name == "mask"
    }
    for path in Path("w").glob("*.safetensors"):
        header = path.read_bytes()[8:200]
        assert b'{"__metadata__":{"format":"pt"},' in header


def test_a_module_and_its_state_dict_give_the_same_shards() -> None:
    model = nn.Sequential(nn.Linear(600, 600), nn.BatchNorm1d(600), nn.Linear(600, 600))
    gitml.save_weights(model, "w")
    gitml.save_weights(dict(reversed(model.state_dict().items())), "v")
    assert shards("w") == shards("v")


ODD = {
    "scalar": torch.tensor(3.5),
    "count": torch.tensor(7),
    "empty": torch.empty(0, 5),
    "bf16": torch.randn(3, 4).bfloat16(),
    "half": torch.randn(3, 4).half(),
    "fp8": torch.randn(4, 4).to(torch.float8_e4m3fn),
    "flags": torch.tensor([True, False]),
    "complex": torch.randn(3, dtype=torch.complex64),
    "conjugate": torch.randn(3, dtype=torch.complex64).conj(),
    "transposed": torch.randn(4, 3).t(),
    "sliced": torch.arange(20).view(4, 5)[:, ::2],
    "expanded": torch.randn(3, 1).expand(3, 4),
    "unsigned": torch.tensor([2**63], dtype=torch.uint64),
    "parameter": nn.Parameter(torch.ones(2)),
    "ünïcode \n": torch.ones(1),
}


def test_every_kind_of_tensor_comes_back() -> None:
    gitml.save_weights(ODD, "w")
    state = gitml.load_weights("w")
    assert state.keys() == ODD.keys()
    for name, tensor in ODD.items():
        assert (state[name].dtype, state[name].shape) == (tensor.dtype, tensor.shape), name
        plain = tensor.detach().resolve_conj().contiguous()
        assert state[name].view(-1).view(torch.uint8).equal(plain.view(-1).view(torch.uint8)), name


@pytest.mark.parametrize("piece", [16, 100, 4000])
def test_what_is_not_contiguous_comes_in_pieces(
    monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(torch_state, "PIECE", piece)
    for tensor in (
        torch.arange(600.0).view(20, 30).t(),
        torch.arange(600).view(2, 10, 30).transpose(0, 2),
        torch.arange(600).view(1, 20, 30).transpose(1, 2),
    ):
        gitml.save_weights({"t": tensor}, "w")
        assert torch.equal(gitml.load_weights("w")["t"], tensor)


def test_weights_load_into_what_is_not_contiguous_and_of_another_type() -> None:
    gitml.save_weights({"a": torch.arange(6.0).view(2, 3), "b": torch.arange(3.0)}, "w")
    module = nn.Module()
    module.a = nn.Parameter(torch.zeros(3, 2).t())
    module.b = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    gitml.load_weights("w", module)
    assert torch.equal(module.a, torch.arange(6.0).view(2, 3)) and module.b.sum() == 3
    assert module.b.dtype == torch.float64 and not module.a.is_contiguous()


def test_saving_needs_no_memory_for_a_second_model() -> None:
    code = """
import resource, torch, gitml
big = {"a": torch.ones(50_000_000), "b": torch.ones(10_000, 5_000).t()}
gitml.save_weights({"warm": torch.ones(10)}, "warm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
gitml.save_weights(big, "w")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert int(done.stdout) < 100  # MiB, of 400


# Wrappers


def test_wrappers_change_no_shard_and_weights_fit_with_and_without(network: Network) -> None:
    gitml.save_weights(network, "plain")
    compiled = torch.compile(Network())
    gitml.load_weights("plain", compiled)
    gitml.save_weights(compiled, "compiled")
    assert shards("plain") == shards("compiled")
    parallel = nn.DataParallel(torch.compile(Network()))
    gitml.load_weights("compiled", parallel)
    gitml.save_weights(parallel, "parallel")
    assert shards("plain") == shards("parallel")
    assert Path("plain", INDEX).read_bytes() == Path("parallel", INDEX).read_bytes()
    plain = Network()
    gitml.load_weights("parallel", plain)
    assert same(plain.state_dict(), network.state_dict())
    assert same(gitml.load_weights("parallel"), network.state_dict())


def test_a_distributed_model_saves_as_the_plain_one(network: Network, tmp_path: Path) -> None:
    import torch.distributed as dist

    dist.init_process_group("gloo", f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        gitml.save_weights(nn.parallel.DistributedDataParallel(network), "ddp")
        gitml.save_weights(network, "plain")
        assert shards("ddp") == shards("plain")
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.tensor import Shard, distribute_tensor

        mesh = init_device_mesh("cpu", (1,))
        pieces = distribute_tensor(torch.ones(4, 4), mesh, [Shard(0)])
        with pytest.raises(ArtifactError, match="DTensor") as caught:
            gitml.save_weights({"w": pieces}, "pieces")
        assert "get_model_state_dict" in caught.value.hint and not Path("pieces").exists()
    finally:
        dist.destroy_process_group()


def test_a_model_that_really_has_an_attribute_module_comes_back() -> None:
    outer = nn.Module()
    outer.module = nn.Linear(3, 3)
    gitml.save_weights(outer, "w")
    fresh = nn.Module()
    fresh.module = nn.Linear(3, 3)
    gitml.load_weights("w", fresh)
    assert same(fresh.state_dict(), outer.state_dict())


# Refused


def quantised() -> torch.Tensor:
    with warnings.catch_warnings(action="ignore"):
        return torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8)


def nested() -> torch.Tensor:
    with warnings.catch_warnings(action="ignore"):
        return torch.nested.nested_tensor([torch.ones(2)])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (None, "None"),
        (torch.ones(3), "Tensor"),
        ({"a": 1}, "not a tensor"),
        ({"model": {"a": torch.ones(1)}, "epoch": 3}, "is a dict, and not a tensor"),
        ({"blocks._extra_state": {}}, "_extra_state"),
        ({3: torch.ones(1)}, "names are text"),
        ({"a": torch.ones(2).to_sparse()}, "sparse"),
        ({"a": torch.ones(2, device="meta")}, "meta device"),
        ({"a": quantised()}, "quantised"),
        ({"a": torch.ones(2, dtype=torch.complex128)}, "complex128"),
        ({"a": nested()}, "nested"),
        (nn.LazyLinear(3), "no shape yet"),
        ({"a\ud800": torch.ones(2)}, "surrogate"),
        ({"module.a": torch.ones(1), "module._orig_mod.a": torch.zeros(1)}, "same name"),
    ],
    ids=range(14),
)  # fmt: skip
def test_what_safetensors_cannot_hold_is_refused_before_anything_is_written(model, said) -> None:
    gitml.save_weights({"w": torch.ones(2)}, "w")
    before = shards()
    with pytest.raises(GitmlError, match=said):
        gitml.save_weights(model, "w")
    assert shards() == before


def test_the_name_of_a_file_and_metadata_that_is_no_json_are_refused() -> None:
    with pytest.raises(ArtifactError, match="name of a file") as caught:
        gitml.save_weights({"a": torch.ones(1)}, "out/model.safetensors")
    assert "'out/model'" in caught.value.__notes__[0]
    for metadata in ({"a": object()}, {"a": float("nan")}):
        with pytest.raises(ArtifactError, match="JSON"):
            gitml.save_weights({"a": torch.ones(1)}, "w", metadata=metadata)
    save_file({"a": torch.ones(1)}, "model.safetensors")
    with pytest.raises(StorageError, match="not written by gitml"):
        gitml.save_weights({"a": torch.ones(1)}, ".")


def test_what_does_not_fit_is_named_and_the_module_left_as_it_was(network: Network) -> None:
    gitml.save_weights(network, "w")
    before = {name: tensor.clone() for name, tensor in Network(500).state_dict().items()}
    other = Network(500)
    other.load_state_dict(before)
    with pytest.raises(ArtifactError, match="is 300×600 in the folder and 300×500"):
        gitml.load_weights("w", other)
    assert same(other.state_dict(), before)
    partial = nn.Module()
    partial.embed, partial.extra = nn.Embedding(300, 600), nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"it lacks extra.weight, extra.bias; the module lacks"):
        gitml.load_weights("w", partial)
    loaded = gitml.load_weights("w", partial, strict=False)
    assert loaded.missing == ("extra.weight", "extra.bias") and "mask" in loaded.unexpected
    assert torch.equal(partial.embed.weight, network.embed.weight)
    with pytest.raises(ArtifactError, match="meta device"), torch.device("meta"):
        gitml.load_weights("w", Network())


def test_a_tie_that_other_tools_left_out_is_not_missing(network: Network) -> None:
    state = {name: t for name, t in network.state_dict().items() if name != "head.weight"}
    Path("hf").mkdir()
    save_file(state, "hf/model.safetensors", metadata={"format": "pt"})
    other = Network()
    gitml.load_weights("hf", other)
    gitml.load_weights("hf/model.safetensors", other)
    assert same(other.state_dict(), network.state_dict())


# Hostile files


def header(tree: object, data: int = 8) -> bytes:
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return struct.pack("<Q", len(text)) + text + bytes(data)


def entry(start: int = 0, end: int = 8, shape: tuple[int, ...] = (2,)) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


HOSTILE = {
    "huge header": struct.pack("<Q", 1 << 62) + b"{}",
    "header past the end": struct.pack("<Q", 1000) + b"{}",
    "overlap": header({"a": entry(), "b": entry(4, 12)}, 12),
    "hole": header({"a": entry(4, 12)}, 12),
    "outside": header({"a": entry(0, 1 << 40, (1 << 38,))}),
    "overflow": header({"a": entry(0, 8, (1 << 62, 1 << 62))}),
    "duplicate": header(b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2)),
    "deep": header(b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "not JSON": header(b"{'a': 1}"),
    "wrong shape": header({"a": entry(0, 8, (3,))}),
    "truncated": header({"a": entry()}, 4),
    "empty": b"",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused(kind: str) -> None:
    Path("w").mkdir()
    Path("w/model.safetensors").write_bytes(HOSTILE[kind])
    with pytest.raises(StorageError, match="no sound safetensors"):
        gitml.load_weights("w")
    with pytest.raises(StorageError, match="no sound safetensors"):
        gitml.load_weights("w/model.safetensors", nn.Linear(1, 1))


def index(where: object, **metadata: object) -> None:
    tree = {"metadata": metadata, "weight_map": where}
    Path("w", INDEX).write_text(where if isinstance(where, str) else json.dumps(tree))


@pytest.mark.parametrize(
    ("where", "metadata", "said"),
    [
        ({"a": "../outside.safetensors"}, {}, "outside of its folder"),
        ({"a": "/etc/passwd"}, {}, "outside of its folder"),
        ({"a": ".."}, {}, "outside of its folder"),
        ({"a": "model-a.safetensors\0"}, {}, "outside of its folder"),
        ({"a": "none.safetensors"}, {}, "doesn't exist"),
        ({"a": "folder"}, {}, "not a regular file"),
        ({"a": "pipe"}, {}, "not a regular file"),
        ({"a": "link"}, {}, "link that leads out"),
        ({"a": "model-a.safetensors", "b": "model-a.safetensors"}, {}, "'b' isn't in it"),
        ({"b": "model-a.safetensors"}, {}, "don't agree"),
        ({"a": 3}, {}, "weight_map"),
        ([], {}, "weight_map"),
        ({"a": "model-a.safetensors"}, {"aliases": {"b": "c"}}, "aliases"),
        ({"a": "model-a.safetensors"}, {"aliases": {"a": "a"}}, "aliases"),
        ({"a": "model-a.safetensors"}, {"notes": 1}, "metadata"),
        ("{" * 10, {}, "no sound JSON"),
        ('{"weight_map": {}, "weight_map": {}}', {}, "no sound JSON"),
        ("[" * 200_000, {}, "nested"),
        ("3", {}, "JSON object"),
    ],
    ids=range(19),
)
def test_hostile_indexes_are_refused(where: object, metadata: dict[str, object], said: str) -> None:
    Path("w/folder").mkdir(parents=True)
    save_file({"a": torch.ones(2)}, "outside.safetensors")
    save_file({"a": torch.ones(2)}, "w/model-a.safetensors")
    os.mkfifo("w/pipe")
    os.symlink("../outside.safetensors", "w/link")
    index(where, **metadata)
    with pytest.raises(GitmlError, match=said) as caught:
        gitml.load_weights("w")
    assert caught.value.hint in ("", *getattr(caught.value, "__notes__", ()))


def test_links_into_the_cache_of_dvc_are_followed() -> None:
    cached = Path("cache/files/md5/ab/" + "c" * 30)
    cached.parent.mkdir(parents=True)
    save_file({"a": torch.ones(2)}, cached)
    Path("w").mkdir()
    os.symlink(cached.absolute(), "w/model.safetensors")
    assert torch.equal(gitml.load_weights("w")["a"], torch.ones(2))


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(NotFoundError, match="doesn't exist"):
        gitml.load_weights("none")
    Path("w").mkdir()
    with pytest.raises(NotFoundError, match="holds no weights"):
        gitml.load_weights("w")


# Processes and runs


def test_a_kill_while_saving_leaves_a_model_or_a_refusal(network: Network) -> None:
    gitml.save_weights(network, "w")
    one = network.state_dict()
    two = {name: tensor + 1 for name, tensor in one.items() if name != "head.weight"}
    for delay in (0.0, 0.002, 0.005, 0.01, 0.03):
        child = os.fork()
        if not child:
            threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
            try:
                while True:
                    gitml.save_weights(two, "w")
                    gitml.save_weights(network, "w")
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        try:
            state = gitml.load_weights("w")
        except StorageError as error:
            assert "cut off" in error.message
        else:
            assert same(state, one) or same(state, two)
    gitml.save_weights(network, "w")
    assert same(gitml.load_weights("w"), one)


def test_savers_of_one_folder_take_turns(network: Network) -> None:
    states = [{"w": torch.full((700, 700), float(n)), "v": torch.full((700, 700), float(n))}
              for n in range(4)]  # fmt: skip
    threads = [
        threading.Thread(target=lambda s=state: [gitml.save_weights(s, "w") for _ in range(5)])
        for state in states
    ]
    for thread in threads:
        thread.start()
    seen = set()
    while any(thread.is_alive() for thread in threads):
        if Path("w", INDEX).exists():
            state = gitml.load_weights("w")
            seen.add((state["w"].min().item(), state["v"].max().item()))
    for thread in threads:
        thread.join()
    assert all(one == other for one, other in seen)


def test_inside_a_run_a_receipt_and_copies_are_left(
    monkeypatch, tmp_path, network: Network
) -> None:
    run = tmp_path / "run"
    (run / "weights" / "objects").mkdir(parents=True)
    monkeypatch.setenv("GITML_RUN_DIR", str(run))
    gitml.save_weights(network, "w", step=torch.tensor(3), metrics={"loss": torch.tensor(0.5)})
    (receipt,) = read_receipts(run)
    assert (receipt.step, receipt.metrics) == (3, {"loss": 0.5})
    copies = {path.name: path.read_bytes() for path in (run / "weights" / "objects").iterdir()}
    for file in receipt.files:
        assert copies.pop(file.digest) == Path("w", file.name).read_bytes()
    assert not copies
    gitml.save_weights({"a": torch.ones(2)}, "w")
    assert len(os.listdir(run / "weights" / "objects")) == 2  # those of the model that is there


def test_scripts_that_save_weights_import_no_library_for_it() -> None:
    code = (
        "import sys, torch\nbefore = set(sys.modules)\nimport gitml\n"
        "gitml.save_weights({'a': torch.ones(2)}, 'w')\ngitml.load_weights('w')\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.stdout.split() == ["gitml"]
