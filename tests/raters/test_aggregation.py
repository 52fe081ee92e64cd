"""From votes of raters of known quality to labels, beside the published rule written as a plain loop."""

import math

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.raters import aggregation, dawid_skene, gold, synthetic
from imagenet_real.raters.votes import ANSWERS, NO, YES, collect
from tests.raters.questions import originals, questions

IMAGES, GOLD_IMAGES = 600, 200
GOOD, FAIR, POOR = (synthetic.matrix(yes, no, 0.05) for yes, no in ((0.95, 0.97), (0.8, 0.9), (0.6, 0.7)))
ALWAYS_YES = synthetic.matrix(1.0, 0.0)
CROWD = np.stack([GOOD, GOOD, FAIR, FAIR, FAIR, POOR, POOR, ALWAYS_YES])


def crowd_votes(matrices=CROWD, per_question=5, seed=0, share=0.3):
    """Votes on all questions, on gold ones (every rater answers them), and what is true of both."""
    random = np.random.default_rng(seed)
    ids, classes, truth = questions(IMAGES, share=share, seed=seed)
    votes = synthetic.answer(ids, classes, truth, matrices, random, per_question=per_question)
    on_gold = np.arange(len(ids)) < 4 * GOLD_IMAGES
    gold_votes = synthetic.answer(ids[on_gold], classes[on_gold], truth[on_gold], matrices, random)
    return votes, gold_votes, gold.Gold(ids[on_gold], classes[on_gold], truth[on_gold] * 1.0), truth


def real_rule(votes, experts, gold_votes, originals, heard, smoothing=1):
    """ReaL's aggregation, question by question and vote by vote: true at 3 of 5 experts, 2 for the original."""

    def rows(votes):
        for question, rater, answer in zip(votes.question, votes.rater, votes.answer, strict=True):
            yield (votes.image_ids[question], votes.classes[question]), votes.raters[rater], answer

    original_of = dict(zip(originals.image_ids, originals.original, strict=True))
    yes = dict(zip(zip(experts.image_ids, experts.classes, strict=True), experts.yes, strict=True))
    prior = sum(share >= 0.6 for share in yes.values()) / len(yes)
    counts = {}
    for question, rater, answer in rows(gold_votes):
        counts.setdefault(rater, [[smoothing] * 3, [smoothing] * 3])[int(yes[question] >= 0.6)][answer] += 1
    matrices = {name: [[n / sum(row) for n in row] for row in two] for name, two in counts.items()}
    mean = np.mean(list(matrices.values()), axis=0)
    voter = [[smoothing] * 3, [smoothing] * 3]
    for (image, label), share in yes.items():
        voter[int(share >= 0.4)][YES if original_of[image] == label else NO] += 1
    voter = [[n / sum(row) for n in row] for row in voter]
    log_odds = {}
    for question, rater, answer in rows(votes):
        false, true = matrices.get(rater, mean)
        log_odds[question] = log_odds.get(question, math.log(prior / (1 - prior))) + math.log(
            true[answer] / false[answer]
        )
    for image, label in log_odds:
        answer = YES if original_of[image] == label else NO
        if heard[label]:
            log_odds[image, label] += math.log(voter[1][answer] / voter[0][answer])
    return np.array([1 / (1 + math.exp(-log_odds[pair])) for pair in zip(votes.image_ids, votes.classes, strict=True)])


def test_calibrated_is_the_published_rule():
    random = np.random.default_rng(3)
    votes, gold_votes, experts, _ = crowd_votes()
    experts = gold.Gold(experts.image_ids, experts.classes, random.integers(0, 6, len(experts)) / 5)
    gold_votes = collect(  # of two raters there are none
        gold_votes.image_ids,
        gold_votes.classes,
        gold_votes.raters[:6],
        *(column[gold_votes.rater < 6] for column in (gold_votes.question, gold_votes.rater, gold_votes.answer)),
    )
    heard, original = np.array([True, True, False, True]), originals(IMAGES)
    voter = aggregation.OriginalVoter(original, heard, gold_share=0.4)
    result = aggregation.calibrated(votes, experts, gold_votes, 0.6, 1.0, voter)
    np.testing.assert_allclose(
        result.scores, real_rule(votes, experts, gold_votes, original, heard), atol=1e-12, rtol=0
    )


def test_matrices_and_labels_are_recovered_within_sampling_error():
    votes, gold_votes, experts, truth = crowd_votes()
    result = aggregation.calibrated(votes, experts, gold_votes, 0.6, 1.0)
    asked = dawid_skene.votes_by_truth(gold_votes, experts.yes).sum(axis=2, keepdims=True)
    sampling = np.sqrt(CROWD * (1 - CROWD) / asked)
    assert (np.abs(result.matrices - CROWD) < 4 * sampling + 3 / asked).all()
    # A rule that knew the true matrices and prior could do no better.
    best = dawid_skene.log_odds(votes, CROWD, 0.3) > 0
    assert ((result.scores > 0.5) == truth).mean() == pytest.approx((best == truth).mean(), abs=0.005)
    assert result.scores[truth].mean() == pytest.approx(result.scores @ result.scores / result.scores.sum(), abs=0.02)


def test_unsupervised_recovers_matrices_too():
    votes, _, _, truth = crowd_votes()
    result = aggregation.unsupervised(votes, 1.0)
    asked = dawid_skene.votes_by_truth(votes, truth).sum(axis=2, keepdims=True)
    assert (np.abs(result.matrices - CROWD) < 6 * np.sqrt(CROWD * (1 - CROWD) / asked) + 3 / asked).all()
    assert result.prior == pytest.approx(truth.mean(), abs=0.02)
    best = dawid_skene.log_odds(votes, CROWD, 0.3) > 0
    assert ((result.scores > 0.5) == truth).mean() == pytest.approx((best == truth).mean(), abs=0.01)


def test_one_who_always_says_yes_tells_nothing():
    votes, gold_votes, experts, _ = crowd_votes()
    for result in (
        aggregation.calibrated(votes, experts, gold_votes, 0.6, 1.0),
        aggregation.unsupervised(votes, 1.0),
    ):
        assert abs(dawid_skene.log_ratios(result.matrices)[7, YES]) < 0.02
        assert abs(dawid_skene.log_ratios(result.matrices)[0, YES]) > 3


def test_raters_who_never_answer_or_only_gold_change_nothing():
    votes, gold_votes, experts, _ = crowd_votes()
    plain = aggregation.calibrated(votes, experts, gold_votes, 0.6, 1.0)
    idle = collect(
        votes.image_ids, votes.classes, np.append(votes.raters, ["idle", "only_gold"]), votes.question, votes.rater, votes.answer
    )  # fmt: skip
    extra = np.arange(len(gold_votes.image_ids))
    with_extra = collect(
        gold_votes.image_ids,
        gold_votes.classes,
        np.append(gold_votes.raters, "only_gold"),
        np.append(gold_votes.question, extra),
        np.append(gold_votes.rater, np.full(len(extra), 8)),
        np.append(gold_votes.answer, (experts.yes[extra] > 0.5) * YES),
    )
    result = aggregation.calibrated(idle, experts, with_extra, 0.6, 1.0)
    np.testing.assert_array_equal(result.scores, plain.scores)
    assert not np.isnan(result.matrices).any()
    np.testing.assert_array_equal(
        aggregation.unsupervised(idle, 0.0).scores, aggregation.unsupervised(votes, 0.0).scores
    )


def test_the_order_of_raters_and_questions_does_not_matter():
    votes, gold_votes, experts, _ = crowd_votes()
    random, original = np.random.default_rng(1), originals(IMAGES)

    def shuffled(votes):
        question, rater = random.permutation(len(votes.image_ids)), random.permutation(len(votes.raters))
        order = random.permutation(len(votes))
        return collect(
            votes.image_ids[question],
            votes.classes[question],
            votes.raters[rater],
            np.argsort(question)[votes.question][order],
            np.argsort(rater)[votes.rater][order],
            votes.answer[order],
        )

    voter = aggregation.OriginalVoter(original, np.ones(4, bool), 0.4)
    turn = random.permutation(len(experts))
    turned = gold.Gold(experts.image_ids[turn], experts.classes[turn], experts.yes[turn])
    once = aggregation.calibrated(votes, experts, gold_votes, 0.6, 1.0, voter)
    again = aggregation.calibrated(shuffled(votes), turned, shuffled(gold_votes), 0.6, 1.0, voter)
    np.testing.assert_array_equal(once.scores, again.scores)
    once, again = aggregation.unsupervised(votes, 1.0, voter), aggregation.unsupervised(shuffled(votes), 1.0, voter)
    np.testing.assert_array_equal(once.scores, again.scores)


def test_majority_counts_a_maybe_as_told():
    votes = collect(
        np.array(["a", "b"]), np.array([0, 0]), np.array(list("xyz")), np.array([0, 0, 0]), np.arange(3), np.array([0, 1, 2])
    )  # fmt: skip
    assert aggregation.majority(votes, 0.5).scores.tolist() == [0.5, 0]  # b was not answered
    assert aggregation.majority(votes, 0.0).scores[0] == pytest.approx(1 / 3)


def test_crowd_kit_is_about_as_good():
    pytest.importorskip("crowdkit", reason="crowd-kit is not installed: its Dawid-Skene is not compared with")
    votes, _, _, truth = crowd_votes()
    result = aggregation.crowd_kit(votes).scores > 0.5
    ours = aggregation.unsupervised(votes, 1.0).scores > 0.5
    assert (result == truth).mean() == pytest.approx((ours == truth).mean(), abs=0.02)


def test_labels_of_scores():
    original = originals(4)
    ids = original.image_ids
    votes = collect(
        np.array([ids[0], ids[0], ids[2]]), np.array([3, 1, 0]), np.array(["x"]), np.arange(3), np.zeros(3, int), [YES] * 3
    )  # fmt: skip
    result = aggregation.label_set(votes, np.array([0.8, 0.9, 0.1]), 0.8, original, "mine")
    assert result.labels[0].tolist() == [1, 3]  # a score at the threshold is enough
    assert result.labels[1].tolist() == [original.original[1], -1]  # not rated
    assert result.labels[2].tolist() == [-1, -1]  # rated, and nothing is right
    assert result.weight.tolist() == [1, 1, 0, 1]
    assert result.original.tolist() == original.original.tolist()


def test_what_is_refused():
    votes, gold_votes, experts, _ = crowd_votes()
    with pytest.raises(
        InputError, match="2396 of 2400 questions are about unknown images, such as image00001.* give --images=FOLDER"
    ):
        aggregation.check_images(votes, originals(1))
    with pytest.raises(InputError, match="votes on class 3. Give classes from 0 to 2"):
        aggregation.check_images(votes, originals(IMAGES, classes=3))
    none, elsewhere = np.zeros(len(experts), bool), np.full(len(experts), "elsewhere")
    for wrong, message in (
        (
            gold.Gold(experts.image_ids[none], experts.classes[none], experts.yes[none]),
            "there is no gold question for votes",
        ),
        (gold.Gold(experts.image_ids, experts.classes, experts.yes * 0), "all 800 gold questions are false"),
        (gold.Gold(elsewhere, experts.classes, experts.yes), "nobody answered any of the 800 gold questions"),
    ):
        with pytest.raises(InputError, match=message):
            aggregation.calibrated(votes, wrong, gold_votes, 0.6, 1.0)


def test_gold_of_experts_and_of_label_sets():
    votes = collect(
        np.array(["image00000", "image00000", "image00001"]),
        np.array([0, 1, 1]),
        np.array(list("xyz")),
        np.array([0, 0, 0, 1]),
        np.array([0, 1, 2, 0]),
        np.array([YES, NO, YES, NO]),
    )
    experts = gold.from_votes(votes)
    assert experts.yes.tolist() == [2 / 3, 0]  # nobody was asked about the third
    right = gold.from_label_set(originals(1), votes)
    assert len(right) == 2
    assert right.yes.tolist() == [float(originals(1).original[0] == label) for label in (0, 1)]
    assert ANSWERS[YES] == "yes"
