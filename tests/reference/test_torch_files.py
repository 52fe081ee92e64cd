"""Files that PyTorch itself wrote."""

import argparse

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.models.checkpoints.tensors import open_tensors

torch = pytest.importorskip("torch", reason="the dependency group `reference` is not installed")


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_of_every_kind(tmp_path, zipped):
    base = torch.randn(4, 6)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    tensors = {
        **module.state_dict(),
        "turned": base.T,
        "middle": base[1:3, 1:5:2],
        "repeated": base[:1].expand(5, 6),
        "parameter": torch.nn.Parameter(torch.randn(3)),
        "half": base.half(),
        "bfloat16": base.bfloat16(),
        "double": base.double(),
        "empty": torch.empty(0, 3),
    }
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    args = argparse.Namespace(lr=0.1, milestones={30, 60}, device=torch.device("cpu"), dtype=torch.float32)
    checkpoint = {"model": tensors, "optimizer": optimizer.state_dict(), "args": args, "best": np.float64(0.5)}
    torch.save(checkpoint, tmp_path / "file.pth", _use_new_zipfile_serialization=zipped)
    opened = open_tensors(tmp_path / "file.pth")
    assert opened.shapes == {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        array = opened.read(name)
        np.testing.assert_array_equal(array.astype(np.float64), tensor.detach().double().numpy())
        assert array.dtype.name == str(tensor.dtype).removeprefix("torch.")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_whole_module_is_refused(tmp_path, zipped):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "file.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r"imports torch\.nn\.modules\.linear\.Linear"):
        open_tensors(tmp_path / "file.pth")
