"""The packages of the wheel: `configs` beside the package is shipped as `imagenet_real.configs`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["imagenet_real*"]), "imagenet_real.configs"],
    package_dir={"imagenet_real.configs": "configs"},
)
