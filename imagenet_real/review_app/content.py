"""What a server shows, and the files that people's answers become."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from imagenet_real.errors import InputError
from imagenet_real.labels.json_format import as_json
from imagenet_real.review_app.pairs import Pairs
from imagenet_real.review_app.pictures import Pictures
from imagenet_real.review_app.rating import Rating
from imagenet_real.review_app.review import Review

MAIN, OTHER = "main", "other"  # sources of pictures, as their addresses name them


@dataclasses.dataclass(frozen=True)
class Content:
    """Mistakes to review, pairs of pictures to compare, or tasks to rate: exactly one of them."""

    pictures: Mapping[str, Pictures]  # by MAIN and OTHER
    review: Review | None = None
    pairs: Pairs | None = None
    rating: Rating | None = None
    guidelines: str = ""  # HTML

    def about(self) -> dict[str, Any]:
        """Returns what the page says before the work begins: what, how many, and the seconds for each, about."""
        return {**self.work.about(), "guidelines": self.guidelines}

    @property
    def work(self) -> Review | Pairs | Rating:
        """The one of the three kinds that the server shows."""
        return self.review or self.pairs or self.rating

    @property
    def rater_names(self) -> list[str]:
        """The names of the raters who have tasks of their own."""
        return self.rating.rater_names if self.rating else []

    def check_pictures(self) -> None:
        """Raises InputError if the main source lacks a picture that the pages show."""
        image_ids = self.work.image_ids()
        missing = sorted(image_id for image_id in image_ids if image_id not in self.pictures[MAIN])
        if missing:
            raise InputError(
                f"--images lacks {len(missing)} of the {len(image_ids)} pictures to show, such as {missing[0]}. "
                "Give the images that the file is about, or --skip_missing=True."
            )

    def exports(self, name: str) -> dict[str, str]:
        """Returns the files that the answers become, each with its content. `name` is the name of the label set."""
        if not self.review:
            return {"confirmed.json": self.pairs.as_json()} if self.pairs else {"votes.json": self.rating.as_votes()}
        files = {
            "judged.json": self.review.as_judged(),
            "labels.json": as_json(self.review.updated(name)),
            "verdicts.json": self.review.as_verdicts(),
        }
        return files | ({"waiting.json": self.review.as_waiting()} if self.review.needed > 1 else {})

    def open_ends(self) -> str:
        """Returns a line about what is not decided yet; empty if there is nothing."""
        waiting, disputed = self.review.open_ends() if self.review else (0, 0)
        if not waiting and not disputed:
            return ""
        return (
            f"{waiting:,} verdicts wait for another reviewer and {disputed:,} are disputed: they are in waiting.json and "
            "not in judged.json and labels.json."
        )
