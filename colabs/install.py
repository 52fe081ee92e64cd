"""Installs what the notebooks need and is not there, beside the JAX that is: python colabs/install.py

A hosted notebook comes with a JAX that fits its accelerator. Whatever of JAX and NumPy is installed stays as it is, also
where this project asks for another version; everything else is installed or renewed only where it is missing or too old.
"""

import importlib.metadata
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

from packaging.requirements import Requirement

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEPT = re.compile(r"(jax|jaxlib|jax[-_].+|libtpu|numpy)", re.IGNORECASE)  # with JAX's plugins


def required() -> list[Requirement]:
    """Returns what models and training need, by pyproject.toml: the base and the extra `jax`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts, extras = list(project["dependencies"]), ["jax"]
    for extra in extras:
        for requirement in map(Requirement, project["optional-dependencies"][extra]):
            if _normal(requirement.name) == _normal(project["name"]):  # an extra that is made of others
                extras += sorted(requirement.extras)
            else:
                texts.append(str(requirement))
    return [Requirement(text) for text in texts]


def missing(requirements: list[Requirement], installed: dict[str, str]) -> list[Requirement]:
    """Those that are not installed; or too old, but for what stays as it is."""
    versions = {_normal(name): version for name, version in installed.items()}
    found = []
    for one in requirements:
        version = versions.get(_normal(one.name))
        if version is None or not (KEPT.fullmatch(one.name) or one.specifier.contains(version, prereleases=True)):
            found.append(one)
    return found


def constraints(installed: dict[str, str]) -> list[str]:
    """Lines for pip: JAX and NumPy as they are."""
    return sorted(f"{name}=={version}" for name, version in installed.items() if KEPT.fullmatch(name))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    installed = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
    wanted = missing(required(), installed)
    if not wanted:
        return
    print("installing", ", ".join(one.name for one in wanted))
    with tempfile.TemporaryDirectory() as folder:
        kept = pathlib.Path(folder) / "constraints.txt"
        kept.write_text("\n".join(constraints(installed)) + "\n")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(kept)]
        subprocess.run([*command, *map(str, wanted)], check=True)


if __name__ == "__main__":
    main()
