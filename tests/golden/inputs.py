"""The inputs of the recorded commands: small files, the same ones from the same seeds."""

import csv
import json
import pathlib

import numpy as np
import safetensors.numpy
from PIL import Image, ImageOps

COLORS = {"blue": (40, 40, 200), "green": (40, 200, 40), "red": (200, 40, 40)}
WRONG = {("blue", 2), ("green", 5), ("red", 0)}  # images that show the next color
IMAGES, CLASSES, MODELS = 60, 6, 4
IDS = [f"image_{number:03d}" for number in range(IMAGES)]
NAMES = ["cat", "dog", "wolf", "bone", "lamp", "desk"]
HIERARCHY = [
    ("all", "animal"),
    ("animal", "cat"),
    ("animal", "canine"),
    ("canine", "dog"),
    ("canine", "wolf"),
    ("all", "thing"),
    ("thing", "bone"),
    ("thing", "furniture"),
    ("furniture", "lamp"),
    ("furniture", "desk"),
]
# ImageNet's classes of its first validation images.
FIRST_LABELS = (65, 970, 230, 809, 516, 57, 334, 415, 674, 332, 109, 286)


def write(folder: pathlib.Path) -> None:
    """Writes all inputs below `folder`."""
    _write_colors(folder / "train", 8, WRONG, seed=0)
    _write_colors(folder / "validation", 5, {("green", 1)}, seed=1)
    _write_lists_and_boxes(folder)
    _write_copies(folder)
    _write_pictures(folder / "pictures")
    original, real = _write_labels(folder)
    _write_predictions(folder, original, real)
    _write_judged(folder, original)
    _write_votes(folder, original, real)
    _write_imagenet(folder / "imagenet")
    _write_text_tower(folder / "text")


def _write_text_tower(folder: pathlib.Path) -> None:
    """A tokenizer of a few words, and the text tower of a small CLIP with OpenCLIP's names."""
    words = ["<unk>", "a", "photo", "of", *COLORS, "<|endoftext|>"]
    end = {"id": words.index("<|endoftext|>"), "content": "<|endoftext|>", "special": True}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [end | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)],
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": end["content"], "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {end["content"]: {"id": end["content"], "ids": [end["id"]], "tokens": [end["content"]]}},
        },
        "model": {"type": "WordLevel", "vocab": {word: i for i, word in enumerate(words)}, "unk_token": "<unk>"},
    }
    _write_json(folder / "tokenizer.json", tokenizer)
    block, width = "transformer.resblocks.0", 64
    shapes = {
        "token_embedding.weight": (len(words), width),
        "positional_embedding": (7, width),
        f"{block}.ln_1.weight": (width,),
        f"{block}.ln_1.bias": (width,),
        f"{block}.attn.in_proj_weight": (3 * width, width),
        f"{block}.attn.in_proj_bias": (3 * width,),
        f"{block}.attn.out_proj.weight": (width, width),
        f"{block}.attn.out_proj.bias": (width,),
        f"{block}.ln_2.weight": (width,),
        f"{block}.ln_2.bias": (width,),
        f"{block}.mlp.c_fc.weight": (2 * width, width),
        f"{block}.mlp.c_fc.bias": (2 * width,),
        f"{block}.mlp.c_proj.weight": (width, 2 * width),
        f"{block}.mlp.c_proj.bias": (width,),
        "ln_final.weight": (width,),
        "ln_final.bias": (width,),
        "text_projection": (width, 3),
    }
    random = np.random.default_rng(9)
    tensors = {name: random.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    tensors["logit_scale"] = np.array([np.log(50)], np.float32)
    safetensors.numpy.save_file(tensors, folder / "clip.safetensors")
    (folder / "colors.txt").write_text("".join(f"{name}\n" for name in COLORS))
    (folder / "prompts.txt").write_text("A photo of {}\n{}\n")


def _write_json(path: pathlib.Path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _write_csv(path: pathlib.Path, header: list[str], rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def _write_colors(folder: pathlib.Path, images_per_class: int, wrong: set, seed: int) -> None:
    """PNGs of 12 x 12 noisy pixels, a folder a class."""
    random, values = np.random.default_rng(seed), list(COLORS.values())
    for label, name in enumerate(COLORS):
        (folder / name).mkdir(parents=True)
        for number in range(images_per_class):
            color = values[(label + ((name, number) in wrong)) % 3]
            pixels = np.clip(np.array(color) + random.normal(0, 25, (12, 12, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:03d}.png")


def _write_lists_and_boxes(folder: pathlib.Path) -> None:
    ids = [f"{name}/{number:03d}" for name in COLORS for number in range(8)]
    clean = [one for one in ids if (one.split("/")[0], int(one.split("/")[1])) not in WRONG]
    (folder / "clean.txt").write_text("".join(f"{one}\n" for one in clean))
    soft = [
        f"{one}\t{label}\t{label},{(label + 1) % 3}\t0.9,0.3\n"
        for one in ids[::2]
        for label in [list(COLORS).index(one.split("/")[0])]
    ]
    (folder / "soft.tsv").write_text("".join(soft))
    random = np.random.default_rng(2)
    corners = random.uniform(0, 6, (len(ids), 2)).round(1)
    boxes = np.concatenate([corners, corners + random.uniform(2, 6, corners.shape).round(1)], axis=1)
    rows = [[image_id, 12, 12, *box] for image_id, box in zip(ids, boxes.tolist(), strict=True)]
    _write_csv(folder / "boxes.csv", ["image_id", "height", "width", "y0", "x0", "y1", "x1"], rows)
    scores = random.normal(size=(len(ids), 3)).astype(np.float32)
    scores[np.arange(len(ids)), np.repeat(np.arange(3), 8)] += 2
    np.savez(folder / "train_predictions.npz", image_ids=np.array(ids), scores=scores)


def _write_copies(folder: pathlib.Path) -> None:
    """Smooth pictures, and others, some of which are copies of the first."""

    def picture(seed):
        spots = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
        return Image.fromarray(spots).resize((80, 60), Image.Resampling.BICUBIC)

    (folder / "own").mkdir()
    (folder / "others").mkdir()
    for seed in range(4):
        picture(seed).save(folder / "own" / f"own{seed}.png")
        picture(100 + seed).save(folder / "others" / f"other{seed}.png")
    picture(0).resize((50, 37)).save(folder / "others" / "resized.png")
    ImageOps.mirror(picture(1)).save(folder / "others" / "flipped.png")
    images = {f"own{n}": {"correct": [n % 2], "weight": 1.0, "group": n % 2} for n in range(4)}
    _write_json(folder / "own.json", {"schema": 1, "name": "own", "classes": 2, "images": images})
    scores = np.random.default_rng(3).normal(size=(4, 2)).astype(np.float32)
    np.savez(folder / "own_predictions.npz", image_ids=np.array(list(images)), scores=scores)
    pairs = [{"image_id": "own1", "other": "flipped"}]
    _write_json(folder / "confirmed.json", {"schema": 1, "pairs": pairs})


def _write_pictures(folder: pathlib.Path) -> None:
    """A picture for each of the images that have predictions."""
    folder.mkdir()
    for number, image_id in enumerate(IDS):
        Image.fromarray(np.full((8, 8, 3), 4 * number, np.uint8)).save(folder / f"{image_id}.png")


def _write_labels(folder: pathlib.Path) -> tuple[np.ndarray, list[list[int]]]:
    """The label sets original, real and weighted, class names, a hierarchy and groups; returns the first two."""
    random = np.random.default_rng(4)
    original = np.arange(IMAGES) % CLASSES
    real = []
    for label in original.tolist():
        kind = random.random()
        right = {label} if kind < 0.75 else {(label + 1) % CLASSES} if kind < 0.9 else set()
        real.append(sorted(right | ({(label + 2) % CLASSES} if right and random.random() < 0.25 else set())))
    weight = {
        "original": [1.0] * IMAGES,
        "real": [float(bool(labels)) for labels in real],
        "weighted": [float(bool(labels)) * (1 + number % 3) for number, labels in enumerate(real)],
    }
    answers = {"original": [[label] for label in original.tolist()], "real": real, "weighted": real}
    for name in weight:
        rows = zip(IDS, answers[name], weight[name], original.tolist(), strict=True)
        images = {one: {"correct": labels, "weight": share, "group": label} for one, labels, share, label in rows}
        content = {"schema": 1, "name": name, "classes": CLASSES, "images": images}
        _write_json(folder / "labels" / f"{name}.json", content)
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in NAMES))
    (folder / "is_a.txt").write_text("".join(f"{parent} {child}\n" for parent, child in HIERARCHY))
    _write_json(folder / "groups.json", [{"classes": {"3": "bone", "4": "lamp"}}])
    return original, real


def _write_predictions(folder: pathlib.Path, original: np.ndarray, real: list[list[int]]) -> None:
    """Models of different skill as .npz, one of them without some images, and one as .csv."""
    random = np.random.default_rng(5)
    right = np.zeros((IMAGES, CLASSES), np.float32)
    for row, labels in enumerate(real):
        right[row, labels or [original[row]]] = 1
    for folder_name in ("models", "more_models"):
        (folder / folder_name).mkdir()
    for number, skill in enumerate((2.5, 2.0, 1.0, 0.2)):
        scores = (random.normal(size=(IMAGES, CLASSES)) + skill * right).astype(np.float32)
        np.savez(folder / "models" / f"model{number}.npz", image_ids=np.array(IDS), scores=scores)
    some = slice(0, 50)
    scores = (random.normal(size=(IMAGES, CLASSES)) + 1.5 * right).astype(np.float32)
    np.savez(folder / "more_models" / "incomplete.npz", image_ids=np.array(IDS)[some], scores=scores[some])
    top = np.argsort(-scores, axis=1)[:, :3].tolist()
    rows = [[one, *row] for one, row in zip(IDS, top, strict=True)]
    _write_csv(folder / "more_models" / "table.csv", ["image_id", "top1", "top2", "top3"], rows)


def _write_judged(folder: pathlib.Path, original: np.ndarray) -> None:
    """Two files of mistakes with their categories and severities."""
    categories = ["Fine-grained error", "Non-prototypical", "Spurious Correlation"]
    severities = ["Major", "Major", "Minor"]
    for name, step in (("first", 5), ("second", 7)):
        rows = {
            IDS[at]: {
                "top_prediction": int((original[at] + 1) % CLASSES),
                "failure category": categories[at % 3],
                "failure severity": severities[at % 2 + at % 3 // 2],
            }
            for at in range(1, IMAGES, step)
        }
        _write_json(folder / "judged" / f"{name}.json", rows)


def _write_votes(folder: pathlib.Path, original: np.ndarray, real: list[list[int]]) -> None:
    """Five raters' answers about three classes of 30 images, one of whom always says yes, and an expert's about 12."""
    random, answers = np.random.default_rng(6), ("no", "maybe", "yes")
    chances = {True: (0.08, 0.07, 0.85), False: (0.85, 0.1, 0.05)}
    votes, gold = [], []
    for row in range(30):
        for label in sorted((original[row] + step) % CLASSES for step in range(3)):
            is_right = bool(label in real[row])
            for rater in range(5):
                answer = "yes" if rater == 4 else random.choice(answers, p=chances[is_right])
                votes.append([IDS[row], label, f"rater{rater}", answer, round(random.uniform(0.5, 4), 1)])
            if row < 12:
                gold.append([IDS[row], label, "expert", answers[2 * is_right]])
    _write_csv(folder / "votes.csv", ["image_id", "class", "rater", "answer", "seconds"], votes)
    _write_csv(folder / "gold.csv", ["image_id", "class", "rater", "answer"], gold)


def _write_imagenet(folder: pathlib.Path) -> None:
    """Twelve images under ids of ImageNet's validation set, ReaL labels, and random weights of a ConvNeXt-T."""
    random = np.random.default_rng(7)
    (folder / "images").mkdir(parents=True)
    for number in range(1, 13):
        pixels = random.integers(0, 256, (2, 2, 3), np.uint8).repeat(16, axis=0).repeat(16, axis=1)
        Image.fromarray(pixels).save(folder / "images" / f"ILSVRC2012_val_{number:08d}.png")
    real = [[label] for label in FIRST_LABELS] + [[0]] * (50_000 - len(FIRST_LABELS))
    real[1], real[2], real[3] = [971], [], [809, 810]
    _write_json(folder / "labels" / "real.json", real)
    (folder / "weights").mkdir()
    safetensors.numpy.save_file(_convnext_tiny(random), folder / "weights" / "convnext_tiny.safetensors")


def _convnext_tiny(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Tensors under torchvision's names, by which images of different colors have different classes."""
    tensors = {}

    def add(name, *shape, scale=0.02):
        tensors[f"{name}.weight"] = random.normal(0, scale, shape).astype(np.float32)
        tensors[f"{name}.bias"] = np.zeros(shape[0], np.float32)

    def add_norm(name, width):
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = np.ones(width, np.float32), np.zeros(width, np.float32)

    widths, depths = (96, 192, 384, 768), (3, 3, 9, 3)
    add("features.0.0", 96, 3, 4, 4, scale=0.2)
    add_norm("features.0.1", 96)
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        if stage:
            add_norm(f"features.{2 * stage}.0", widths[stage - 1])
            add(f"features.{2 * stage}.1", width, widths[stage - 1], 2, 2, scale=0.1)
        for block in range(depth):
            name = f"features.{2 * stage + 1}.{block}"
            tensors[f"{name}.layer_scale"] = np.full((width, 1, 1), 0.5, np.float32)
            add(f"{name}.block.0", width, 1, 7, 7)
            add_norm(f"{name}.block.2", width)
            add(f"{name}.block.3", 4 * width, width)
            add(f"{name}.block.5", width, 4 * width)
    add_norm("classifier.0", 768)
    add("classifier.2", 1000, 768)
    tensors["classifier.2.bias"][list(FIRST_LABELS[:4])] = 2  # so that some images are right
    return tensors
