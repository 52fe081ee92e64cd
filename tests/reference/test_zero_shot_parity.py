"""Zero-shot logits from text to logits: tiny random models of transformers and OpenCLIP, and ours."""

import jax
import numpy as np
import pytest

from imagenet_real.models import catalog
from imagenet_real.models.heads import ClassEmbeddings, unit
from imagenet_real.models.text import load_text_tower
from imagenet_real.models.tokens import CLEANING, encode
from tests.reference.parity import RELATIVE, add_smaller, images, randomized, torch
from tests.reference.test_zoo_parity import OURS, saved

safetensors_torch = pytest.importorskip("safetensors.torch", reason="the dependency group `reference` is not installed")
transformers = pytest.importorskip("transformers")
open_clip = pytest.importorskip("open_clip")
tokenizers = pytest.importorskip("tokenizers")

PROMPTS = [
    f"{start} {name}{end}"
    for name in ("Granny Smith", "St. Bernard", "CD player", "jack-o'-lantern", "hen_of_the_woods")
    for start, end in (("A photo of a", "."), ("a Bad photo of the", "!"), ("itap of my", ""), ("The origami:", "?"))
]
SIZES = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 384}


@pytest.fixture(scope="module")
def clip_tokenizer(tmp_path_factory):
    """CLIP's own, from the words that OpenCLIP ships."""
    simple = open_clip.SimpleTokenizer()
    merges = [f"{a} {b}" for a, b in simple.bpe_ranks]
    ends = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {ends.get(word, word): index for word, index in simple.encoder.items()}
    tokenizer = transformers.CLIPTokenizer(vocab=vocabulary, merges=[tuple(m.split(" ")) for m in merges])
    file = tmp_path_factory.mktemp("clip") / "tokenizer.json"
    tokenizer.backend_tokenizer.save(str(file))
    return file


@pytest.fixture(scope="module")
def gemma_tokenizer(tmp_path_factory):
    """A small tokenizer of SigLIP 2's kind, trained on the prompts."""
    model = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>", byte_fallback=True))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Split(" ", "merged_with_previous")
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=120, special_tokens=["<pad>", "<eos>", "<bos>", "<unk>"], show_progress=False
    )
    model.train_from_iterator([CLEANING["lower"](prompt) for prompt in PROMPTS], trainer)
    model.post_processor = tokenizers.processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    file = tmp_path_factory.mktemp("gemma") / "tokenizer.json"
    model.save(str(file))
    return file


def our_logits(monkeypatch, file, like, architecture, ids, activation, heads, pixels):
    smaller = add_smaller(monkeypatch, like, **architecture)
    embed, length, scale, bias = load_text_tower(file, activation=activation, heads=heads)
    assert ids.shape[1] == length
    head = ClassEmbeddings(np.asarray(unit(embed(ids))), scale, bias)
    apply, params = catalog.load_outputs(smaller, file, image_size=64)
    apply, head_params = head(apply)
    return np.asarray(jax.jit(apply)({"model": params, "head": head_params}, pixels))


def close(ours, theirs):
    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"relative difference {difference:.1e}")
    assert difference <= RELATIVE


def test_clip_of_transformers(tmp_path, monkeypatch, clip_tokenizer):
    config = transformers.CLIPConfig(
        text_config={**SIZES, "max_position_embeddings": 77, "eos_token_id": 49407, "vocab_size": 49408},
        vision_config={**SIZES, "image_size": 64, "patch_size": 16},
        projection_dim=24,
    )
    module = randomized(transformers.CLIPModel(config))
    module.logit_scale.data.fill_(2.0)
    module.save_pretrained(tmp_path)
    ids = encode(PROMPTS, clip_tokenizer, 77, cleaning="lower")
    expected_ids = open_clip.SimpleTokenizer(context_length=77)(PROMPTS).numpy()
    ends = expected_ids.argmax(axis=1)
    for ours, theirs, end in zip(ids, expected_ids, ends, strict=True):
        np.testing.assert_array_equal(ours[: end + 1], theirs[: end + 1])  # what comes after the end is not read
    pixels = images(64)
    with torch.no_grad():
        expected = module(
            input_ids=torch.from_numpy(ids).long(), pixel_values=torch.from_numpy(pixels).permute(0, 3, 1, 2)
        ).logits_per_image.numpy()
    like = "vit_base_patch16_clip_quickgelu_224"
    close(our_logits(monkeypatch, tmp_path / "model.safetensors", like, OURS, ids, "quick_gelu", 3, pixels), expected)


def test_clip_of_open_clip(tmp_path, monkeypatch, clip_tokenizer):
    vision = {"image_size": 64, "patch_size": 16, "width": 96, "layers": 2, "head_width": 32}
    text = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
    module = randomized(open_clip.CLIP(24, vision, text))
    module.logit_scale.data.fill_(2.0)
    file = saved(tmp_path, module)
    pixels = images(64)
    with torch.no_grad():
        image, texts, scale = module(
            torch.from_numpy(pixels).permute(0, 3, 1, 2), open_clip.SimpleTokenizer(context_length=77)(PROMPTS)
        )
    expected = (scale * image @ texts.T).numpy()
    ids = encode(PROMPTS, clip_tokenizer, 77, cleaning="lower")
    close(our_logits(monkeypatch, file, "vit_base_patch16_clip_224", OURS, ids, "gelu", 2, pixels), expected)


def test_siglip_2_of_transformers(tmp_path, monkeypatch, gemma_tokenizer):
    text = {**SIZES, "vocab_size": 130, "max_position_embeddings": 64, "projection_size": 96}
    config = transformers.SiglipConfig(text_config=text, vision_config={**SIZES, "image_size": 64, "patch_size": 16})
    module = randomized(transformers.SiglipModel(config))
    module.logit_scale.data.fill_(1.5)
    module.logit_bias.data.fill_(-10.0)
    module.save_pretrained(tmp_path)
    reference = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(gemma_tokenizer), pad_token="<pad>", eos_token="<eos>"
    )
    cleaned = [CLEANING["lower"](prompt) for prompt in PROMPTS]
    expected_ids = reference(cleaned, padding="max_length", max_length=64, truncation=True)["input_ids"]
    ids = encode(PROMPTS, gemma_tokenizer, 64, cleaning="lower")
    np.testing.assert_array_equal(ids, expected_ids)
    pixels = images(64)
    with torch.no_grad():
        expected = module(
            input_ids=torch.tensor(expected_ids), pixel_values=torch.from_numpy(pixels).permute(0, 3, 1, 2)
        ).logits_per_image.numpy()
    like = "vit_so400m_patch16_siglip_256"
    architecture = {**OURS, "hidden": 384}
    ours = our_logits(monkeypatch, tmp_path / "model.safetensors", like, architecture, ids, "gelu_tanh", 3, pixels)
    close(ours, expected)


def test_texts_without_their_traps(clip_tokenizer):
    """Lower case, punctuation, padding and the end of a long text."""
    assert (
        CLEANING["canonicalize"]("A photo of a hen_of_the_woods, (Really)!") == "a photo of a hen of the woods really"
    )
    assert CLEANING["canonicalize"]("St. Bernard") == open_clip.tokenizer.canonicalize_text("St. Bernard")
    assert CLEANING["lower"]("  Two\nWords ") == "two words"
    upper, low = encode(["A CAT", "a cat"], clip_tokenizer, 8, cleaning="lower")
    np.testing.assert_array_equal(upper, low)
    (long,) = encode(["cat " * 100], clip_tokenizer, 8, cleaning="lower")
    assert long[-1] == 49407


def test_mean_of_normalized_texts_is_another_than_of_the_others():
    texts = np.array([[3.0, 0.0], [0.0, 1.0]])
    normalized = np.asarray(unit(unit(texts).mean(axis=0)))
    np.testing.assert_allclose(normalized, [0.5**0.5, 0.5**0.5], rtol=1e-6)
    assert np.asarray(unit(texts.mean(axis=0)))[0] > 0.9
