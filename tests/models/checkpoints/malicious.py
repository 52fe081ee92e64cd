"""Malicious and damaged checkpoints, made from a seed: `make(number, seed)`. `campaign` reads them."""

import io
import json
import pickle
import re
import struct
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.models.checkpoints import torch_writer
from tests.models.checkpoints.torch_writer import Global, PersistentId, Reduce, View

Random = np.random.Generator


def pick(random: Random, options: Sequence[Any]) -> Any:
    return options[int(random.integers(len(options)))]


def tensors() -> dict[str, np.ndarray]:
    return {"a.weight": np.arange(12, dtype=np.float32).reshape(3, 4), "a.bias": np.arange(100, 104, dtype=np.float32)}


def zipped(pickled: bytes, **storages: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, data in {"0": bytes(48), **storages}.items():
            archive.writestr(f"archive/data/{key}", data)
    return content.getvalue()


def legacy(
    pickled: bytes, keys: bytes = pickle.dumps(["0"], 2), tail: bytes = struct.pack("<q", 12) + bytes(48)
) -> bytes:
    system = {"protocol_version": 1001, "little_endian": True}
    return (
        b"".join(torch_writer.Pickle(part).content for part in (0x1950A86A20F9469CFC6C, 1001, system))
        + pickled
        + keys
        + tail
    )


def wrapped(body: bytes, random: Random) -> bytes:
    """A pickle in either format of PyTorch, alone or beside real tensors."""
    pickled = b"\x80\x02" + body + b"."
    if random.integers(2):
        pickled = b"\x80\x04}(X\x01\0\0\0a" + body + b"X\x05\0\0\0model}u."
    return zipped(pickled) if random.integers(3) else legacy(pickled)


def saved(value: object, random: Random) -> bytes:
    pickled = torch_writer.Pickle(value)
    return zipped(pickled.content, **{key: array.tobytes() for key, array in pickled.storages.items()})


CODE = re.split(
    r"\s",
    """os.system posix.system nt.system subprocess.Popen subprocess.run builtins.eval builtins.exec builtins.__import__
builtins.getattr builtins.compile builtins.open builtins.input builtins.breakpoint __builtin__.eval __builtin__.apply
importlib.import_module runpy.run_path pickle.loads torch.load torch.hub.load numpy.load ctypes.CDLL code.interact
webbrowser.open shutil.rmtree pty.spawn socket.create_connection asyncio.run timeit.timeit pdb.run bdb.Bdb.run
numpy.testing._private.utils.runstring operator.attrgetter functools.partial types.CodeType types.FunctionType
types.SimpleNamespace.__class__ collections.OrderedDict.update collections._sys.modules pathlib.os.system
argparse._os.system torch._utils.importlib torch.serialization.load torch.Size.__init__ torch.FloatStorage._new_shared
omegaconf._utils.eval datetime.sys.exit copyreg.__newobj__ copyreg.add_extension codecs.open _codecs.lookup""",
)


def code(random: Random) -> bytes:
    module, _, name = str(pick(random, CODE)).rpartition(".")
    argument = f"touch {tempfile.gettempdir()}/malicious-was-here".encode()
    text = b"X" + struct.pack("<I", len(argument)) + argument
    short = lambda word: b"\x8c" + bytes([len(word)]) + word.encode()  # noqa: E731
    named = [
        f"c{module}\n{name}\n".encode(),
        short(module) + short(name) + b"\x93",
        short(f"{module}.{name}".partition(".")[0]) + short(f"{module}.{name}".partition(".")[2]) + b"\x93",
    ][random.integers(3)]
    call = [b"R", b"\x81", b"}\x92", b"b", b"Q", b"R}b", b"\x85R"][random.integers(7)]
    old = [b"(" + text + f"i{module}\n{name}\n".encode(), b"(" + named + text + b"o", b"\x82\x01"][random.integers(3)]
    return wrapped(old if random.integers(4) == 0 else named + text + b"\x85" + call, random)


def memo(random: Random) -> bytes:
    index = int(pick(random, [1 << 16, 1 << 24, 1 << 28, (1 << 32) - 1]))
    body = [b"Nr" + struct.pack("<I", index), b"j" + struct.pack("<I", index), b"Nq\xff" * int(random.integers(1, 9))]
    return wrapped(body[random.integers(3)], random)


def doubled(random: Random) -> bytes:
    """A tuple of itself twice, and so on: 2^n leaves in n steps, which hashes and texts would visit."""
    depth = int(random.integers(20, 200))
    value = b"(K\x01t" + b"".join(b"q\x00h\x00\x86" for _ in range(depth))
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x0ctQ"
    uses = [
        b"}" + value + b"K\x01s",  # as a key
        b"}(X\x01\0\0\0a" + value + b"u",
        rebuild + b"(" + storage + b"K\x00" + value + b"K\x01\x85tR",  # as a shape
        rebuild + b"(" + storage + value + b"K\x01\x85K\x01\x85tR",  # as an offset
        b"(X\x07\0\0\0storagectorch\nFloatStorage\n" + value + b"X\x03\0\0\0cpuK\x0ctQ",  # as the key of a storage
        value + b"Q",
        b"ccollections\nOrderedDict\n" + value + b"\x85R",
        b"\x8f(" + value + b"\x90",
        b"(" + value + b"\x91",
        value + value + b"\x93",
    ]
    return wrapped(uses[random.integers(len(uses))], random)


def deep(random: Random) -> bytes:
    depth = int(pick(random, [1_000, 50_000, 300_000]))
    opened, closed = [(b"]", b"a"), (b"N", b"\x85"), (b"}N", b"s"), (b"(", b"t")][random.integers(4)]
    return wrapped(opened * depth + b"N" * (opened == b"]") + closed * depth, random)


def text(random: Random) -> bytes:
    length = int(pick(random, [1 << 16, 1 << 31, 1 << 60]))
    body = [
        b"X" + struct.pack("<I", min(length, (1 << 32) - 1)),
        b"\x8d" + struct.pack("<Q", length),
        b"\x8e" + struct.pack("<Q", length),
        b"\x96" + struct.pack("<Q", length),
        b"T" + struct.pack("<I", min(length, (1 << 31))),
        b"\x95" + struct.pack("<Q", length),
        b"X" + struct.pack("<I", 4_000_000) + "é".encode() * 2_000_000,
        (b"X" + struct.pack("<I", 1000) + "😀".encode() * 250 + b"0") * 3000 + b"N",
        b"c" + b"a" * 2_000_000,
    ]
    return wrapped(body[random.integers(len(body))], random)


def integer(random: Random) -> bytes:
    size = int(pick(random, [200, 60_000, 3_000_000]))
    digits = b"9" * size
    body = [
        b"\x8b" + struct.pack("<I", size) + b"\x7f" * size,
        b"\x8b" + struct.pack("<I", 0xFFFFFFFF),
        b"\x8a\xff" + b"\x7f" * 255,
        b"I" + digits + b"\n",
        b"L" + digits + b"L\n",
        b"F" + digits + b"\n",
        b"S'" + digits + b"'\n",
    ]
    return wrapped(body[random.integers(len(body))], random)


FLOATS = Global("torch", "FloatStorage")
REBUILD = Global("torch._utils", "_rebuild_tensor_v2")
STORAGE = PersistentId(("storage", FLOATS, "0", "cpu", 12))


def tensor(random: Random) -> bytes:
    """Tensors that reach beyond their numbers."""
    number = lambda: int(pick(random, [-1, 0, 1, 4, 13, 1 << 20, 1 << 40, 1 << 62, -(1 << 63)]))  # noqa: E731
    axes = int(pick(random, [0, 1, 2, 3, 33, 1000]))
    shape, strides = (tuple(number() for _ in range(axes)) for _ in range(2))
    values = [
        Reduce(REBUILD, (STORAGE, number(), shape, strides)),
        View(np.zeros((3, 4), np.float32), number(), shape, strides),
        PersistentId(
            (
                "storage",
                FLOATS,
                str(pick(random, ["0", "9", "../../etc/passwd", "", "\0", "0" * 1000])),
                "cpu",
                number(),
            )
        ),
        Reduce(REBUILD, (STORAGE, 0, (3,), (1,)), {"shape": (1 << 40,)}),
        Reduce(REBUILD, ("no storage", 0, (3,), (1,))),
        Reduce(REBUILD, (STORAGE,) * int(random.integers(0, 12))),
        Reduce(Global("torch", "Size"), ((1,) * 1000,)),
        Reduce(Global("torch._tensor", "_rebuild_from_type_v2"), (Global("torch", "Size"), FLOATS, (STORAGE,), {})),
        {"x": True, 3.5: None, (1, 2): 4, None: 5},
    ]
    value = values[random.integers(len(values))]
    return saved({"model": {"good": np.zeros((3, 4), np.float32), "bad": value}}, random)


def repeated(random: Random) -> bytes:
    """Few bytes that ask for much work again and again."""
    count = int(pick(random, [1_000, 30_000, 150_000]))
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x0ct"
    pairs = b"](" + b"(X\x01\0\0\0aNt" * 1000 + b"e"
    long_shape = b"(" + b"K\x01" * 10_000 + b"t"
    body = [
        storage + b"q\x00" + b"h\x00Q0" * count,
        pairs + b"q\x01" + b"ccollections\nOrderedDict\nh\x01\x85R0" * (count // 10),
        long_shape
        + b"q\x01"
        + storage
        + b"Qq\x02"
        + b"ctorch._utils\n_rebuild_tensor_v2\n(h\x02K\0h\x01h\x01tR0" * (count // 10),
        long_shape + b"q\x01" + b"ctorch\nSize\nh\x01R0" * (count // 10),
        long_shape + b"q\x01" + b"ctorch\nSize\nh\x01\x85R0" * (count // 10),
        b"}("
        + b"".join(b"\x8a\x08" + struct.pack("<q", key * ((1 << 61) - 1) % (1 << 62)) + b"N" for key in range(1, count))
        + b"u",
        b"}" * count + b"0" * (count - 1),
        b"(" * count,
        b"0" * count,
        b"N" * 3_000_000 + b"0" * 2_999_999,
    ]
    return wrapped(body[random.integers(len(body))], random)


def archive_claims(random: Random) -> bytes:
    """A zip archive whose directory lies."""
    content = bytearray(saved(tensors(), random))
    directory, end = content.find(b"PK\1\2"), content.rfind(b"PK\5\6")
    kind = random.integers(8)
    if kind == 0:  # a member that claims terabytes
        struct.pack_into("<2L", content, directory + 20, 0xFFFFFFFF, 0xFFFFFFFF)
    elif kind == 1:
        extra = struct.pack("<2H2Q", 1, 16, 1 << 41, 1 << 41)
        struct.pack_into("<2L", content, directory + 20, 0xFFFFFFFF, 0xFFFFFFFF)
        struct.pack_into("<H", content, directory + 30, len(extra))
        name = struct.unpack_from("<H", content, directory + 28)[0]
        content[directory + 46 + name : directory + 46 + name] = extra
        end += len(extra)
        struct.pack_into("<L", content, end + 12, struct.unpack_from("<L", content, end + 12)[0] + len(extra))
    elif kind == 2:  # where it begins
        struct.pack_into("<L", content, directory + 42, int(pick(random, [1, 5000, 0xFFFFFFFE])))
    elif kind == 3:  # how it is packed, and whether it is encrypted
        struct.pack_into(
            "<2H",
            content,
            directory + 8,
            int(pick(random, [0, 1, 0x800, 0xFFFF])),
            int(pick(random, [8, 12, 14, 99])),
        )
    elif kind == 4:  # the directory itself
        struct.pack_into(
            "<2L",
            content,
            end + 12,
            int(pick(random, [0, 10, 1 << 24, 0xFFFFFFFF])),
            int(pick(random, [0, 3, 0xFFFFFFFF])),
        )
    elif kind == 5:  # a directory of many members
        entry = bytes(content[directory : directory + 46]) + b"a" * struct.unpack_from("<H", content, directory + 28)[0]
        many = int(pick(random, [1000, 50_000, 400_000]))
        tail = bytearray(content[end:])
        struct.pack_into("<2L", tail, 12, len(entry) * many, directory)
        content[directory:] = entry * many + tail
    elif kind == 6:  # compressed
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", b"\x80\x02" + b"N0" * 5_000_000 + b"}.")
        return packed.getvalue()
    else:  # an end that is a comment, or a second end
        content += content[end:]
    return bytes(content)


def old_format(random: Random) -> bytes:
    pickled = torch_writer.Pickle({"a": np.zeros(12, np.float32)}, legacy=True).content
    count = int(pick(random, [0, 11, 13, 1 << 40, (1 << 62), -1]))
    keys = [["0"], ["0"] * 1000, ["1"], [0], [("0",)], "0", [], None, [[["0"]]]][random.integers(9)]
    return legacy(
        pickled, torch_writer.Pickle(keys).content, struct.pack("<q", count) + bytes(int(random.integers(0, 60)))
    )


def npz(random: Random) -> bytes:
    """Arrays of NumPy whose headers lie, and what NumPy would evaluate."""
    headers = [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<U1000000', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 70 + "), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 5000 + ")" * 5000 + ", }",
        "__import__('os').system('true')",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9**9**9,), }",
        "{'descr': '<f4'}",
        "\0" * 100,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (True,), }",
    ]
    header = headers[random.integers(len(headers))].encode() + b"\n"
    version = int(pick(random, [1, 2, 3, 9]))
    length = struct.pack("<H" if version == 1 else "<L", min(len(header), 65535))
    if random.integers(5) == 0:
        length = b"\xff" * len(length)
    member = b"\x93NUMPY" + bytes([version, 0]) + length + header + bytes(48)
    if random.integers(4) == 0:
        member += bytes(30_000_000)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", member)
    return content.getvalue()


def header(random: Random) -> bytes:
    """The header of a .safetensors file."""
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    texts = [
        "[" * 200_000,
        '{"a":' * 200_000,
        '{"a":' * 900 + "1" + "}" * 900,
        "{" + ",".join(f'"{number}":{{}}' for number in range(300_000)) + "}",
        json.dumps({"a": [[]] * 400_000}),
        '{"a": ' + json.dumps(entry) + ', "a": ' + json.dumps(entry) + "}",
        json.dumps({"a": entry | {"shape": [1 << 62, 1 << 62]}}),
        json.dumps({"a": entry | {"shape": [1] * 100_000}}),
        json.dumps({"a": entry | {"shape": [2.0]}}),
        json.dumps({"a": entry | {"shape": [True, 2]}}),
        json.dumps({"a": entry | {"data_offsets": [-8, 0]}}),
        json.dumps({"a": entry | {"data_offsets": [0, 1 << 70]}}),
        json.dumps({"a": entry | {"data_offsets": [0, 4, 8]}}),
        json.dumps({"a": entry | {"dtype": "X" * 10_000}}),
        json.dumps({"a\n\x1b[31m" + "b" * 10_000: entry | {"dtype": "F4"}}),
        '{"a": {"dtype": "F32", "shape": [' + "9" * 1_000_000 + '], "data_offsets": [0, 8]}}',
        '{"a": NaN}',
        '{"a": "\\ud800"}',
        "{" + " " * 1_000_000 + "}",
    ]
    text = texts[random.integers(len(texts))].encode()
    length = len(text) if random.integers(5) else int(pick(random, [0, 1, len(text) + 100, 1 << 60, (1 << 64) - 1]))
    return struct.pack("<Q", length) + text + bytes(8)


def build(random: Random) -> bytes:
    """State that is set on what was checked."""
    made = [
        b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x0ctQ",
        b"ctorch\nFloatStorage\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch\nSize\n",
        b"ccollections\nOrderedDict\n)R",
        b"cargparse\nNamespace\n)R",
        b"cpathlib\nPosixPath\nX\x01\0\0\0a\x85R",
        b"comegaconf.dictconfig\nDictConfig\n)\x81",
        b"]",
        b"N",
        b"\x8c\x01a",
    ][random.integers(11)]
    state = [b"}X\x06\0\0\0offsetJ\xff\xff\xff\x7fs", b"N}X\x05\0\0\0makeNs\x86", b"]", b"NN\x86", b"h\x00"][
        random.integers(5)
    ]
    return wrapped(b"Nq\x000" + made + state + b"b", random)


def flipped(random: Random) -> bytes:
    """A good file with a few other bits, cut off, or with a part of another file in it."""
    content = io.BytesIO()
    kind = random.integers(4)
    if kind == 0:
        content.write(saved(tensors(), random))
    elif kind == 1:
        np.savez(content, **tensors())
    elif kind == 2:
        content.write(legacy(torch_writer.Pickle({"a": np.zeros(12, np.float32)}, legacy=True).content))
    else:
        text = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
        content.write(struct.pack("<Q", len(text)) + text + bytes(8))
    data = bytearray(content.getvalue())
    for _ in range(int(random.integers(1, 6))):
        place = int(random.integers(len(data)))
        change = random.integers(4)
        if change == 0:
            data[place] ^= 1 << int(random.integers(8))
        elif change == 1:
            del data[place : place + int(random.integers(1, 20))]
        elif change == 2:
            data[place:place] = random.bytes(int(random.integers(1, 20)))
        else:
            data[place : place + 8] = struct.pack("<Q", int(pick(random, [0, 1 << 31, 1 << 63, (1 << 64) - 1])))
        data = data or bytearray(b"\0")
    return bytes(data)


FUNCTIONS = (
    *(code, memo, doubled, deep, text, integer, tensor, repeated),
    *(archive_claims, old_format, npz, header, build, flipped),
)
KINDS: dict[str, Callable[[Random], bytes]] = {function.__name__: function for function in FUNCTIONS}


def make(number: int, seed: int) -> tuple[str, bytes]:
    """Returns the kind and the content of file `number`. Every kind has the same share."""
    kind = list(KINDS)[number % len(KINDS)]
    return kind, KINDS[kind](np.random.default_rng([seed, number]))
