"""Tests; each folder mirrors a room of the package."""

import pathlib

ROOT = pathlib.Path(__file__).parent.parent  # of the repository
