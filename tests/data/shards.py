"""Writes the same images in every format that people have: WebDataset, Parquet, TFRecord, a table."""

import io
import json
import pathlib
import struct
import tarfile
from collections.abc import Mapping, Sequence

import google_crc32c
import pyarrow as pa
import pyarrow.parquet as pq

Images = Mapping[str, bytes]  # name with its ending -> encoded image


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Adds a file to a tar."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def write_webdataset(
    folder: pathlib.Path, images: Images, labels: Sequence | None, shards: int = 2, stem: str = "part"
) -> str:
    """Writes shards of WebDataset. Returns the pattern that means them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(images)
    for shard in range(shards):
        with tarfile.open(folder / f"{stem}-{shard:06d}.tar", "w") as archive:
            for row in range(shard * len(names) // shards, (shard + 1) * len(names) // shards):
                key, _, ending = names[row].rpartition(".")
                add(archive, f"{key}.{ending}", images[names[row]])
                if labels is not None:
                    add(archive, f"{key}.cls", str(labels[row]).encode())
                    add(archive, f"{key}.json", json.dumps({"label": labels[row]}).encode())
    return f"{folder}/{stem}-{{000000..{shards - 1:06d}}}.tar"


def write_parquet(
    folder: pathlib.Path,
    images: Images,
    labels: Sequence | None,
    shards: int = 2,
    split: str = "validation",
    names: Sequence[str] | None = None,
    rows_per_group: int = 3,
) -> str:
    """Writes shards as the Hub has them. Returns the pattern that means them."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    features: dict = {"image": {"_type": "Image"}}
    if names is not None:
        features["label"] = {"names": list(names), "_type": "ClassLabel"}
    paths = list(images)
    for shard in range(shards):
        rows = range(shard * len(paths) // shards, (shard + 1) * len(paths) // shards)
        columns = {"image": [{"bytes": images[paths[row]], "path": paths[row]} for row in rows]}
        if labels is not None:
            columns["label"] = [labels[row] for row in rows]
        table = pa.table(columns).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        file = folder / "data" / f"{split}-{shard:05d}-of-{shards:05d}.parquet"
        pq.write_table(table, file, row_group_size=rows_per_group)
    return f"{folder}/data/{split}-*.parquet"


def write_tfrecords(
    folder: pathlib.Path, images: Images, labels: Sequence[int] | None, shards: int = 2, wnids: Sequence[str] = ()
) -> str:
    """Writes TFRecords as TensorFlow's models have them. Returns the pattern that means them."""
    from tensorflow_datasets.proto import tf_example_pb2, tf_feature_pb2

    folder.mkdir(parents=True, exist_ok=True)
    paths = list(images)
    for shard in range(shards):
        with open(folder / f"validation-{shard:05d}-of-{shards:05d}", "wb") as file:
            for row in range(shard * len(paths) // shards, (shard + 1) * len(paths) // shards):
                texts = {"image/encoded": images[paths[row]], "image/filename": paths[row].encode()}
                if wnids:
                    texts["image/class/synset"] = wnids[row].encode()
                features = {
                    name: tf_feature_pb2.Feature(bytes_list=tf_feature_pb2.BytesList(value=[text]))
                    for name, text in texts.items()
                }
                if labels is not None:
                    features["image/class/label"] = tf_feature_pb2.Feature(
                        int64_list=tf_feature_pb2.Int64List(value=[labels[row]])
                    )
                example = tf_example_pb2.Example(features=tf_feature_pb2.Features(feature=features))
                write_record(file, example.SerializeToString())
    return f"{folder}/validation-*"


def write_record(file: io.BufferedWriter, data: bytes) -> None:
    """Writes a record of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    file.write(length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data)))


def masked_crc(data: bytes) -> int:
    """CRC-32C as TFRecord stores it."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def write_table(folder: pathlib.Path, images: Images, labels: Sequence | None, header: str = "path,label") -> str:
    """Writes the images below `pictures`, and a CSV beside that folder that lists them."""
    lines = [header]
    for row, (name, content) in enumerate(images.items()):
        path = folder / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        lines.append(f"pictures/{name}" + ("" if labels is None else f",{labels[row]}"))
    (folder / "images.csv").write_text("\n".join(lines) + "\n")
    return str(folder / "images.csv")
