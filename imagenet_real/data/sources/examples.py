"""Single features of a serialized tf.train.Example: labels, without the bytes of the image beside them.

An Example is a protocol buffer, `{1: {1: {1: name, 2: feature}, 1: {1: name, 2: feature}, ...}}`. Each message begins
with its length, so that other features can be skipped (tensorflow/core/example/example.proto).
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from imagenet_real.errors import InputError

WINDOW = 1024  # bytes per read; labels and names usually fit


Values = dict[str, list[int | bytes]]


def features_of(data: bytes, names: Collection[str]) -> Values:
    """Returns the values of the named features of a record, integers or bytes, if the record has them.

    Raises InputError if the record is not an Example.
    """
    from google.protobuf.message import DecodeError
    from tensorflow_datasets.proto import tf_example_pb2

    try:
        features = tf_example_pb2.Example.FromString(data).features.feature
    except DecodeError as error:
        raise _not_an_example(" ".join(str(error).split())) from None
    return {name: _values(features[name]) for name in names if name in features}


def _values(feature: Any) -> list[int | bytes]:
    return list(feature.int64_list.value) or list(feature.bytes_list.value)


def features_in_parts(read: Callable[[int, int], bytes], size: int, names: Collection[str]) -> Values:
    """Like `features_of`, for a record that is read in parts; it skips the parts of other features.

    Args:
      read: `read(offset, size)` returns up to `size` bytes of the record.
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
        raise _not_an_example(" ".join(str(error).split())) from None
    return values


class _Window:
    """The bytes of a record, with some of them in memory."""

    def __init__(self, read: Callable[[int, int], bytes], size: int):
        self._read, self._size = read, size
        self._begin, self._content = 0, b""

    def bytes(self, begin: int, end: int) -> bytes:
        if not self._begin <= begin <= end <= self._begin + len(self._content):
            self._begin, self._content = begin, self._read(begin, max(end - begin, WINDOW))
        content = self._content[begin - self._begin : end - self._begin]
        if len(content) != end - begin:
            raise _not_an_example(f"it ends at byte {begin + len(content)}")
        return content

    def text(self, begin: int, end: int) -> str:
        return self.bytes(begin, end).decode()

    def messages(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yields number, begin and end of the fields in a message."""
        while begin < end:
            tag, begin = self._number(begin, end)
            length, begin = self._number(begin, end)
            if tag & 7 != 2 or begin + length > end:  # 2: a field that begins with its length
                raise _not_an_example(f"at byte {begin}")
            yield tag >> 3, begin, begin + length
            begin += length

    def _number(self, begin: int, end: int) -> tuple[int, int]:
        """Reads a number, seven bits a byte. Returns it, and the position behind it."""
        number = 0
        for place, byte in enumerate(self.bytes(begin, min(begin + 10, end))):
            number |= (byte & 127) << 7 * place
            if byte < 128:
                return number, begin + place + 1
        raise _not_an_example(f"at byte {begin}")


def _not_an_example(reason: str) -> InputError:
    return InputError(f"the record is not a tf.train.Example ({reason}). Prepare the dataset again.")
