"""Writes the address of the repository on GitHub into all files that name it: OWNER/NAME, as pyproject.toml has it.

python docs/address.py ME/imagenet_real
"""

import pathlib
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]


def files(root: pathlib.Path) -> list[pathlib.Path]:
    """The files that name the address."""
    return [root / "pyproject.toml", root / "README.md", *sorted((root / "colabs").glob("*.ipynb"))]


def repository(root: pathlib.Path) -> str:
    """OWNER/NAME in pyproject.toml."""
    address = tomllib.loads((root / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
    return address.removeprefix("https://github.com/")


def change(root: pathlib.Path, new: str) -> None:
    """Replaces the repository in all files."""
    old = repository(root)
    for path in files(root):
        path.write_text(path.read_text().replace(old, new))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].count("/") != 1:
        sys.exit(f"The repository is {repository(ROOT)}. Give another one as OWNER/NAME.")
    change(ROOT, sys.argv[1])
