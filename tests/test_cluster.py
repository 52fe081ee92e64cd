"""The files for containers and clusters: what they name exists, and the image is built where Docker is."""

import os
import re
import shlex
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
    copies = [line.split() for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE)]
    copied = {name for *names, _ in copies for name in names}
    assert all(place == f"/source/{names[0]}" or place == "/source/" for *names, place in copies)
    assert '"/source[' in text  # what is installed
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
    read(program_arguments(command.partition(" || ")[0]), monkeypatch)
    for option in ("--time=", "--mem=", "--signal=TERM@", "--requeue"):
        assert f"#SBATCH {option}" in text


@pytest.mark.parametrize(("code", "is_requeued"), [(0, False), (1, False), (143, True)])
def test_a_slurm_job_whose_time_is_up_goes_back_into_the_queue(tmp_path, code, is_requeued):
    programs = {"srun": f"exit {code}", "scontrol": 'echo "$@" > called'}
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "activate").touch()
    for name, line in programs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{line}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SHARED": str(tmp_path), "SLURM_JOB_ID": "7"}
    done = subprocess.run(["bash", str(FOLDER / "slurm.sh")], cwd=tmp_path, env=environment)
    assert done.returncode == code
    assert (tmp_path / "called").is_file() == is_requeued
    assert not is_requeued or (tmp_path / "called").read_text() == "requeue 7\n"


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


def test_the_xpk_line_starts_a_known_command(monkeypatch):
    text = (ROOT / "docs" / "pods.md").read_text().replace("\\\n", " ")
    (line,) = [line for line in text.splitlines() if line.startswith("xpk workload create")]
    words = dict(word.removeprefix("--").partition("=")[::2] for word in shlex.split(line)[3:])
    read(program_arguments(words["command"]), monkeypatch)
    assert {"cluster", "workload", "tpu-type", "docker-image", "command"} <= words.keys()
