"""Parquet files as tables of pyarrow, which is imported only where a file is read."""

import os
from typing import Any

from imagenet_real.io import extras, storage
from imagenet_real.io.text_reader import SAVE_AGAIN, FileError


def read_parquet(path: str | os.PathLike, remedy: str = SAVE_AGAIN) -> Any:
    """Returns a `pyarrow.Table`. Raises FileError, and InputError without pyarrow."""
    with extras.needed_by(f"{path}, a Parquet file,"):
        import pyarrow
        import pyarrow.parquet
    try:
        with storage.open_to_read(path) as file:
            return pyarrow.parquet.read_table(file)
    except FileNotFoundError:
        raise FileError(path, "there is no such file", remedy) from None
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise FileError(path, f"it is not Parquet ({str(error).partition(chr(10))[0]})", remedy) from None
