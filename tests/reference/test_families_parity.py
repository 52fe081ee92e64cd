"""ConvNeXt, EfficientNet and RegNet against timm's, torchvision's and Hugging Face's, under the names of each."""

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from imagenet_real.models import catalog, efficientnet
from imagenet_real.models.convnext import ConvNeXt
from imagenet_real.models.efficientnet import EfficientNet
from imagenet_real.models.regnet import RegNet
from tests.reference.parity import add_entry, check, randomised, torch

safetensors_torch = pytest.importorskip("safetensors.torch", reason="the dependency group `reference` is not installed")
timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
transformers = pytest.importorskip("transformers")

SIZES = (64, 97)  # odd numbers of pixels show padding on one side only
EVEN_SIZES = (64, 96)  # at every stride, as Hugging Face's EfficientNet takes them to be
TORCHVISIONS_EPSILON = {name: {"bn_eps": 1e-3} for name in ("efficientnet_b5", "efficientnet_b6", "efficientnet_b7")}
REDUCED = ("tf_efficientnet_l2", "regnety_640", "regnety_1280", "regnety_2560", "regnet_y_128gf")


def names(*modules):
    return [name for name, entry in catalog.CATALOG.items() if entry.module in modules and name not in REDUCED]


@pytest.fixture(scope="module", autouse=True)
def compiled_once(tmp_path_factory):
    """One program serves the weights of all three."""
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("compiled")))
    compilation_cache.reset_cache()
    yield
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


def with_random_weights(module):
    """Random statistics about those of random images: with any others a deep net gives the same answer to all."""
    randomised(module)
    norms = [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    torch.manual_seed(0)
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        if norms:
            module.train()(torch.randn(8, 3, 96, 96))
        for norm in norms:
            norm.running_mean += 0.3 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.5, 2)
    return module.eval()


def compare(tmp_path, module, name, sizes, whose):
    module = with_random_weights(module)
    safetensors_torch.save_file(module.state_dict(), tmp_path / f"{whose}.safetensors")
    for size in sizes:
        check(module, name, tmp_path / f"{whose}.safetensors", size, whose=whose)


def hugging_faces(name, **options):
    architecture = catalog.find(name).architecture
    if name.startswith("convnext"):
        config = transformers.ConvNextConfig(
            hidden_sizes=architecture["widths"], depths=architecture["depths"], num_labels=10
        )
        return transformers.ConvNextForImageClassification(config)
    if name.startswith("tf_efficientnet"):
        config = transformers.EfficientNetConfig(
            width_coefficient=architecture["width"],
            depth_coefficient=architecture["depth"],
            hidden_dim=efficientnet.scaled_width(1280, architecture["width"]),
            num_labels=10,
            **options,
        )
        return transformers.EfficientNetForImageClassification(config)
    config = transformers.RegNetConfig(
        hidden_sizes=architecture["widths"],
        depths=architecture["depths"],
        groups_width=architecture["group_width"],
        layer_type="y" if architecture["squeeze_excite"] else "x",
        embedding_size=32,
        num_labels=10,
    )
    return transformers.RegNetForImageClassification(config)


@pytest.mark.parametrize("name", names(ConvNeXt))
def test_convnext(tmp_path, name):
    compare(tmp_path, timm.create_model(name, num_classes=10, ls_init_value=1.0), name, SIZES, "timm")
    compare(tmp_path, torchvision.models.get_model(name, num_classes=10), name, SIZES, "torchvision")
    compare(tmp_path, hugging_faces(name), name, SIZES, "Hugging Face")


@pytest.mark.parametrize("name", names(EfficientNet))
def test_efficientnet(tmp_path, name):
    module = timm.create_model(name, num_classes=10, **TORCHVISIONS_EPSILON.get(name, {}))
    compare(tmp_path, module, name, SIZES, "timm")
    if name.startswith("tf_"):
        compare(tmp_path, hugging_faces(name), name, EVEN_SIZES, "Hugging Face")
    else:
        compare(tmp_path, torchvision.models.get_model(name, num_classes=10), name, SIZES, "torchvision")


@pytest.mark.parametrize("name", names(RegNet))
def test_regnet(tmp_path, name):
    if name in torchvision.models.list_models():
        compare(tmp_path, torchvision.models.get_model(name, num_classes=10), name, SIZES, "torchvision")
    else:
        compare(tmp_path, timm.create_model(name, num_classes=10), name, SIZES, "timm")
        compare(tmp_path, hugging_faces(name), name, SIZES, "Hugging Face")


def test_hugging_faces_efficientnet_at_odd_sizes(tmp_path):
    """It is told which blocks see an odd number of pixels, as of 76: 38, 19, 10, 5; ours sees for itself."""
    module = hugging_faces("tf_efficientnet_b0", depthwise_padding=[3, 11])
    compare(tmp_path, module, "tf_efficientnet_b0", [76], "Hugging Face")


def test_the_largest_efficientnet_at_reduced_depth(tmp_path, monkeypatch):
    module = timm.models.efficientnet._gen_efficientnet(
        "tf_efficientnet_l2", channel_multiplier=4.3, depth_multiplier=1.0, bn_eps=1e-3, pad_type="same", num_classes=10
    )
    smaller = add_entry(monkeypatch, "tf_efficientnet_l2", depth=1.0)
    compare(tmp_path, module, smaller, SIZES, "timm")


@pytest.mark.parametrize("name", ["regnety_640", "regnety_1280"])
def test_the_largest_regnets_at_reduced_depth(tmp_path, monkeypatch, name):
    smaller = add_entry(monkeypatch, name, depths=(1, 1, 1, 1))
    compare(tmp_path, hugging_faces(smaller), smaller, SIZES, "Hugging Face")
