"""Checkpoints that would run, hang or grow, and damage that only a checksum shows."""

import pickletools
import sys
import zipfile

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.models.checkpoints.pickle_machine import MAX_STEPS, OPCODES
from imagenet_real.models.checkpoints.tensors import open_tensors, read_tensor
from tests import ROOT, commands
from tests.models.checkpoints import torch_writer
from tests.models.checkpoints.malicious import KINDS, tensors
from tests.models.checkpoints.torch_writer import Global, Reduce, View


@pytest.mark.slow
def test_a_short_campaign_of_malicious_checkpoints():
    """In a process without JAX's threads, because the campaign forks."""
    arguments = [f"--count={2 * len(KINDS)}", "--seed=1"]
    done = commands.run(arguments, module="tests.models.checkpoints.campaign")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines()[1:]} == set(KINDS)


def test_the_documentation_lists_every_opcode():
    names = {ord(code): opcode.name for code, opcode in pickletools.code2op.items()}
    text = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    paragraph = text.partition("The opcodes are ")[2].partition("\n\n")[0]
    words = set(paragraph.replace(",", " ").replace(".", " ").replace("`", " ").split())
    assert words - {"and"} == {names[code] for code in OPCODES} | {"STOP"}


OPTIONS = {
    "args": Reduce(Global("argparse", "Namespace"), (), {"lr": 0.1}),
    "output": Reduce(Global("pathlib", "PosixPath"), ("/", "runs", "one")),
    "windows": Reduce(Global("pathlib", "WindowsPath"), ("C:\\",)),
    "began": Reduce(Global("datetime", "datetime"), ("\x07\xe8\x01\x01",)),
    "took": Reduce(Global("datetime", "timedelta"), (0, 12, 0)),
    "config": Reduce(Global("omegaconf.dictconfig", "DictConfig"), (), {"_content": {"lr": 0.1}}),
    "metadata": Reduce(
        Global("omegaconf.base", "ContainerMetadata"), (Global("typing", "Any"), Global("builtins", "dict"))
    ),
    "history": Reduce(Global("collections", "deque"), (["a", "b"], 10)),
    "counts": Reduce(Global("collections", "Counter"), ({"a": 1},)),
    "dtype": Global("torch", "float8_e4m3fn"),
    "random": Reduce(Global("numpy.core.multiarray", "_reconstruct"), (Global("numpy", "ndarray"), (0,), "b")),
}


def test_options_beside_the_weights_import_nothing(tmp_path):
    modules = set(sys.modules)
    torch_writer.save(tmp_path / "file.pth", {**OPTIONS, "model": tensors(), "epoch": 12})
    opened = open_tensors(tmp_path / "file.pth")
    np.testing.assert_array_equal(opened.read("a.weight"), tensors()["a.weight"])
    assert not {"omegaconf", "torch", "yacs"} & (set(sys.modules) - modules)


@pytest.mark.parametrize("name", ["a.weight", "a.bias"])
def test_one_changed_bit_of_a_tensor_is_refused(tmp_path, name):
    file = tmp_path / "file.pth"
    torch_writer.save(file, tensors())
    content = bytearray(file.read_bytes())
    content[content.find(tensors()[name].tobytes()) + 5] ^= 8
    file.write_bytes(content)
    opened = open_tensors(file)
    other = {"a.weight": "a.bias", "a.bias": "a.weight"}[name]
    np.testing.assert_array_equal(opened.read(other), tensors()[other])
    with pytest.raises(InputError, match="the checksum of archive/data/. is wrong. Download it again"):
        opened.read(name)


def test_a_changed_bit_of_the_pickle_is_refused(tmp_path):
    file = tmp_path / "file.pth"
    torch_writer.save(file, tensors())
    content = file.read_bytes()
    file.write_bytes(content.replace(b"a.weight", b"a.heigh"[:7] + b"u"))
    with pytest.raises(InputError, match=r"the checksum of archive/data.pkl is wrong"):
        open_tensors(file)


def test_an_archive_without_checksums_is_read(tmp_path):
    file = tmp_path / "file.pth"
    torch_writer.save(file, tensors())
    content = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        checksums = {info.CRC.to_bytes(4, "little") for info in archive.infolist()}
    for checksum in checksums:  # as `torch.serialization.set_crc32_options(False)` writes it
        content = content.replace(checksum, bytes(4))
    file.write_bytes(content)
    np.testing.assert_array_equal(open_tensors(file).read("a.bias"), tensors()["a.bias"])


def test_a_pickle_of_too_many_steps_is_refused(tmp_path):
    torch_writer.save(tmp_path / "file.pth", tensors())
    with zipfile.ZipFile(tmp_path / "many.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"N0" * (MAX_STEPS // 2) + b"}.")
    with pytest.raises(InputError, match="takes more than 1,000,000 steps. Store the weights alone"):
        open_tensors(tmp_path / "many.pth")


def test_a_bare_tensor_that_repeats_its_numbers_is_refused(tmp_path):
    torch_writer.save(tmp_path / "map.pt", View(np.zeros(4, np.float32), 0, (1 << 40,), (0,)))
    with pytest.raises(InputError, match="a tensor of 1,099,511,627,776 elements repeats its 4 numbers"):
        read_tensor(tmp_path / "map.pt")
