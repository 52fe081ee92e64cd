"""A machine for pickles that builds dictionaries, lists, tuples, numbers, short strings and tensors, and nothing else.

A pickle is a program for a small machine. This machine has no import and no call: it understands the opcodes in
`OPCODES`, and a name in a pickle is a key of a table. Every step has a price, so time and memory are
bounded by the size of the file, and never by a number that the file claims.
"""

import struct
from collections.abc import Callable
from typing import Any

MAX_STEPS = 1_000_000  # about a second; a checkpoint of 5,000 tensors with its optimizer has 200,000
MAX_NAME = 1024  # bytes of a string; longer ones are no names of tensors, and are left out
MAX_INTEGER = 32  # bytes; the largest that checkpoints hold, states of random numbers, have 17
KEY_BITS = 64  # of an integer that is a key


class Damaged(Exception):
    """A file is incomplete or has another format. The message says what is wrong."""


class Refused(Exception):
    """A file contains more than weights, such as a program."""


class _LeftOut:
    """Replaces every value that weights do not need. It has no content."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "LEFT_OUT"


LEFT_OUT = _LeftOut()


class Function:
    """A name of a pickle. `make(*arguments)` builds its value; `None` builds `LEFT_OUT` of any arguments."""

    __slots__ = ("make", "max_arguments")

    def __init__(self, make: Callable | None = None, max_arguments: int = 8):
        self.make, self.max_arguments = make, max_arguments


_MARK = object()


class PickleMachine:
    """Runs the pickles from `position` of `content` on, one a call of `run`. All of them share the price.

    Args:
      content: bytes, or a mapped file; the machine copies no more of it than the strings that it keeps.
      position: of the first opcode.
      find: `find(module, name)` returns the value of a name in the pickle, often a `Function`. Raises Refused.
      load_persistent: `load_persistent(pid)` returns the value for a persistent id, a tuple.
      end: of the bytes that the pickle may use; None for those of `content`.
    """

    def __init__(
        self,
        content: Any,
        find: Callable[[str, str], Any],
        load_persistent: Callable[[tuple], Any],
        *,
        position: int = 0,
        end: int | None = None,
    ):
        self._content, self._find, self._load_persistent = content, find, load_persistent
        self.position, self._begin = position, position
        self._end = len(content) if end is None else end
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._steps = 0

    def run(self) -> Any:
        """Returns the value of the pickle; `position` is then behind it. Raises Damaged and Refused."""
        opcodes, content = OPCODES, self._content
        self._memo.clear()
        while True:
            if self.position >= self._end:
                raise Damaged("its pickle is truncated")
            code = content[self.position]
            self.position += 1
            if code == 0x2E:  # STOP
                value = self._pop()
                if self._stack:
                    raise Damaged("its pickle ends with more than one value")
                return value
            step = opcodes.get(code)
            if step is None:
                raise Damaged(f"its pickle has the opcode {bytes([code])!r}, which no checkpoint needs")
            self._charge(1)
            step(self)

    def _charge(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise Refused(f"its pickle takes more than {MAX_STEPS:,} steps. Store the weights alone, as .safetensors.")

    # Bytes of the pickle

    def _skip(self, size: int) -> int:
        """Skips `size` bytes; returns where they begin."""
        begin = self.position
        if size > self._end - begin:
            raise Damaged("its pickle is truncated")
        self.position = begin + size
        return begin

    def _read(self, size: int) -> bytes:
        begin = self._skip(size)
        return self._content[begin : begin + size]

    def _number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self._read(size), "little", signed=signed)

    def _line(self) -> str:
        end = self._content[self.position : min(self.position + MAX_NAME, self._end)].find(b"\n")
        if end < 0:
            raise Damaged("its pickle has a name without an end")
        return _decoded(self._read(end + 1)[:-1])

    # The stack

    def _pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise Damaged("its pickle takes a value that is not there")
        return self._stack.pop()

    def _pop_to_mark(self) -> list[Any]:
        stack = self._stack
        for begin in range(len(stack) - 1, -1, -1):
            if stack[begin] is _MARK:
                values = stack[begin + 1 :]
                del stack[begin:]
                return values
        raise Damaged("its pickle takes values that are not there")

    def _top(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise Damaged("its pickle takes a value that is not there")
        return self._stack[-1]

    # Opcodes

    def _mark(self) -> None:
        self._stack.append(_MARK)

    def _drop(self) -> None:
        if not self._stack:
            raise Damaged("its pickle takes a value that is not there")
        self._stack.pop()

    def _integer(self, size: int, *, signed: bool = False) -> None:
        self._stack.append(self._number(size, signed=signed))

    def _long(self, size_bytes: int) -> None:
        size = self._number(size_bytes)
        if size > MAX_INTEGER:
            raise Refused(f"its pickle has an integer of {size:,} bytes. Store the weights alone, as .safetensors.")
        self._stack.append(self._number(size, signed=True))

    def _float(self) -> None:
        self._stack.append(struct.unpack(">d", self._read(8))[0])

    def _string(self, size_bytes: int) -> None:
        size = self._number(size_bytes)
        begin = self._skip(size)
        if size > MAX_NAME:
            self._stack.append(LEFT_OUT)
            return
        self._charge(size >> 4)
        self._stack.append(_decoded(self._content[begin : begin + size]))

    def _old_string(self, size_bytes: int) -> None:  # of Python 2: text, or any bytes
        size = self._number(size_bytes)
        begin = self._skip(size)
        try:
            text = _decoded(self._content[begin : begin + size]) if size <= MAX_NAME else LEFT_OUT
        except Damaged:
            text = LEFT_OUT
        self._charge(min(size, MAX_NAME) >> 4)
        self._stack.append(text)

    def _bytes(self, size_bytes: int) -> None:
        self._skip(self._number(size_bytes))
        self._stack.append(LEFT_OUT)

    def _tuple(self) -> None:
        self._stack.append(tuple(self._pop_to_mark()))

    def _short_tuple(self, size: int) -> None:
        self._stack.append(tuple([self._pop() for _ in range(size)][::-1]))

    def _frozenset(self) -> None:
        self._pop_to_mark()
        self._stack.append(LEFT_OUT)

    def _append(self) -> None:
        self._extend([self._pop()])

    def _appends(self) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, values: list[Any]) -> None:
        target = self._top()
        if type(target) is list:
            target.extend(values)
        elif target is not LEFT_OUT:
            raise Damaged("its pickle appends to what is no list")

    def _add_items(self) -> None:
        self._pop_to_mark()
        if self._top() is not LEFT_OUT:
            raise Damaged("its pickle adds to what is no set")

    def _set_item(self) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def _set_items(self) -> None:
        self._set(self._pop_to_mark())

    def _set(self, items: list[Any]) -> None:
        target = self._top()
        if target is LEFT_OUT:
            return
        if type(target) is not dict or len(items) % 2:
            raise Damaged("its pickle sets an item of what is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            set_item(target, key, value)

    def _proto(self) -> None:
        if self._number(1) > 5:
            raise Damaged("its pickle is of an unknown protocol")

    def _frame(self) -> None:
        if self._number(8) > self._end - self.position:
            raise Damaged("its pickle is truncated")

    def _put(self, size: int) -> None:
        self._remember(self._number(size))

    def _memoize(self) -> None:
        self._remember(len(self._memo))

    def _remember(self, index: int) -> None:
        if index > self._end - self._begin:  # each value takes at least a byte
            raise Refused(
                f"its pickle has a value number {index:,}, more than its bytes. Ask its publisher for .safetensors."
            )
        self._memo[index] = self._top()

    def _get(self, size: int) -> None:
        index = self._number(size)
        if index not in self._memo:
            raise Damaged(f"its pickle takes the value number {index:,}, which is not there")
        self._stack.append(self._memo[index])

    def _global(self) -> None:
        module, name = self._line(), self._line()
        self._stack.append(self._find(module, name))

    def _stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if type(module) is not str or type(name) is not str:
            raise Damaged("its pickle has a name that is no text")
        self._stack.append(self._find(module, name))

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        self._call(function, arguments)

    def _reduce_with_keywords(self) -> None:
        self._pop()
        self._reduce()

    def _call(self, function: Any, arguments: Any) -> None:
        if function is LEFT_OUT or (type(function) is Function and function.make is None):
            self._stack.append(LEFT_OUT)
            return
        if type(function) is not Function:
            raise Damaged(f"its pickle calls {kind_of(function)}")
        if type(arguments) is not tuple or len(arguments) > function.max_arguments:
            raise Damaged("its pickle calls a function with other arguments than its own")
        for argument in arguments:
            if type(argument) in (list, tuple, dict):
                self._charge(len(argument))
        self._stack.append(function.make(*arguments))

    def _build(self) -> None:
        self._pop()
        target = self._top()
        if type(target) is not dict and target is not LEFT_OUT:
            raise Refused(f"its pickle changes {kind_of(target)} after its check. Ask its publisher for .safetensors.")

    def _persistent(self) -> None:
        pid = self._pop()
        if type(pid) is not tuple:
            raise Damaged("its pickle refers to an object other than a storage")
        self._stack.append(self._load_persistent(pid))


def set_item(target: dict[str, Any], key: Any, value: Any) -> None:
    """Sets an item if its key is a text or an integer. Hashes of other keys can take forever; weights have names."""
    if type(key) is int and key.bit_length() < KEY_BITS:
        key = str(key)
    if type(key) is str:
        target[key] = value


def kind_of(value: Any) -> str:
    """Returns what a value is, for messages, without its content."""
    name = type(value).__name__.lstrip("_")
    return "a tensor" if name in ("Storage", "StoredTensor") else f"a value of type {name}"


def _decoded(text: bytes) -> str:
    try:
        return bytes(text).decode()
    except UnicodeDecodeError:
        raise Damaged("its pickle has a name that is no text") from None


# What the machine understands beside STOP, by the number of the opcode (`pickletools`).
OPCODES: dict[int, Callable[[PickleMachine], object]] = {
    ord("("): PickleMachine._mark,
    ord("0"): PickleMachine._drop,
    ord("1"): lambda machine: machine._pop_to_mark(),
    ord("N"): lambda machine: machine._stack.append(None),
    0x88: lambda machine: machine._stack.append(True),
    0x89: lambda machine: machine._stack.append(False),
    ord("K"): lambda machine: machine._integer(1),
    ord("M"): lambda machine: machine._integer(2),
    ord("J"): lambda machine: machine._integer(4, signed=True),
    0x8A: lambda machine: machine._long(1),
    0x8B: lambda machine: machine._long(4),
    ord("G"): PickleMachine._float,
    0x8C: lambda machine: machine._string(1),
    ord("X"): lambda machine: machine._string(4),
    0x8D: lambda machine: machine._string(8),
    ord("U"): lambda machine: machine._old_string(1),
    ord("T"): lambda machine: machine._old_string(4),
    ord("C"): lambda machine: machine._bytes(1),
    ord("B"): lambda machine: machine._bytes(4),
    0x8E: lambda machine: machine._bytes(8),
    0x96: lambda machine: machine._bytes(8),
    ord(")"): lambda machine: machine._stack.append(()),
    ord("t"): PickleMachine._tuple,
    0x85: lambda machine: machine._short_tuple(1),
    0x86: lambda machine: machine._short_tuple(2),
    0x87: lambda machine: machine._short_tuple(3),
    ord("]"): lambda machine: machine._stack.append([]),
    ord("a"): PickleMachine._append,
    ord("e"): PickleMachine._appends,
    ord("}"): lambda machine: machine._stack.append({}),
    ord("s"): PickleMachine._set_item,
    ord("u"): PickleMachine._set_items,
    0x8F: lambda machine: machine._stack.append(LEFT_OUT),
    0x90: PickleMachine._add_items,
    0x91: PickleMachine._frozenset,
    0x80: PickleMachine._proto,
    0x95: PickleMachine._frame,
    ord("q"): lambda machine: machine._put(1),
    ord("r"): lambda machine: machine._put(4),
    0x94: PickleMachine._memoize,
    ord("h"): lambda machine: machine._get(1),
    ord("j"): lambda machine: machine._get(4),
    ord("c"): PickleMachine._global,
    0x93: PickleMachine._stack_global,
    ord("R"): PickleMachine._reduce,
    0x81: PickleMachine._reduce,  # NEWOBJ
    0x92: PickleMachine._reduce_with_keywords,  # NEWOBJ_EX
    ord("b"): PickleMachine._build,
    ord("Q"): PickleMachine._persistent,
}
