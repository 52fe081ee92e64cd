"""Features of a tf.train.Example, with and without reading all of it."""

import os

import pytest
from tensorflow_datasets.proto import tf_feature_pb2

from imagenet_real.data.sources.examples import features_in_parts, features_of
from imagenet_real.errors import InputError


def feature(values):
    if values and isinstance(values[0], bytes):
        return tf_feature_pb2.Feature(bytes_list=tf_feature_pb2.BytesList(value=values))
    return tf_feature_pb2.Feature(int64_list=tf_feature_pb2.Int64List(value=values))


VALUES = {
    "label": [-1],
    "real_label": [0, 999, 2**62],
    "file_name": [b"ILSVRC2012_val_00000001.JPEG"],
    "long": [os.urandom(5000)],
    "none": [],
}
IMAGE = os.urandom(300_000)


def serialized(names):
    """An Example with these features in this order, which a serializer chooses as it likes."""
    features = [
        tf_feature_pb2.Features(feature={name: feature([IMAGE] if name == "image" else VALUES[name])}) for name in names
    ]
    body = b"".join(one.SerializeToString() for one in features)  # messages in a row are one message
    return b"\x0a" + length_of(body) + body


def length_of(body):
    size, groups = len(body), []
    while size > 127:
        groups.append(size & 127 | 128)
        size >>= 7
    return bytes([*groups, size])


@pytest.mark.parametrize("order", [["image", *VALUES], [*VALUES, "image"], ["label", "image", "long", "none"], []])
def test_the_features_that_are_asked_for_and_few_bytes_beside(order):
    data, read = serialized(order), []

    def part(offset, size):
        read.append(len(data[offset : offset + size]))
        return data[offset : offset + size]

    wanted = {"label", "real_label", "file_name", "long", "none", "absent"}
    expected = {name: VALUES[name] for name in order if name != "image"}
    assert features_in_parts(part, len(data), wanted) == features_of(data, wanted) == expected
    assert sum(read) < 10_000


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"\x0b" + data[1:], lambda data: b"\xff" * 20])
def test_what_is_no_example(damage):
    data = damage(serialized(["label", "file_name"]))
    with pytest.raises(InputError, match="the record is not a tf.train.Example ") as error:
        features_in_parts(lambda offset, size: data[offset : offset + size], len(data), {"label"})
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="the record is not a tf.train.Example "):
        features_of(data, {"label"})
