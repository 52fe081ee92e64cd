"""One reader for each kind of file: JSON, lines of JSON, npz, npy, CSV, lists of lines, SQLite.

Other rooms import this module alone. Each function takes a path, a schema of what the file must hold, and a sentence that
says what to do about a wrong file. It returns a value that fits the schema, or raises `FileError`: one line with the file,
the place, what is there and what was expected. Sizes are bounded before memory is taken, nothing in a file is executed,
and a duplicate key, column or member is wrong.

    from imagenet_real.io import readers
    from imagenet_real.io.readers import Array, Between, Name

    class Question(TypedDict):
        image_id: Name
        labels: list[Annotated[int, Between(0)]]

    questions = readers.read_json(path, list[Question], "Give the tasks.json of propose.")
    arrays = readers.read_npz(path, {"image_ids": Array(readers.TEXT, ("N",)), "top": Array(readers.INTEGERS, ("N", "k"))})
    rows = readers.read_csv(path, Question)  # cells such as `1,2,3` for lists
    names = readers.read_lines(path)
"""

from imagenet_real.io.cells import plain_text
from imagenet_real.io.csv_reader import read_columns, read_csv, read_header
from imagenet_real.io.json_reader import parse_json, read_json, read_json_lines
from imagenet_real.io.mismatch import Mismatch, shorten, shown
from imagenet_real.io.npy_reader import (
    ANY,
    BOOLS,
    FLOATS,
    INTEGERS,
    NUMBERS,
    TEXT,
    Array,
    map_npy,
    npy_shape,
    read_npy,
)
from imagenet_real.io.npz_reader import npz_shapes, open_rows, read_npz
from imagenet_real.io.parquet_table import read_parquet
from imagenet_real.io.schema import AnyFloat, Between, Length, Name, check
from imagenet_real.io.sqlite_reader import checked_rows, open_database
from imagenet_real.io.text_reader import FileError, decode, read_content, read_lines, read_text, string_array
from imagenet_real.io.text_table import read_text_blocks

__all__ = [
    "ANY",
    "BOOLS",
    "FLOATS",
    "INTEGERS",
    "NUMBERS",
    "TEXT",
    "AnyFloat",
    "Array",
    "Between",
    "FileError",
    "Length",
    "Mismatch",
    "Name",
    "check",
    "checked_rows",
    "decode",
    "map_npy",
    "npy_shape",
    "npz_shapes",
    "open_database",
    "open_rows",
    "parse_json",
    "plain_text",
    "read_columns",
    "read_content",
    "read_csv",
    "read_header",
    "read_json",
    "read_json_lines",
    "read_lines",
    "read_npy",
    "read_npz",
    "read_parquet",
    "read_text",
    "read_text_blocks",
    "shorten",
    "shown",
    "string_array",
]
