"""Fields below one field of a config, and the value that they describe."""

import dataclasses
import importlib
import pathlib

import pytest
from ml_collections import ConfigDict

from imagenet_real.data.augmentation import Augmentation
