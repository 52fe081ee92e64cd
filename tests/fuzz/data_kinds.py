"""Images, archives, datasets and weights."""

import contextlib
import io
import json
import struct
import tarfile

import numpy as np

from tests.fuzz.kinds import Folder, Kind
from tests.models.checkpoints import torch_writer


def picture(ending: str, seed: int = 0) -> bytes:
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, {"jpg": "JPEG", "ppm": "PPM"}.get(ending, ending.upper()))
    return file.getvalue()


def _picture_maker(ending: str):
    def make(folder: Folder) -> Folder:
        (folder / f"a.{ending}").write_bytes(picture(ending))
        return folder / f"a.{ending}"

    return make


def _decode(path: Folder):
    from imagenet_real.data.decoding import decode
    from imagenet_real.errors import InputError

    try:
        return decode(path.read_bytes())
    except InputError as error:  # its caller, which knows the image, adds its id
        raise InputError(f"{path.name}: {error}") from None


def _boxes(folder: Folder) -> Folder:
    rows = [f"a{n}.jpg,24,32,{n}.5,1,{n + 3},9.25" for n in range(20)]
    (folder / "boxes.csv").write_text("\n".join(["image_id,height,width,y0,x0,y1,x1", *rows]) + "\n")
    return folder / "boxes.csv"


def _read_boxes(path: Folder):
    from imagenet_real.data.objects import read_boxes

    return read_boxes(path)


def _tar(folder: Folder) -> Folder:
    with tarfile.open(folder / "images.tar", "w") as tar:
        for number in range(6):
            content = picture("jpg", number)
            member = tarfile.TarInfo(f"class{number % 2}/{'long' * 40 if number == 3 else 'a'}{number}.jpg")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return folder / "images.tar"


def _read_tar(path: Folder):
    from imagenet_real.data.sources.open import open_source
    from imagenet_real.data.sources.records import UnreadableRecord

    source = open_source(str(path))
    source.label_fields()
    for index in range(len(source)):
        with contextlib.suppress(UnreadableRecord):
            source[index]


def _dataset(folder: Folder) -> Folder:
    """A dataset of TFDS with one shard of images."""
    from imagenet_real.data.sources.open import open_source
    from imagenet_real.data.writers.prepare import prepare

    (folder / "images").mkdir()
    for number in range(6):
        (folder / "images" / f"class{number % 2}").mkdir(exist_ok=True)
        (folder / "images" / f"class{number % 2}" / f"a{number}.jpg").write_bytes(picture("jpg", number))
    source = open_source(str(folder / "images"))
    prepare(source, str(folder / "tfds"), name="small", split="train", version="1.0.0", shards=1)
    return folder / "tfds" / "small" / "1.0.0"


def _dataset_file(name: str):
    def make(folder: Folder) -> Folder:
        return next(_dataset(folder).glob(name))

    return make


def _read_dataset(path: Folder):
    from imagenet_real.data.sources.records import UnreadableRecord, label_sets_of
    from imagenet_real.data.sources.tfds import TfdsSource

    source = TfdsSource("tfds:small", "train", str(path.parent.parent.parent))
    label_sets_of(source)
    for index in range(len(source)):
        with contextlib.suppress(UnreadableRecord):  # the program lists such images
            source[index]


def _label_fields(folder: Folder) -> Folder:
    place = _dataset(folder)
    _read_dataset(place / "dataset_info.json")
    return next(place.glob("label_fields_*.npz"))


def _read_metadata(path: Folder):
    from imagenet_real.data.sources.open import open_source
    from imagenet_real.data.writers.prepare import prepare

    folder = path.parent.parent.parent.parent
    source = open_source(str(folder / "images"))
    return prepare(source, str(folder / "tfds"), name="small", split="train", version="1.0.0", shards=1)


def _plan(folder: Folder) -> Folder:
    """A dataset that is not finished: its plan, and its shard."""
    place = _dataset(folder)
    metadata = json.loads((place / "metadata.json").read_text())
    unfinished = place.rename(place.with_name("incomplete_1.0.0"))
    for name in ("dataset_info.json", "features.json", "metadata.json"):
        (unfinished / name).unlink()
    (unfinished / ".train.json").write_text(json.dumps({**metadata["train"], "shards": 1}))
    return unfinished / ".train.json"


def _tfrecord(folder: Folder) -> Folder:
    """The same dataset as TFRecord."""
    from imagenet_real.data.sources.tfds import TfdsSource
    from imagenet_real.data.sources.tfrecords import FOOTER, HEADER, _masked_crc

    place = _dataset(folder)
    source = TfdsSource("tfds:small", "train", str(folder / "tfds"))
    content = b""
    for index in range(len(source)):
        record = bytes(source._records[index])
        length = struct.pack("<Q", len(record))
        content += HEADER.pack(len(record), _masked_crc(length)) + record + FOOTER.pack(_masked_crc(record))
    shard = next(place.glob("*.array_record*"))
    path = shard.with_name(shard.name.replace("array_record", "tfrecord"))
    path.write_bytes(content)
    shard.unlink()
    info = json.loads((place / "dataset_info.json").read_text())
    info["fileFormat"] = "tfrecord"
    text = json.dumps(info).replace("array_record", "tfrecord")
    (place / "dataset_info.json").write_text(text)
    return path


def _record_index(folder: Folder) -> Folder:
    path = _tfrecord(folder)
    _read_dataset(path)
    return next(path.parent.glob("*.record_index.npz"))


def _read_conversion(path: Folder):
    from imagenet_real.data.writers.convert import convert

    return convert(
        "tfds:small", str(path.parent.parent.parent), str(path.parent.parent.parent.parent / "new"), workers=1
    )


def _safetensors(folder: Folder) -> Folder:
    tensors = {f"blocks.{n}.weight": np.ones((4, 5), np.float32) for n in range(6)}
    header, content = {}, b""
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": [4, 5], "data_offsets": [len(content), len(content) + tensor.nbytes]}
        content += tensor.tobytes()
    text = json.dumps(header).encode()
    (folder / "weights.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + content)
    return folder / "weights.safetensors"


def _weights_npz(folder: Folder) -> Folder:
    np.savez(folder / "weights.npz", **{f"params/block{n}/kernel": np.ones((4, 5), np.float32) for n in range(4)})
    return folder / "weights.npz"


def _pth(folder: Folder) -> Folder:
    torch_writer.save(folder / "weights.pth", {f"blocks.{n}.weight": np.ones((4, 5), np.float32) for n in range(4)})
    return folder / "weights.pth"


def _legacy_pth(folder: Folder) -> Folder:
    torch_writer.save_legacy(
        folder / "weights.pth", {f"blocks.{n}.weight": np.ones((4, 5), np.float32) for n in range(4)}
    )
    return folder / "weights.pth"


def _read_weights(path: Folder):
    from imagenet_real.models.checkpoints.tensors import open_tensors

    tensors = open_tensors(path)
    return [tensors.read(name) for name in tensors.shapes]


KINDS = (
    *(
        Kind(f"image: {ending}", "bytes", _picture_maker(ending), _decode)
        for ending in ("jpg", "png", "webp", "bmp", "tiff", "gif", "ppm")
    ),
    Kind("images: boxes.csv", "csv", _boxes, _read_boxes),
    Kind("images: tar", "tar", _tar, _read_tar),
    Kind(
        "dataset: dataset_info.json",
        "json",
        _dataset_file("dataset_info.json"),
        _read_dataset,
        names=("tfds:small", "images"),
    ),
    Kind(
        "dataset: features.json", "json", _dataset_file("features.json"), _read_dataset, names=("tfds:small", "images")
    ),
    Kind("dataset: class names", "lines", _dataset_file("*.labels.txt"), _read_dataset, names=("tfds:small", "images")),
    Kind(
        "dataset: ArrayRecord", "bytes", _dataset_file("*.array_record*"), _read_dataset, names=("tfds:small", "images")
    ),
    Kind("dataset: TFRecord", "bytes", _tfrecord, _read_dataset, names=("tfds:small", "images")),
    Kind("dataset: kept labels", "npz", _label_fields, _read_dataset, names=("tfds:small", "images")),
    Kind("dataset: kept index", "npz", _record_index, _read_dataset, names=("tfds:small", "images")),
    Kind(
        "dataset: metadata.json", "json", _dataset_file("metadata.json"), _read_metadata, names=("tfds:small", "images")
    ),
    Kind("dataset: plan of prepare", "json", _plan, _read_metadata, names=("tfds:small", "images")),
    Kind("dataset: TFRecord to convert", "bytes", _tfrecord, _read_conversion, names=("tfds:small", "images")),
    Kind("weights: safetensors", "safetensors", _safetensors, _read_weights),
    Kind("weights: npz", "npz", _weights_npz, _read_weights),
    Kind("weights: pth", "bytes", _pth, _read_weights),
    Kind("weights: pth of old PyTorch", "bytes", _legacy_pth, _read_weights),
)
