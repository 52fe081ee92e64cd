"""Single features of a serialized tf.train.Example, without reading the others: labels, and not the image beside them.

An Example is a protocol buffer, `{1: {1: {1: name, 2: feature}, 1: {1: name, 2: feature}, ...}}`, in which each message
begins with its length, so that what is not wanted can be skipped (tensorflow/core/example/example.proto).
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from imagenet_real.errors import InputError

WINDOW = 1024  # bytes read at once; labels and names mostly fit in


Values = dict[str, list[int | bytes]]


def features_of(data: bytes, names: Collection[str]) -> Values:
    """The values of the features of these names that a record has; of features that hold integers or bytes.

    Raises InputError where the record is no Example.
    """
    from google.protobuf.message import DecodeError
    from tensorflow_datasets.proto import tf_example_pb2

    try:
        features = tf_example_pb2.Example.FromString(data).features.feature
    except DecodeError as error:
        raise _no_example(" ".join(str(error).split())) from None
    return {name: _values(features[name]) for name in names if name in features}


def _values(feature: Any) -> list[int | bytes]:
    return list(feature.int64_list.value) or list(feature.bytes_list.value)


def features_in_parts(read: Callable[[int, int], bytes], size: int, names: Collection[str]) -> Values:
    """`features_of` a record that is read in parts, without those that hold other features.

    Args:
      read: `read(offset, size)` gives up to that many bytes of the record.
      size: of the record, in bytes.
      names: of the features.
    """
    from google.protobuf.message import DecodeError
    from tensorflow_datasets.proto import tf_feature_pb2

    window, values = _Window(read, size), {}
    try:
        for _, begin, end in window.messages(0, size):  # its one field, `features`
            for _, entry_begin, entry_end in window.messages(begin, end):
                entry = {number: place for number, *place in window.messages(entry_begin, entry_end)}
                name = window.text(*entry[1])
                if name in names:
                    feature = window.bytes(*entry[2]) if 2 in entry else b""
                    values[name] = _values(tf_feature_pb2.Feature.FromString(feature))
    except (DecodeError, KeyError, UnicodeDecodeError) as error:
        raise _no_example(" ".join(str(error).split())) from None
    return values


class _Window:
    """Bytes of a record, some of which are at hand."""

    def __init__(self, read: Callable[[int, int], bytes], size: int):
        self._read, self._size = read, size
        self._begin, self._held = 0, b""

    def bytes(self, begin: int, end: int) -> bytes:
        if not self._begin <= begin <= end <= self._begin + len(self._held):
            self._begin, self._held = begin, self._read(begin, max(end - begin, WINDOW))
        held = self._held[begin - self._begin : end - self._begin]
        if len(held) != end - begin:
            raise _no_example(f"it ends at byte {begin + len(held)}")
        return held

    def text(self, begin: int, end: int) -> str:
        return self.bytes(begin, end).decode()

    def messages(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Number, begin and end of the fields that lie in a message."""
        while begin < end:
            tag, begin = self._number(begin, end)
            length, begin = self._number(begin, end)
            if tag & 7 != 2 or begin + length > end:  # 2: what begins with its length
                raise _no_example(f"at byte {begin}")
            yield tag >> 3, begin, begin + length
            begin += length

    def _number(self, begin: int, end: int) -> tuple[int, int]:
        """A number, in seven bits a byte, and where it ends."""
        number = 0
        for place, byte in enumerate(self.bytes(begin, min(begin + 10, end))):
            number |= (byte & 127) << 7 * place
            if byte < 128:
                return number, begin + place + 1
        raise _no_example(f"at byte {begin}")


def _no_example(why: str) -> InputError:
    return InputError(f"the record is no tf.train.Example: {why}")
