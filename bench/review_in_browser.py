"""A whole review in Chromium by keyboard: 20 mistakes judged, one undone, exported, scored; and three raters at once.

python main.py --config=configs/evaluate.py --config.model=vit_tiny_patch16_224 --config.images=VAL1000 \\
    --config.weights=vit_tiny_patch16_224.safetensors --config.resize=0 --workdir=DIR
python bench/review_in_browser.py --predictions=DIR/predictions.npz --images=VAL1000

Verdicts are given by turns, without a look at the pictures: the accuracy that comes of them says nothing of the model.
Needs Playwright and Chromium.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from playwright.async_api import Browser, Page, async_playwright

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from imagenet_real.predictions.predictions import load_predictions  # noqa: E402
from imagenet_real.raters.task_files import as_json  # noqa: E402
from imagenet_real.raters.tasks import Task  # noqa: E402

JUDGED, TASKS, RATERS = 20, 8, ("Ada", "Bob", "Eve")
VERDICTS = ("c", "w1m", "w3oi", "x", "p")  # correct, wrong in two ways, unclear, problematic; by turns


def program(config: str, workdir: pathlib.Path, **fields) -> str:
    """Runs a program to its end; what it prints."""
    command = [sys.executable, "main.py", f"--config=configs/{config}.py", f"--workdir={workdir}"]
    command += [f"--config.{name}={value}" for name, value in fields.items()]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


@contextlib.contextmanager
def served(workdir: pathlib.Path, **fields) -> Iterator[str]:
    """The address of the review program, which is asked to end, as by Ctrl-C, and then writes its files."""
    command = [sys.executable, "main.py", "--config=configs/review.py", f"--workdir={workdir}", "--config.port=0"]
    command += [f"--config.{name}={value}" for name, value in fields.items()]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://\S+", process.stdout.readline()).group()
    finally:
        process.terminate()
        process.communicate(timeout=60)


async def entered(browser: Browser, address: str, name: str) -> Page:
    page = await (await browser.new_context(viewport={"width": 1280, "height": 900})).new_page()
    page.set_default_timeout(60_000)
    await page.goto(address)
    await page.keyboard.type(name)
    await page.keyboard.press("Enter")
    return page


async def review(browser: Browser, address: str) -> list[str]:
    """Judges, and takes the last verdict back; the images whose verdicts stand."""
    page = await entered(browser, address, "Ada")
    await page.wait_for_selector("#review:not([hidden])")
    seen = []
    for turn in range(JUDGED):
        seen.append(await page.text_content("#image-id"))
        for key in VERDICTS[turn % len(VERDICTS)]:
            await page.keyboard.press(key)
        await page.keyboard.press("Enter")
        await page.wait_for_function("old => document.getElementById('image-id').textContent !== old", arg=seen[-1])
    await page.keyboard.press("u")
    await page.wait_for_function("one => document.getElementById('image-id').textContent === one", arg=seen[-1])
    return seen[:-1]


async def rate(browser: Browser, address: str, name: str) -> None:
    """Answers every task that the page gives, by keyboard."""
    page = await entered(browser, address, name)
    for done in range(TASKS):
        await page.wait_for_function(
            "n => document.getElementById('progress').textContent.startsWith(`${n} `)", arg=done
        )
        for at in range(await page.locator(".question").count()):
            await page.keyboard.press("ymn"[(at + done) % 3])
        await page.keyboard.press("Enter")
    await page.wait_for_selector("#done:not([hidden])")


async def at_once(address: str) -> None:
    async with async_playwright() as running, await launched(running) as browser:
        await asyncio.gather(*(rate(browser, address, name) for name in RATERS))


async def alone(address: str) -> list[str]:
    async with async_playwright() as running, await launched(running) as browser:
        return await review(browser, address)


def launched(running):
    return running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", required=True)
    parser.add_argument("--images", required=True)
    arguments = parser.parse_args()
    lines = ["$ python bench/review_in_browser.py --predictions=DIR/predictions.npz --images=VAL1000", ""]
    with tempfile.TemporaryDirectory() as name:
        folder, model = pathlib.Path(name), pathlib.Path(arguments.predictions).resolve()
        program("mistakes", folder, predictions=model, label_set="real")
        mistakes = folder / "mistakes.json"
        count = len(json.loads(mistakes.read_text())["mistakes"])
        begun = time.perf_counter()
        fields = {"images": arguments.images, "label_set": "real", "also": "original", "reviewers": 1}
        with served(folder / "review", mistakes=mistakes, **fields) as address:
            kept = asyncio.run(alone(address))
        labels, judged = folder / "review" / "labels.json", json.loads((folder / "review" / "judged.json").read_text())
        wrong = [image for turn, image in enumerate(kept) if VERDICTS[turn % len(VERDICTS)].startswith("w")]
        assert sorted(judged) == sorted(wrong), (judged, wrong)
        lines.append(
            f"{count} mistakes under real; {JUDGED} judged by keyboard, one undone, {len(judged)} of the {len(kept)} others "
            f"confirmed as mistakes ({time.perf_counter() - begun:.0f} s with the start of the server)"
        )
        told = program("score", folder / "score", predictions=model, label_sets=f"real,{labels}", allow_missing=True)
        lines += ["", *(line for line in told.splitlines() if re.match(r"label set|---|real|reviewed", line)), ""]

        predictions = load_predictions(model)
        tasks = [
            Task(str(one), tuple(sorted(top[:2].tolist())))
            for one, top in zip(predictions.image_ids[:TASKS], predictions.top[:TASKS], strict=True)
        ]
        (folder / "tasks.json").write_text(
            as_json(tasks, [f"class {label}" for label in range(1000)], len(RATERS), None)
        )
        with served(folder / "rating", tasks=folder / "tasks.json", images=arguments.images) as address:
            asyncio.run(at_once(address))
        votes = json.loads((folder / "rating" / "votes.json").read_text())["votes"]
        asked = collections.Counter((vote["image_id"], vote["class"]) for vote in votes)
        assert len(asked) == 2 * TASKS, asked
        assert set(asked.values()) == {len(RATERS)}, asked
        lines.append(
            f"{len(RATERS)} raters at once: {len(votes)} votes on {len(asked)} questions, one of each rater on each"
        )
    print("\n".join(lines))
    (ROOT / "bench" / "results" / "review_in_browser.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
