"""The summary of a label set of the toy world."""

from imagenet_real.labels import summary as summaries
from tests import toy


def test_summary_and_keys_of_the_file():
    summary = summaries.summarize(toy.real(), [toy.original()])
    assert summary.images_by_labels == [1, 3, 2]
    assert summary.corrections == [summaries.Correction(original=0, right=1, images=1)]
    assert summary.losses[0] == summaries.ClassLoss(label=0, images=2, lost=1, empty=0)
    content = summaries.as_json(summary)
    assert content["label_set"] == "real"
    assert content["losses"][0] == {"class": 0, "images": 2, "lost": 1, "empty": 0}
    assert (content["agreement"][0]["with"], content["agreement"][0]["equal"]) == ("original", 2)
