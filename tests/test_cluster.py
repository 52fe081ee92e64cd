"""The files for containers and clusters: what they name exists, and the image is built where Docker is."""

import re
import shutil
import subprocess
import tomllib

import pytest
import yaml

from tests import ROOT
from tests.documented import program_arguments
from tests.test_documentation import read

FOLDER = ROOT / "docs" / "cluster"
DOCKERFILE = FOLDER / "Dockerfile"
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_the_dockerfile_copies_what_exists_and_installs_known_extras():
    text = DOCKERFILE.read_text()
    copied = {name for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE) for name in line.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    allowed = {
        line.removeprefix("!") for line in (FOLDER / "Dockerfile.dockerignore").read_text().split() if line[0] == "!"
    }
    assert copied == allowed
    assert {"jax", "cuda", "tpu", "gcs"} <= EXTRAS.keys()


def test_the_jobset_starts_a_known_command(monkeypatch):
    content = yaml.safe_load((FOLDER / "jobset.yaml").read_text())
    (job,) = content["spec"]["replicatedJobs"]
    pod = job["template"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    read(program_arguments(f"imagenet-real {' '.join(container['args'])}"), monkeypatch)
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    chips = container["resources"]["limits"]["google.com/tpu"] * job["template"]["spec"]["parallelism"]
    assert chips == 16 == eval(pod["nodeSelector"]["cloud.google.com/gke-tpu-topology"].replace("x", "*"))


def test_the_slurm_script_starts_a_known_command(monkeypatch):
    script = FOLDER / "slurm.sh"
    text = script.read_text().replace("\\\n", " ").replace("$SHARED", "/shared").replace('"', "")
    (command,) = [line for line in text.splitlines() if line.startswith("srun")]
    read(program_arguments(command), monkeypatch)
    for option in ("--time=", "--mem=", "--signal=TERM@", "--requeue"):
        assert f"#SBATCH {option}" in text
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0


def has_docker() -> bool:
    """Whether Docker is installed and its daemon runs."""
    return bool(shutil.which("docker")) and subprocess.run(["docker", "info"], capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not has_docker(), reason="docker does not run here: no image is built")
def test_the_image_is_built_and_shows_its_help():
    command = ["docker", "build", "--quiet", "-f", str(DOCKERFILE), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert built.returncode == 0, built.stderr
    shown = subprocess.run(["docker", "run", "--rm", built.stdout.strip()], capture_output=True, text=True, timeout=60)
    assert "imagenet-real NAME" in shown.stdout
