"""What a server shows, and the files that people's answers become."""

import dataclasses
from collections.abc import Mapping

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

    def check_pictures(self) -> None:
        """Raises InputError if the main source lacks a picture that the pages show."""
        image_ids = (self.review or self.pairs or self.rating).image_ids()
        missing = sorted(image_id for image_id in image_ids if image_id not in self.pictures[MAIN])
        if missing:
            raise InputError(
                f"images lacks {len(missing)} of the {len(image_ids)} pictures to show, such as {missing[0]}. "
                "Give the images that the file is about."
            )

    def exports(self, name: str) -> dict[str, str]:
        """Returns the files that the answers become, each with its content. `name` is the name of the label set."""
        if self.review:
            return {"judged.json": self.review.as_judged(), "labels.json": as_json(self.review.updated(name))}
        return {"confirmed.json": self.pairs.as_json()} if self.pairs else {"votes.json": self.rating.as_votes()}
