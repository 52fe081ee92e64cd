"""Mutations of files: of bytes, JSON, text, CSV, npz, SQLite and tar. Each takes the content and a random generator."""

import csv
import io
import json
import random
import sqlite3
import struct
import tempfile
import warnings
import zipfile

import numpy as np

LONG = 20_000  # characters
# Values that do not belong where they are put, as JSON writes them.
JSON_VALUES = (
    *(
        "null",
        "true",
        "false",
        "[]",
        "{}",
        '""',
        "0",
        "-1",
        "1.7",
        "-0.0",
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        "1e-400",
    ),
    *(str(2**31), str(2**31 - 1), str(2**63), str(-(2**63) - 1), "1" + "0" * 400, "9" * 5000, '"5"', '"n01440764"'),
    *('"\\u0000"', '"\\ud800"', '"a\\nb"', '"\\u001b[2J"', '"../x"', '"/tmp/x"', '"=cmd|x"', '"x.JPEG"', '"NaN"'),
    *("[" * 50 + "]" * 50, "[" * 900 + "]" * 900, "[" * 100_000, '{"a":' * 20_000, '[{"a":[' * 300 + "]}]" * 300),
    *(
        json.dumps("x" * LONG),
        json.dumps(list(range(5001))),
        json.dumps([[]] * 3000),
        json.dumps({str(n): n for n in range(999)}),
    ),
    *(
        '{"a": 1, "a": 2}',
        "[null]",
        "[true]",
        '["a"]',
        "[[1]]",
        "[1.5]",
        "[-1]",
        '{"": 0}',
        "'a'",
        "[1,]",
        "// x\n1",
        "0x10",
    ),
)
CELLS = (
    *(
        "",
        " ",
        "-1",
        "1.7",
        "1e3",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "1_000",
        "0x10",
        "+1",
        "٣",
        "²",
        "5 ",
        "True",
        "[1 2]",
        "[1,2]",
    ),
    *(
        str(2**31),
        str(2**63),
        "9" * 30,
        "9" * 5000,
        "x" * LONG,
        "x" * 200_000,
        '"',
        '""',
        "'",
        "a\0b",
        "a\nb",
        "\x1b[2J",
        "\ud800",
    ),
    *(
        "../x",
        "/tmp/x",
        "=cmd|x",
        "é",
        "n01440764",
        "[" * 500 + "]" * 500,
        "['a' 'b']",
        "['\\x00']",
        "[" + "1 " * 5001 + "]",
    ),
)
DTYPES = (
    "f2",
    "f4",
    "f8",
    ">f4",
    ">i8",
    "i1",
    "i2",
    "i4",
    "i8",
    "u8",
    "b1",
    "c8",
    "M8[s]",
    "m8[s]",
    "U1",
    "U3",
    "S4",
    "V2",
    "V3",
    "O",
)
VALUES = (np.nan, np.inf, -np.inf, -1, -2, 1.7, 2**31, 2**40, -(2**31), 1e30)


def mutate(content: bytes, kind: str, rng: random.Random) -> bytes:
    """Returns the content of a file of a kind (`json`, `lines`, `csv`, `npz`, `npy`, `sqlite`, `tar`, `bytes`) after 1 to 3 mutations."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        structural = STRUCTURAL.get(kind)
        if structural is not None and rng.random() < 0.65:
            try:
                content = structural(content, rng)
                continue
            except Exception:  # an earlier mutation left nothing to parse
                pass
        general = BYTES if kind not in ("json", "jsonl", "lines", "csv") or rng.random() < 0.6 else TEXT
        content = rng.choice(general)(content, rng)
    return content


def _place(content: bytes, rng: random.Random) -> int:
    return (
        rng.randrange(len(content) + 1) if rng.random() < 0.7 else rng.choice((0, len(content), min(64, len(content))))
    )


def cut(content, rng):
    return content[: _place(content, rng)]


def flip(content, rng):
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if damaged:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def flip_near_an_end(content, rng):
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 2, 4))):
        if damaged:
            near = rng.randrange(min(200, len(damaged)))
            damaged[near if rng.random() < 0.5 else -1 - near] = rng.choice(
                (0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256))
            )
    return bytes(damaged)


def overwrite(content, rng):
    start, size = _place(content, rng), rng.choice((1, 4, 8, 100, 4096))
    filler = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size)))
    return content[:start] + filler[: len(content) - start] + content[start + size :]


def insert(content, rng):
    start = _place(content, rng)
    return (
        content[:start]
        + rng.choice((b"\0", b"\xff", b"\n", b'"', b"[", rng.randbytes(20), bytes(600)))
        + content[start:]
    )


def remove(content, rng):
    start = _place(content, rng)
    return content[:start] + content[start + rng.choice((1, 2, 16, 512, 5000)) :]


def repeat(content, rng):
    start = _place(content, rng)
    block = content[start : start + rng.choice((8, 100, 2000))]
    return content[:start] + block * rng.choice((2, 3, 50)) + content[start:]


def swap(content, rng):
    a, b, c = sorted(_place(content, rng) for _ in range(3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def replace(content, rng):
    return rng.choice(
        (b"", b"\n", b"null", b"PK\x03\x04", b"\x93NUMPY", b"\x80\x04.", b"<html>", rng.randbytes(300), bytes(4096))
    )


def number(content, rng):
    """Writes a large or odd integer over some bytes, as sizes and offsets in binary files are."""
    value = struct.pack(
        rng.choice("<>") + "q", rng.choice((-1, 0, 1, 2**31, 2**32 - 1, 2**40, 2**62, -(2**63), rng.getrandbits(40)))
    )
    start = _place(content, rng)
    value = value[: rng.choice((2, 4, 8))]
    return content[:start] + value[: len(content) - start] + content[start + len(value) :]


BYTES = (
    cut,
    cut,
    flip,
    flip,
    flip,
    flip_near_an_end,
    flip_near_an_end,
    overwrite,
    insert,
    remove,
    repeat,
    swap,
    replace,
    number,
    number,
)


def recode(content, rng):
    text = content.decode("utf-8", "replace")
    return text.encode(
        rng.choice(("utf-16", "utf-8-sig", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-7")), "replace"
    )


def line_ends(content, rng):
    return content.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b"\xe2\x80\xa8", b"\0\n", b"")))


def odd_character(content, rng):
    start = _place(content, rng)
    odd = rng.choice(
        (b"\0", b"\xef\xbb\xbf", b"\x1b[2J", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\xff", b"\x0c", b"\xc3", b"\xd9\xa3")
    )
    return content[:start] + odd + content[start:]


def other_number(content, rng):
    """Replaces one number of a text."""
    text = content.decode("utf-8", "replace")
    places = [place for place, character in enumerate(text) if character.isdigit()]
    if not places:
        return content
    start = end = rng.choice(places)
    while end < len(text) and text[end].isdigit():
        end += 1
    return (text[:start] + rng.choice(CELLS[2:24]) + text[end:]).encode("utf-8", "surrogatepass")


def brackets(content, rng):
    start, depth = _place(content, rng), rng.choice((3, 70, 1100, 100_000))
    return content[:start] + rng.choice((b"[", b'{"a":', b"(", b'"', b"]", b"}")) * depth + content[start:]


TEXT = (recode, line_ends, odd_character, other_number, other_number, brackets)


def mutate_json(content: bytes, rng: random.Random) -> bytes:
    """Changes one value of a JSON file, or the keys and elements around it."""
    raw: dict[str, str] = {}

    def odd() -> str:
        mark = f"@@{len(raw)}@@"
        raw[json.dumps(mark)] = rng.choice(JSON_VALUES)
        return mark

    value = json.loads(content)
    holders = _containers(value, rng)
    if not holders or rng.random() < 0.05:
        return rng.choice(JSON_VALUES).encode("utf-8", "surrogatepass")
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        holder = rng.choice(holders)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = rng.choice(keys) if keys else None
        action = rng.randrange(9)
        if key is None or action == 0:
            new = odd()
            holder.append(new) if isinstance(holder, list) else holder.update({new: 1})
        elif action <= 3:
            holder[key] = odd()
        elif action == 4:
            del holder[key]
        elif action == 5 and isinstance(holder, dict):
            holder[rng.choice((odd(), key + "x", key.upper(), "", " " + key))] = holder.pop(key)
        elif action == 6 and isinstance(holder, dict):  # a duplicate key
            mark = f"@@{len(raw)}@@"
            raw[json.dumps(mark)] = json.dumps(key)
            holder[mark] = holder[key]
        elif action == 7:
            holder[key] = {"0": holder[key]} if isinstance(holder[key], list) else [holder[key]]
        else:
            holder[key] = holder[rng.choice(keys)]
    text = json.dumps(value)
    for mark, token in raw.items():
        text = text.replace(f"{mark}:", f"{token if token.startswith(chr(34)) else json.dumps(token[:99])}:").replace(
            mark, token
        )
    return text.encode("utf-8", "surrogatepass")


def _containers(value, rng: random.Random) -> list:
    """A sample of the lists and objects in a value, those of each depth about as often."""
    levels, level = [], [value]
    while level and len(levels) < 8:
        level = [inner for inner in level if isinstance(inner, list | dict)]
        if not level:
            break
        levels.append(rng.sample(level, min(20, len(level))))
        level = [inner for outer in levels[-1] for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return rng.choice(levels) if levels else []


def mutate_json_lines(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    lines[place] = mutate_json(lines[place], rng) if rng.random() < 0.8 else rng.choice((b"", b"{", lines[0]))
    return b"\n".join(lines)


def mutate_csv(content: bytes, rng: random.Random) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    row, column = rng.randrange(len(rows)), rng.randrange(len(rows[0]))
    match rng.randrange(10):
        case 0 | 1 | 2 | 3:
            rows[row][column] = rng.choice(CELLS)
        case 4:
            rows[row].append(rng.choice(CELLS))
        case 5:
            del rows[row][column]
        case 6:
            rows = [[*cells, cells[column]] for cells in rows]  # a duplicate column
        case 7:
            rows = [cells[:column] + cells[column + 1 :] for cells in rows]
        case 8:
            rows[0][column] = rng.choice((*CELLS, *rows[0]))
        case _:
            rows.insert(row, list(rows[rng.randrange(len(rows))]))
    text = io.StringIO()
    csv.writer(text, delimiter=rng.choice(",,,,,,;\t"), quoting=rng.choice((0, 0, 0, 1))).writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def mutate_lines(content: bytes, rng: random.Random) -> bytes:
    lines = content.decode().split("\n")
    place = rng.randrange(len(lines))
    lines[place] = rng.choice(
        (rng.choice(CELLS), lines[rng.randrange(len(lines))], lines[place] + " " + rng.choice(CELLS))
    )
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def mutate_npz(content: bytes, rng: random.Random) -> bytes:
    """Changes an array, its header, or the archive around it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    name = rng.choice(list(members))
    action = rng.randrange(8)
    if action <= 3:
        members[name] = mutate_npy(members[name], rng)
    elif action == 4:
        del members[name]
    elif action == 5:
        members[
            rng.choice(("x.npy", "../x.npy", "top.npy", "scores.npy", "\0.npy", "x" * 60_000, "image_ids", "é.npy"))
        ] = members[name]
    file = io.BytesIO()
    method = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a member twice
        with zipfile.ZipFile(file, "w", method if action >= 6 else zipfile.ZIP_DEFLATED) as archive:
            for member, data in members.items():
                archive.writestr(member, data)
            if action == 6:
                archive.writestr(name, members.get(name, b""))
    damaged = bytearray(file.getvalue())
    if action == 7:  # flags, method, version and sizes in the directory
        central = damaged.rfind(b"PK\x01\x02")
        place = central + rng.choice((4, 6, 8, 9, 10, 20, 21, 23, 24, 25, 27, 28, 30, 42))
        damaged[place] = rng.choice((0, 1, 9, 0x20, 0x40, 0x7F, 0xFF))
    return bytes(damaged)


def mutate_npy(content: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return _other_header(content, rng)
    array = np.load(io.BytesIO(content))
    match rng.randrange(8):
        case 0 | 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                array = array.astype(rng.choice(DTYPES))
        case 2:
            array = array[: rng.choice((0, 1, len(array) - 1))] if array.ndim else array[None]
        case 3:
            array = rng.choice((array.T, array[None], array[..., None], array.reshape(-1), np.asfortranarray(array)))
        case 4:
            array = array.astype(float) if array.dtype.kind in "iuf" else array.astype("U30")
            if array.dtype.kind == "f" and array.size:
                array.reshape(-1)[rng.randrange(array.size)] = rng.choice(VALUES)
        case 5:
            value = rng.choice(VALUES)
            if array.dtype.kind in "iu" and array.size and np.isfinite(value):
                array = array.astype(np.int64)
                array.reshape(-1)[rng.randrange(array.size)] = int(value)
            elif array.dtype.kind == "U" and array.size:
                text = rng.choice(("x" * LONG, "a\0b", "", "é", str(array.reshape(-1)[0])))
                array = array.astype(f"U{max(1, len(text), array.dtype.itemsize // 4)}")
                array.reshape(-1)[-1] = text
        case 6:
            array = (
                np.zeros(array.shape, [("a", "i4"), ("b", "O")])
                if rng.random() < 0.5
                else np.zeros(rng.choice((2**24, 2**26)), np.int8)
            )
        case _:
            array = np.concatenate([array, array]) if array.ndim else array.reshape(1, 1, 1)
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _other_header(content: bytes, rng: random.Random) -> bytes:
    length = struct.unpack_from("<H", content, 8)[0]
    header = content[10 : 10 + length].decode("latin-1")
    shape = rng.choice(
        (
            "(1099511627776,)",
            "(-1,)",
            "(1.5,)",
            "(4294967296, 4294967296)",
            "()",
            "(True,)",
            "((1,),)",
            "(0, 9223372036854775807)",
        )
    )
    descr = rng.choice(
        (
            "'|O'",
            "'<U20000'",
            "'<U0'",
            "'<M8'",
            "[('a', '<i4')]",
            "'<i8,<i8'",
            "('<i4', (2**9,))",
            "'x'",
            "None",
            "'<U999999999'",
        )
    )
    before, _, after = header.partition("'shape': ")
    match rng.randrange(5):
        case 0 | 1:
            header = f"{before}'shape': {shape}{after[after.find(')') + 1 :]}"
        case 2 | 3:
            start = header.find("'descr': ") + 9
            header = header[:start] + descr + header[header.find(",", start) :]
        case _:
            header = rng.choice(
                ("(" * 300, "[" * 9000, "{", "{'descr': 1}", "9" * 9000, "\0" * 40, "__import__('os').system('true')")
            )
    encoded = header.encode("latin-1")
    return content[:8] + struct.pack("<H", len(encoded)) + encoded + content[10 + length :]


def mutate_sqlite(content: bytes, rng: random.Random) -> bytes:
    """Changes a database by statements, or its pages."""
    with tempfile.NamedTemporaryFile(suffix=".db") as file:
        file.write(content)
        file.flush()
        connection = sqlite3.connect(file.name, isolation_level=None)
        connection.execute("PRAGMA journal_mode=DELETE")
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = rng.choice(tables)
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        column = rng.choice(columns)
        value = rng.choice(
            ("NULL", "-1", "1e999", "'x'", "x'ff'", "'[1'", "'{\"a\": NaN}'", "printf('%0*d', 99999, 1)", str(2**62))
        )
        statement = rng.choice(
            (
                f"UPDATE OR IGNORE {table} SET {column} = {value}",
                f"UPDATE OR IGNORE {table} SET {column} = {value}",
                f"DROP TABLE {table}",
                f"ALTER TABLE {table} RENAME COLUMN {column} TO other",
                f"CREATE TRIGGER other AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END",
                f"DROP TABLE {table}; CREATE VIEW {table} AS SELECT 1 AS {column}",
                "PRAGMA user_version = 7",
            )
        )
        connection.executescript(statement)
        connection.close()
        with open(file.name, "rb") as opened:
            return opened.read()


def mutate_tar(content: bytes, rng: random.Random) -> bytes:
    """Changes a field of a header, and mostly corrects the checksum."""
    damaged = bytearray(content)
    headers = [place for place in range(0, len(damaged), 512) if damaged[place + 257 : place + 262] == b"ustar"]
    place = rng.choice(headers)
    field, size = rng.choice(((0, 100), (100, 8), (124, 12), (124, 12), (156, 1), (257, 8), (345, 155)))
    values = (
        b"",
        bytes(size),
        b"0000000000",
        b"-0000001000",
        b"77777777777",
        b"\x80" + b"\xff" * 11,
        b"\xff" * size,
        b"../x",
        b"x",
        b"L",
        b"g",
    )
    value = rng.choice(values)[:size].ljust(size, b"\0")
    damaged[place + field : place + field + size] = value
    if rng.random() < 0.8:
        damaged[place + 148 : place + 156] = b" " * 8
        damaged[place + 148 : place + 156] = b"%06o\0 " % sum(damaged[place : place + 512])
    return bytes(damaged)


def mutate_safetensors(content: bytes, rng: random.Random) -> bytes:
    length = struct.unpack_from("<Q", content)[0]
    header = mutate_json(content[8 : 8 + length], rng)
    return (
        struct.pack("<Q", len(header) if rng.random() < 0.9 else rng.choice((0, 2**40, 2**63)))
        + header
        + content[8 + length :]
    )


STRUCTURAL = {
    "json": mutate_json,
    "jsonl": mutate_json_lines,
    "csv": mutate_csv,
    "lines": mutate_lines,
    "npz": mutate_npz,
    "npy": mutate_npy,
    "sqlite": mutate_sqlite,
    "tar": mutate_tar,
    "safetensors": mutate_safetensors,
}
