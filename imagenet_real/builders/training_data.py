"""The images that a run trains on and what is right for them, and those that it reports on."""

import dataclasses
import sys
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from imagenet_real.data.crop_labels import CropLabels
