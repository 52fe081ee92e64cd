"""Every format of weights, whole, wrapped, damaged and malicious."""

import json
import struct
import tracemalloc
import zipfile
from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from imagenet_real.errors import InputError
from imagenet_real.models.checkpoints.tensors import open_tensors
from tests.models.checkpoints import torch_writer
from tests.models.checkpoints.torch_writer import Global, PersistentId, Reduce, View


def save_safetensors(file, tensors):
    safetensors.numpy.save_file(dict(tensors), file)


def save_npz(file, tensors):
    np.savez(file.open("wb"), **tensors)


WRITERS = {
    "safetensors": save_safetensors,
    "PyTorch": torch_writer.save,
    "PyTorch's old format": torch_writer.save_legacy,
    "npz": save_npz,
}


def tensors():
    random = np.random.default_rng(0)
    shapes = {"a.weight": (3, 4), "a.bias": (4,), "b.weight": (2, 3, 5, 7), "empty": (0, 4), "number": ()}
    return {name: np.asarray(random.normal(size=shape), np.float32) for name, shape in shapes.items()}


def read_all(file):
    opened = open_tensors(file)
    return {name: opened.read(name) for name in opened.shapes}


def refusal(file):
    with pytest.raises(InputError) as caught:
        read_all(file)
    message = str(caught.value)
    assert "\n" not in message
    assert str(file) in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.float64])
@pytest.mark.parametrize("format", WRITERS)
def test_tensors_are_read_back(tmp_path, format, dtype):
    written = {name: tensor.astype(dtype) for name, tensor in tensors().items()}
    WRITERS[format](tmp_path / "file", written)
    opened = open_tensors(tmp_path / "file")
    assert opened.format == format
    assert opened.shapes == {name: tensor.shape for name, tensor in written.items()}
    for name, tensor in written.items():
        array = opened.read(name)
        assert array.dtype == (np.float32 if format == "npz" and dtype == ml_dtypes.bfloat16 else tensor.dtype)
        np.testing.assert_array_equal(array, tensor)


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
@pytest.mark.parametrize("format", ["PyTorch", "PyTorch's old format", "safetensors"])
def test_types_that_pytorch_stores_as_bytes_are_read(tmp_path, format, dtype):
    """A counter of 16 bits beside the weights is harmless."""
    counts = np.arange(24).reshape(4, 6).astype(dtype)
    other = counts if format == "safetensors" else View(counts, 7, (2, 3), (6, 2))
    WRITERS[format](tmp_path / "file", {**tensors(), "counts": counts, "view": other})
    opened = open_tensors(tmp_path / "file")
    assert opened.read("counts").dtype == dtype
    np.testing.assert_array_equal(opened.read("counts"), counts)
    np.testing.assert_array_equal(opened.read("view"), counts if format == "safetensors" else counts[1:3, 1:6:2])


@pytest.mark.parametrize("save", [torch_writer.save, torch_writer.save_legacy])
def test_views_of_one_storage(tmp_path, save):
    """Transposed, cut out of the middle and repeated: what PyTorch writes of tensors that share their numbers."""
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    views = {"whole": base, "turned": View(base, 0, (6, 4), (1, 6)), "middle": View(base, 7, (2, 3), (6, 2))}
    save(tmp_path / "views.pth", {**views, "same": View(base, 5, (3, 2), (0, 1))})
    opened = open_tensors(tmp_path / "views.pth")
    np.testing.assert_array_equal(opened.read("whole"), base)
    np.testing.assert_array_equal(opened.read("turned"), base.T)
    np.testing.assert_array_equal(opened.read("middle"), base[1:3, 1:6:2])
    np.testing.assert_array_equal(opened.read("same"), [[5, 6]] * 3)


@pytest.mark.parametrize(
    ("wrap", "where"),
    [
        (lambda model: model, "PyTorch"),
        (lambda model: OrderedDict(model), "PyTorch"),
        (lambda model: {"epoch": 3, "state_dict": model, "loss": 0.5}, "under 'state_dict'"),
        (lambda model: {"model": changed(model), "model_ema": model}, "under 'model_ema'"),
        (lambda model: {"state_dict_ema": model, "state_dict": changed(model)}, "under 'state_dict_ema'"),
        (lambda model: {"model": {"state_dict": model}}, "under 'model.state_dict'"),
        (lambda model: {f"module.{name}": value for name, value in model.items()}, "without 'module.'"),
        (
            lambda model: {"model": {f"module._orig_mod.{k}": v for k, v in model.items()}},
            "names without 'module._orig_mod.'",
        ),
    ],
)
def test_wrapped_weights_are_found_and_named(tmp_path, wrap, where):
    torch_writer.save(tmp_path / "file.pth", wrap(tensors()))
    opened = open_tensors(tmp_path / "file.pth")
    assert where in opened.format
    assert opened.shapes == {name: tensor.shape for name, tensor in tensors().items()}
    np.testing.assert_array_equal(opened.read("a.weight"), tensors()["a.weight"])


def changed(model):
    return {name: np.asarray(value + 1) for name, value in model.items()}


def test_options_and_numbers_beside_the_weights_are_ignored(tmp_path):
    options = Reduce(Global("argparse", "Namespace"), (), {"lr": 0.1, "epochs": 90})
    best = Reduce(Global("numpy.core.multiarray", "scalar"), (Reduce(Global("numpy", "dtype"), ("f8", 0, 1)), "x"))
    parameter = Reduce(Global("torch._utils", "_rebuild_parameter"), (tensors()["a.bias"], True, OrderedDict()))
    milestones = Reduce(Global("collections", "defaultdict"), (Global("argparse", "Namespace"),))
    model = OrderedDict(tensors() | {"a.bias": parameter})
    torch_writer.save(tmp_path / "file.pth", {"args": options, "best": best, "model": model, "schedule": milestones})
    np.testing.assert_array_equal(open_tensors(tmp_path / "file.pth").read("a.bias"), tensors()["a.bias"])


@pytest.mark.parametrize("save", [torch_writer.save, torch_writer.save_legacy])
@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("posix", "system"), ("builtins", "eval"), ("__builtin__", "getattr"), ("torch.nn", "Linear")],
)
def test_a_pickle_that_would_run_a_command_is_refused(tmp_path, save, module, name):
    trap = Reduce(Global(module, name), (f"touch {tmp_path / 'done'}",))
    save(tmp_path / "bad.pth", {**tensors(), "trap": trap})
    assert f"refused to read {tmp_path / 'bad.pth'}: its pickle imports {module}.{name}" in refusal(
        tmp_path / "bad.pth"
    )
    assert not (tmp_path / "done").exists()


FLOATS = Global("torch", "FloatStorage")
REBUILD = Global("torch._utils", "_rebuild_tensor_v2")
VIEW = Global("torch._utils", "_rebuild_tensor_v3")
STORAGE = PersistentId(("storage", FLOATS, "0", "cpu", 12))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (View(np.zeros((3, 4), np.float32), 0, (30, 4), (4, 1)), "exceeds its 12 stored numbers"),
        (View(np.zeros((3, 4), np.float32), 0, (3, 4), (-4, 1)), "strides (-4, 1)"),
        (View(np.zeros((3, 4), np.float32), 0, (3, 4), (1,)), "strides (1,)"),
        (Reduce(REBUILD, ("no storage", 0, (3,), (1,))), "has no storage"),
        (Reduce(REBUILD, (STORAGE, 0, (3,), (1,)), {"shape": (1 << 40,)}), "changes a tensor after its check"),
        (Reduce(REBUILD, (STORAGE, 0, (3,), (1,)), (None, {"offset": 1 << 40})), "changes a tensor"),
        (
            Reduce(VIEW, (STORAGE, 0, (7,), (1,), False, None, Global("torch", "uint64"))),
            "exceeds its 12 stored numbers",
        ),
        (Reduce(VIEW, (STORAGE, 0, (3,), (1,), False, None, Global("torch", "float8_e8m0fnu"))), "is not supported"),
        (PersistentId(("storage", Reduce(FLOATS, ()), "0", "cpu", 12)), "its pickle calls a value of type StorageType"),
        (PersistentId(("module", FLOATS)), "refers to an object other than a storage"),
        (PersistentId(("storage", FLOATS, "../../other", "cpu", 12)), "no item named"),
        (PersistentId(("storage", FLOATS, "0", "cpu", 1 << 60)), "has 48 bytes for"),
        (PersistentId(("storage", Global("collections", "OrderedDict"), "0", "cpu", 3)), "other than a storage"),
    ],
)
def test_a_pickle_cannot_reach_beyond_its_numbers(tmp_path, value, message):
    torch_writer.save(tmp_path / "bad.pth", {"first": np.zeros((3, 4), np.float32), "second": value})
    assert message in refusal(tmp_path / "bad.pth")


@pytest.mark.parametrize("format", WRITERS)
def test_files_that_were_cut_off_anywhere(tmp_path, format):
    WRITERS[format](tmp_path / "whole", tensors())
    whole = (tmp_path / "whole").read_bytes()
    for length in range(0, len(whole) - 1, max(len(whole) // 60, 1)):
        (tmp_path / "cut").write_bytes(whole[:length])
        assert "is not a complete file of weights" in refusal(tmp_path / "cut")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected .safetensors, PyTorch's"),
        (b"hello world, this is no such file", "expected .safetensors, PyTorch's"),
        (b"<!DOCTYPE html><html>not found</html>", "expected .safetensors, PyTorch's"),
        (struct.pack("<Q", 2) + b"{}", ""),
        (struct.pack("<Q", 1 << 60) + b'{"a"', "its header has 1,152,921,504,606,846,976 bytes"),
        (struct.pack("<Q", 7) + b'{"a": 1', "it is not JSON"),
        (struct.pack("<Q", 8) + b'{"a": 1}', "its header is not a .safetensors header"),
        (b"\x80\x02K\x05.", "a pickle, but not PyTorch's"),
    ],
)
def test_files_that_hold_something_else(tmp_path, content, message):
    (tmp_path / "file.pth").write_bytes(content)
    if message:
        assert message in refusal(tmp_path / "file.pth")
    else:
        assert open_tensors(tmp_path / "file.pth").shapes == {}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 8]}, "of shape [2, 2] has 8 bytes"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}, "has the offsets [-8, 0]"),
        ({"dtype": "F32", "shape": ["2"], "data_offsets": [0, 8]}, "has the offsets [0, 8]"),
        ({"dtype": "F3", "shape": [2], "data_offsets": [0, 8]}, "unknown type F3"),
        ({"dtype": "F32", "shape": [400], "data_offsets": [0, 1600]}, "x ends at byte 1,674, the file has 90"),
    ],
)
def test_safetensors_headers_that_lie(tmp_path, entry, message):
    header = json.dumps({"x": entry}).encode()
    (tmp_path / "file").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    assert message in refusal(tmp_path / "file")


def test_a_header_whose_length_looks_like_a_pickle(tmp_path):
    header = json.dumps({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode().ljust(0x280)
    (tmp_path / "file").write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1.5, 2.5))
    assert (tmp_path / "file").read_bytes().startswith(b"\x80\x02")
    assert open_tensors(tmp_path / "file").read("x").tolist() == [1.5, 2.5]


def test_other_archives_and_places(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "weights are elsewhere")
    assert "neither PyTorch's data.pkl nor NumPy's .npy" in refusal(tmp_path / "a.zip")
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    assert "has Python objects (pickles)" in refusal(tmp_path / "objects.npz")
    torch_writer.save(tmp_path / "numbers.pth", {"epoch": 3})
    assert "it has no tensors, only epoch" in refusal(tmp_path / "numbers.pth")
    looped = {"model": {"model": {"model": {"model": {"model": {"a": 1}}}}}}
    torch_writer.save(tmp_path / "looped.pth", looped)
    assert "expected named tensors, got dict" in refusal(tmp_path / "looped.pth")
    assert "is a folder" in refusal(tmp_path)
    assert "no weights file at" in refusal(tmp_path / "missing.pth")


def test_a_compressed_npz_is_read(tmp_path):
    np.savez_compressed(tmp_path / "file.npz", **tensors())
    np.testing.assert_array_equal(open_tensors(tmp_path / "file.npz").read("b.weight"), tensors()["b.weight"])


@pytest.mark.parametrize("format", ["safetensors", "PyTorch", "PyTorch's old format"])
def test_opening_a_file_reads_no_tensor(tmp_path, format):
    WRITERS[format](tmp_path / "file", {"large": np.zeros(3_000_000, np.float32)})
    tracemalloc.start()
    opened = open_tensors(tmp_path / "file")
    assert opened.shapes == {"large": (3_000_000,)}
    assert opened.read("large")[-1] == 0
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
