"""Kills programs at random moments, fills their disk, and continues them: they end in what an undisturbed run ends in.

    python -m tests.campaigns.kills --training=100 --others=50 --disks=40 --seed=0

Prints a line a run, and a table at the end. Exits with 1 if a run ends in something else.
"""

import argparse
import dataclasses
import itertools
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence

from tests import commands
from tests.golden import outputs
from tests.golden.programs import PROGRAMS, TRAINING, Command, Session

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}
KILLS_PER_RUN = 4
TIMEOUT = 124  # an exit code, as of the command timeout
SECONDS = 300  # of the processes of a run, together
RECIPE = {**TRAINING, "steps": 60, "checkpoint_every": 7, "log_every": 5}
MIXED = {"augmentation.mixup": 0.2, "optimizer": "sgd", "learning_rate": 0.01}
AUGMENTED = {  # every random change, soft labels, a moving average, and random states of the model
    **RECIPE,
    "model": "tiny_vit",
    "drop_path": 0.2,
    "drop_path_uniform": True,
    "loss": "sigmoid",
    "average_decay": 0.9,
    "soft_labels": "INPUTS/soft.tsv",
    "augmentation.repeats": 3,
    "augmentation.mixup": 0.2,
    "augmentation.cutmix": 1.0,
    "augmentation.mix_probability": 0.8,
    "augmentation.target_threshold": 0.2,
    "augmentation.jitter": 0.3,
    "augmentation.jitter_on": "pillow",
    "augmentation.randaugment.library": "timm",
    "augmentation.randaugment.deviation": 0.5,
    "augmentation.erasing.probability": 0.5,
    "augmentation.erasing.mode": "pixel",
}
RECIPES = [  # processes, command
    (1, Command("softmax", "train_digits", {**RECIPE, "loss": "softmax"})),
    (
        1,
        Command(
            "sigmoid_average", "train_digits", {**RECIPE, "loss": "sigmoid", "average_decay": 0.9, "eval_every": 20}
        ),
    ),
    (1, Command("mixup_cutmix", "train_digits", {**RECIPE, **MIXED, "augmentation.cutmix": 1.0})),
    (1, Command("clean_list", "train_digits", {**RECIPE, "clean_list": "INPUTS/clean.txt", "accumulate": 2})),
    (1, Command("label_maps", "train_digits", {**RECIPE, "label_maps": "OUTPUTS/relabel/own_model"})),
    (2, Command("two_processes", "train_digits", {**RECIPE, "fsdp": True})),
    (1, Command("augmented", "train_digits", {**AUGMENTED, "workers": 2})),
    (2, Command("augmented_two_processes", "train_digits", AUGMENTED)),
]
OTHERS = ("evaluate", "prepare", "relabel", "duplicates", "clean", "label_errors", "score", "propose", "aggregate")
OTHERS += ("mistakes", "labels", "label_maps", "compare")
COMPILING = ("train", "evaluate", "relabel", "clean", "label_errors", "compare")
EXACT = (".npz", ".npy", ".jsonl", ".csv", ".parquet", ".txt", ".json", ".array_record")
LOST = "error: another process of this run has ended or does not answer"
LINE = re.compile(
    r"(error: .{1,400}|(interrupted|stopped by SIGTERM): finished work is kept\. Run the same command to .*)"
)


@dataclasses.dataclass
class Run:
    """A command in a workdir of its own, which is started again and again."""

    session: Session
    program: str
    command: Command
    workdir: pathlib.Path
    processes: int = 1
    errors: list[str] = dataclasses.field(default_factory=list)  # what each process of the last start printed to stderr

    def start(self, fault: dict | None = None) -> list[commands.Command]:
        """Starts the processes of the command."""
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        addresses = [{"distributed": f"localhost:{port},{self.processes},{number}"} for number in range(self.processes)]
        joins = addresses if self.processes > 1 else [{}]
        return [self.session.start(self.command, self.workdir, join, fault) for join in joins]

    def wait(self, processes: Sequence[commands.Command]) -> list[int]:
        """Waits for the processes. Returns their exit codes, `TIMEOUT` for one that does not end within `SECONDS`."""
        end, self.errors, codes = time.monotonic() + SECONDS, [], []
        for process in processes:
            try:
                self.errors.append(process.communicate(max(1.0, end - time.monotonic()))[1])
                codes.append(process.returncode)
            except subprocess.TimeoutExpired:
                self.errors.append(f"no end within {SECONDS} seconds")
                codes.append(TIMEOUT)
        return codes

    def content(self) -> dict[str, object]:
        """The files of the workdir, to compare: bytes where a file has no time, place or version in it."""

        def replace(text: str) -> str:
            return text.replace(str(self.workdir), "WORKDIR")

        described = outputs.of_folder(self.workdir, replace)
        for path in self.workdir.rglob("*"):
            name = path.relative_to(self.workdir).as_posix()
            if path.is_file() and path.suffix in EXACT and "checkpoints" not in name:
                described[f"{name} bytes"] = replace(path.read_bytes().decode("latin-1")).encode("latin-1")
        for name in [name for name in described if "tfevents" in name or name.endswith(("log.txt", "log.txt bytes"))]:
            described.pop(name)
        kept = {int(match[1]): name for name in described if (match := re.fullmatch(r"checkpoints/(\d+)/", name))}
        for step in sorted(kept)[:-1]:  # a run that was told to stop has a checkpoint of that moment as well
            del described[kept[step]]
        if self.processes > 1:  # the processes of a run have a port of their own
            described = {name: None if "results.json" in name else value for name, value in described.items()}
        return described


class Campaign:
    """Disturbed runs, and how they ended."""

    def __init__(self, session: Session, folder: pathlib.Path, seed: int, log=print):
        self.session, self.folder, self.random, self.log = session, folder, random.Random(seed), log
        self.references: dict[str, tuple[dict, float]] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.faults: list[str] = []
        self.numbers = itertools.count()  # of the disturbed runs

    def reference(self, name: str, run: Run) -> tuple[dict, float]:
        """The files of an undisturbed run, and its seconds; of training the second run, since the first one compiles."""
        if name not in self.references:
            for attempt in ("compiles", "undisturbed") if run.program in COMPILING else ("undisturbed",):
                calm = dataclasses.replace(run, workdir=self.folder / name / attempt / "work")
                calm.workdir.parent.mkdir(parents=True)
                start = time.monotonic()
                codes = calm.wait(calm.start())
                assert not any(codes), f"{name}: {codes}\n" + "\n".join(calm.errors)
            self.references[name] = calm.content(), time.monotonic() - start
        return self.references[name]

    def disturb(self, name: str, run: Run, kills: int) -> int:
        """Kills a run at random moments, lets it end, and compares its files. Returns the number of kills."""
        expected, seconds = self.reference(name, run)
        run = dataclasses.replace(run, workdir=self.folder / name / f"run{next(self.numbers)}" / "work")
        run.workdir.parent.mkdir(parents=True)
        done = 0
        while done < kills:
            processes = run.start()
            time.sleep(self.random.uniform(0, seconds))
            wait_until_begun(processes)
            self.wait_until_connected(run, processes)
            number, victim = self.random.choice(SIGNALS), self.random.randrange(len(processes))
            processes[victim].send_signal(number)
            start = time.monotonic()
            codes = run.wait(processes)
            took = time.monotonic() - start
            if codes[victim] == 0:
                break  # it had ended
            done += 1
            self.counts[name, number.name] += 1
            self.check_end(name, run, codes, victim, number, took)
        codes = run.wait(run.start())
        if any(codes):
            self.fault(name, f"does not continue: {codes}", run)
        else:
            self.compare(name, run, expected)
        return done

    def wait_until_connected(self, run: Run, processes: Sequence[commands.Command]) -> None:
        """Waits until a run of several processes has begun: a process waits five minutes for one that never came."""
        begun = ("metrics.jsonl", "checkpoints")
        while (
            run.processes > 1
            and not any((run.workdir / name).exists() for name in begun)
            and all(process.poll() is None for process in processes)
        ):
            time.sleep(0.05)

    def check_end(self, name: str, run: Run, codes: list[int], victim: int, number: int, took: float) -> None:
        """A signal ends a program with its code and its line, soon; the other processes with theirs."""
        errors = run.errors
        for process, (code, text) in enumerate(zip(codes, errors, strict=True)):
            allowed = {CODES[number]} if process == victim else {1, 130, 143, CODES[number]}
            lines = text.strip().splitlines()
            if code not in allowed:
                self.fault(name, f"{signal.Signals(number).name}: exit code {code}, expected {allowed}", run)
            elif "Traceback" in text:
                self.fault(name, f"{signal.Signals(number).name}: a traceback", run)
            elif number != signal.SIGKILL and process == victim and not (lines and LINE.fullmatch(lines[-1])):
                self.fault(name, f"{signal.Signals(number).name}: no line at the end", run)
        if took > 60:
            self.fault(name, f"{signal.Signals(number).name}: ended after {took:.0f} s", run)

    def fill(self, name: str, run: Run) -> None:
        """Lets the disk of a run fail at a random moment: one line, and the same command continues with room."""
        expected, _ = self.reference(name, run)
        run = dataclasses.replace(run, workdir=self.folder / name / f"disk{next(self.numbers)}" / "work")
        run.workdir.parent.mkdir(parents=True)
        kind = self.random.choice(("small", "full", "read-only"))
        fault = {"kind": kind, "size": int(10 ** self.random.uniform(0, 5)), "after": self.random.randrange(12)}
        codes = run.wait(run.start({**fault, "below": str(run.workdir)}))
        text = run.errors[0]
        if any(codes):
            self.counts[name, f"disk {kind}"] += 1
            lines = [line for line in text.splitlines() if line.startswith("error: ")]
            if codes != [1] or len(lines) != 1 or "Traceback" in text:
                self.fault(name, f"{fault}: exit code {codes}, {len(lines)} error lines", run)
        codes = run.wait(run.start())
        if any(codes):
            self.fault(name, f"does not continue after {fault}: {codes}", run)
        else:
            self.compare(name, run, expected)

    def compare(self, name: str, run: Run, expected: dict) -> None:
        """Compares the files of a run with those of an undisturbed one."""
        content = run.content()
        different = sorted(file for file in {*expected, *content} if expected.get(file, 1) != content.get(file, 2))
        if different:
            self.fault(name, f"other files: {', '.join(different[:5])}", run)

    def fault(self, name: str, text: str, run: Run) -> None:
        """Records what is wrong."""
        errors = " | ".join(error.strip()[-400:] for error in run.errors)
        self.faults.append(f"{name}: {text} ({run.workdir}): {errors}")
        self.log(f"FAULT {self.faults[-1]}")


def wait_until_begun(processes: Sequence[commands.Command]) -> None:
    """Waits until each process handles SIGTERM: before that, it is no program yet, but imports what the tests add."""
    while not all(process.poll() is not None or _handles_sigterm(process.pid) for process in processes):
        time.sleep(0.02)


def _handles_sigterm(pid: int) -> bool:
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True  # it has ended
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def runs(session: Session, folder: pathlib.Path) -> tuple[list[tuple[str, Run]], list[tuple[str, Run]]]:
    """The runs of training, and those of the other programs."""
    training = [(f"train {command.name}", Run(session, "train", command, folder, count)) for count, command in RECIPES]
    others = [
        (f"{program} {command.name}", Run(session, program, command, folder))
        for program in OTHERS
        for command in PROGRAMS[program]
    ]
    return training, others


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count, meaning in (("training", 100, "kills"), ("others", 50, "kills"), ("disks", 40, "full disks")):
        parser.add_argument(f"--{name}", type=int, default=count, help=f"number of {meaning}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a part of the names of the runs")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kills_") as folder:
        session = Session(pathlib.Path(folder) / "session")
        for program in ("relabel", "prepare"):  # others read what they write
            session.results(program)
        campaign = Campaign(session, pathlib.Path(folder), options.seed)
        training, others = (
            [(name, run) for name, run in chosen if options.only in name]
            for chosen in runs(session, pathlib.Path(folder))
        )
        for chosen, kills in ((training, options.training), (others, options.others)):
            done, turn = 0, 0
            while done < kills and chosen and turn < 4 * kills:
                name, run = chosen[turn % len(chosen)]
                count = campaign.disturb(name, run, min(KILLS_PER_RUN, kills - done))
                done, turn = done + count, turn + 1
                print(f"{time.monotonic() - start:6.0f} s  {name}: {count} kills, {done} of {kills}", flush=True)
        single = [(name, run) for name, run in (*training, *others) if run.processes == 1 and run.program != "compare"]
        for turn in range(options.disks if single else 0):
            campaign.fill(*single[turn % len(single)])
            print(f"{time.monotonic() - start:6.0f} s  disk {turn + 1} of {options.disks}", flush=True)
    print()
    for (name, kind), count in sorted(campaign.counts.items()):
        print(f"{name:<28} {kind:<16} {count:>4}")
    print(f"{sum(campaign.counts.values())} disturbances, {len(campaign.faults)} faults, seed {options.seed}")
    for fault in campaign.faults:
        print(fault)
    return bool(campaign.faults)


if __name__ == "__main__":
    sys.exit(main())
