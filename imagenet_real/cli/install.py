"""Installs what the notebooks need and is missing, beside the JAX that is installed.

    python -m imagenet_real.cli.install           with the installed package
    python imagenet_real/cli/install.py           in a checkout, before anything is installed

A hosted notebook comes with a JAX that fits its accelerator. Whatever of JAX and NumPy is installed stays as it is, also
where this project asks for another version; everything else is installed or renewed only where it is missing or too old.
At the end Flax is imported once: not every pair of JAX and Flax works.
"""

import importlib.metadata
import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

from packaging.requirements import Requirement

PYPROJECT = pathlib.Path(__file__).resolve().parents[2] / "pyproject.toml"  # of a checkout
KEPT = re.compile(r"(jax|jaxlib|jax[-_].+|libtpu|numpy)", re.IGNORECASE)  # with JAX's plugins


def required() -> list[Requirement]:
    """Returns what models and training need: the base and the extra `jax`, by pyproject.toml or the installed package."""
    if not PYPROJECT.is_file():
        texts = importlib.metadata.requires("imagenet_real") or []
        return [
            requirement
            for requirement in map(Requirement, texts)
            if requirement.marker is None
            or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", "jax", "parquet"))
            if _normal(requirement.name) != "imagenet-real"
        ]
    project = tomllib.loads(PYPROJECT.read_text())["project"]
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


def check_pair() -> None:
    """Ends the process with a message if the installed JAX and Flax do not work together."""
    code = "import jax; from flax import nnx; nnx.split(nnx.Linear(1, 1, rngs=nnx.Rngs(0)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        jax, flax = (_version(name) for name in ("jax", "flax"))
        reason = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        ranges = {one.name: one.specifier for one in required() if one.name in ("jax", "flax")}
        # Of a JAX that fits, the Flax is too old; otherwise the JAX must be another one.
        name = "flax" if ranges["jax"].contains(jax, prereleases=True) else "jax"
        requirement = f"{name}{ranges[name]}"
        sys.exit(
            f"error: JAX {jax} and Flax {flax} do not work together ({reason}). Install another one, for example with "
            f"pip install --upgrade '{requirement}', and restart the kernel."
        )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(missing)"


def main() -> None:
    """Installs what is missing, and checks the pair of JAX and Flax."""
    installed = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
    absent = missing(required(), installed)
    if absent:
        print("installing", ", ".join(one.name for one in absent))
        with tempfile.TemporaryDirectory() as folder:
            kept = pathlib.Path(folder) / "constraints.txt"
            kept.write_text("\n".join(constraints(installed)) + "\n")
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(kept)]
            texts = [f"{one.name}{one.specifier}" for one in absent]  # without the markers of extras
            if importlib.util.find_spec("pip") is None:
                quoted = " ".join(f"'{text}'" for text in texts)
                sys.exit(
                    f"error: this Python has no pip. Install with another tool: uv pip install --python {sys.executable} {quoted}"
                )
            subprocess.run([*command, *texts], check=True)
    check_pair()


if __name__ == "__main__":
    main()
