"""ConvNeXt, EfficientNet and RegNet against timm's, torchvision's and Hugging Face's, under the names of each."""

import dataclasses
import functools

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from imagenet_real.models import catalog, efficientnet
from imagenet_real.models.checkpoints import efficientnet_names
from imagenet_real.models.convnext import ConvNeXt
from imagenet_real.models.efficientnet import EfficientNet
from imagenet_real.models.layers import rounded_width
from imagenet_real.models.regnet import RegNet
from tests.reference.parity import add_smaller, check, randomized, torch

safetensors_torch = pytest.importorskip("safetensors.torch", reason="the dependency group `reference` is not installed")
timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
transformers = pytest.importorskip("transformers")

SIZES = (64, 97)  # odd numbers of pixels show padding on one side only
ODD, EVEN = [97], [64]  # even at every stride, as Hugging Face's EfficientNet takes images to be
WHOLE = (  # every block of theirs is compared, of the others some
    "convnext_tiny",
    "efficientnet_b0",
    "efficientnet_b1",
    "tf_efficientnet_b0",
    "tf_efficientnet_b1",
    "regnetx_002",
    "regnety_004",
    "regnet_x_400mf",
    "regnet_y_800mf",
)


def names(module, *, whole):
    """One name per architecture; `whole` are those in WHOLE, the others are compared by a few blocks alone."""
    by_architecture = {}
    for name, spec in catalog.models().items():
        if spec.module is module and (name in WHOLE) == whole:
            by_architecture.setdefault(name if whole else repr(spec.architecture), name)
    return list(by_architecture.values())


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
    """Random statistics about those of what random images come to: a deep net has no use for any others.

    Where every norm's scale were a little off, the next norms' inputs would be further off than they know of: the
    logits would grow to thousands, of which float32 computes but two digits, in PyTorch as here.
    """
    randomized(module)
    torch.manual_seed(0)

    def measure(norm, inputs):
        means, variances = inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3))
        norm.running_mean.copy_(means + 0.3 * variances.sqrt() * torch.randn_like(means))
        norm.running_var.copy_(variances * torch.empty_like(variances).uniform_(0.5, 2))

    norms = [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    with torch.no_grad():
        module(torch.randn(8, 3, 96, 96))
    for hook in hooks:
        hook.remove()
    return module


def compare(tmp_path, module, name, sizes, library):
    module = with_random_weights(module)
    safetensors_torch.save_file(module.state_dict(), tmp_path / f"{library}.safetensors")
    for size in sizes:
        check(module, name, tmp_path / f"{library}.safetensors", size, library=library)


def hugging_faces(name, **options):
    module, architecture = catalog.find(name).module, catalog.find(name).architecture
    if module is ConvNeXt:
        config = transformers.ConvNextConfig(
            hidden_sizes=architecture["widths"], depths=architecture["depths"], num_labels=10
        )
        return transformers.ConvNextForImageClassification(config)
    if module is EfficientNet:
        config = transformers.EfficientNetConfig(
            width_coefficient=architecture["width"],
            depth_coefficient=architecture["depth"],
            hidden_dim=rounded_width(1280 * architecture["width"]),
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


def torchvisions(name):
    """Its classes as its functions build them, for any number of blocks."""
    module, architecture = catalog.find(name).module, catalog.find(name).architecture
    if module is EfficientNet:
        blocks, _ = torchvision.models.efficientnet._efficientnet_conf(
            "efficientnet_b0", width_mult=architecture["width"], depth_mult=architecture["depth"]
        )
        norm = functools.partial(torch.nn.BatchNorm2d, eps=architecture["epsilon"])
        return torchvision.models.EfficientNet(blocks, dropout=0.2, num_classes=10, norm_layer=norm)
    depths, widths = architecture["depths"], architecture["widths"]
    if module is ConvNeXt:
        stages = zip(widths, [*widths[1:], None], depths, strict=True)
        blocks = [torchvision.models.convnext.CNBlockConfig(*stage) for stage in stages]
        return torchvision.models.ConvNeXt(blocks, num_classes=10)
    groups = [min(architecture["group_width"], width) for width in widths]
    ratio = 0.25 if architecture["squeeze_excite"] else None
    blocks = torchvision.models.regnet.BlockParams(depths, widths, groups, [1.0] * 4, [2] * 4, ratio)
    return torchvision.models.RegNet(blocks, num_classes=10)


@pytest.mark.parametrize("name", names(ConvNeXt, whole=True))
def test_convnext(tmp_path, name):
    compare(tmp_path, timm.create_model(name, num_classes=10, ls_init_value=1.0), name, SIZES, "timm")
    compare(tmp_path, torchvision.models.get_model(name, num_classes=10), name, SIZES, "torchvision")
    compare(tmp_path, hugging_faces(name), name, SIZES, "Hugging Face")


@pytest.mark.parametrize("name", [name for name in names(ConvNeXt, whole=False) if "v2" not in name])
def test_some_blocks_of_every_convnext(tmp_path, monkeypatch, name):
    depths = (1, 1, 2, 1)
    smaller = add_smaller(monkeypatch, name, depths=depths)
    module = timm.create_model(name, num_classes=10, depths=depths, ls_init_value=1.0)
    compare(tmp_path, module, smaller, ODD, "timm")
    compare(tmp_path, torchvisions(smaller), smaller, ODD, "torchvision")
    compare(tmp_path, hugging_faces(smaller), smaller, ODD, "Hugging Face")


@pytest.mark.parametrize("name", names(EfficientNet, whole=True))
def test_efficientnet(tmp_path, name):
    compare(tmp_path, timm.create_model(name, num_classes=10), name, SIZES, "timm")
    if name.startswith("tf_"):
        compare(tmp_path, hugging_faces(name), name, EVEN, "Hugging Face")
    else:
        compare(tmp_path, torchvision.models.get_model(name, num_classes=10), name, SIZES, "torchvision")


@pytest.mark.parametrize("name", names(EfficientNet, whole=False))
def test_some_blocks_of_every_efficientnet(tmp_path, monkeypatch, name):
    depth = 0.3  # a block a stage, but two of the sixth
    smaller = add_smaller(monkeypatch, name, depth=depth)
    architecture = catalog.find(smaller).architecture
    same = architecture.get("same", False)
    generate = "_gen_efficientnet_lite" if "lite" in name else "_gen_efficientnet"
    module = getattr(timm.models.efficientnet, generate)(
        name,
        architecture["width"],
        depth,
        bn_eps=architecture["epsilon"],
        pad_type="same" if same else "",
        num_classes=10,
    )
    if not same:
        compare(tmp_path, module, smaller, ODD, "timm")
        compare(tmp_path, torchvisions(smaller), smaller, ODD, "torchvision")
        return
    if "lite" in name:  # only timm has them
        compare(tmp_path, module, smaller, EVEN, "timm")
        return
    numbered = functools.partial(efficientnet_names.hugging_face_names, depths=efficientnet.depths(depth))
    renamed = dataclasses.replace(catalog.find(smaller), naming={"Hugging Face": numbered})
    monkeypatch.setitem(catalog.models(), smaller, renamed)
    compare(tmp_path, module, smaller, EVEN, "timm")
    compare(tmp_path, hugging_faces(smaller), smaller, EVEN, "Hugging Face")


@pytest.mark.parametrize("name", names(RegNet, whole=True))
def test_regnet(tmp_path, name):
    if name in torchvision.models.list_models():
        compare(tmp_path, torchvision.models.get_model(name, num_classes=10), name, SIZES, "torchvision")
    else:
        compare(tmp_path, timm.create_model(name, num_classes=10), name, SIZES, "timm")
        compare(tmp_path, hugging_faces(name), name, SIZES, "Hugging Face")


@pytest.mark.parametrize("name", names(RegNet, whole=False))
def test_some_blocks_of_every_regnet(tmp_path, monkeypatch, name):
    smaller = add_smaller(monkeypatch, name, depths=(1, 1, 2, 1))
    compare(tmp_path, torchvisions(smaller), smaller, ODD, "torchvision")
    compare(tmp_path, hugging_faces(smaller), smaller, ODD, "Hugging Face")


def test_hugging_faces_efficientnet_at_odd_sizes(tmp_path):
    """It is told which blocks see an odd number of pixels, as of 76: 38, 19, 10, 5; ours sees for itself."""
    module = hugging_faces("tf_efficientnet_b0", depthwise_padding=[3, 11])
    compare(tmp_path, module, "tf_efficientnet_b0", [76], "Hugging Face")
