"""People beside models: in one table, compared on what a person answered."""

import dataclasses
import json

import numpy as np
import pytest

import imagenet_real
from configs import score as score_config
from imagenet_real.predictions.predictions import Predictions, save_predictions
from imagenet_real.programs import score
from tests import toy


def person(name, **answers):
    ids, classes = list(answers), list(answers.values())
    return Predictions(np.array(ids), np.array(classes)[:, None], name=name, person=True)


ADA = person("Ada", a=0, b=1, e=2, x=3)  # x is an image of another set
BOB = person("Bob", d=1)
STRONG = toy.predictions("strong", top=np.array([[0], [1], [1], [1], [2], [3]]))


def test_people_stand_in_the_table_and_leave_the_ranking_as_it_is():
    models = [toy.predictions("weak"), STRONG]
    alone = imagenet_real.score(models, toy.label_sets(), ks=(1,))
    results = imagenet_real.score([ADA, models[0], BOB, models[1]], toy.label_sets(), ks=(1,))
    assert results.rankings == alone.rankings
    assert [row for row in results.rows if row["model"] in ("weak", "strong")] == alone.rows
    rows = {(row["model"], row["label_set"]): row for row in results.rows}
    assert (rows["Ada", "original"]["accuracy"], rows["Ada", "original"]["images"]) == (2 / 3, 3)
    assert rows["Ada", "original"]["missing"] == 3
    assert rows["Ada", "real"]["accuracy"] == 1
    assert ("Bob", "real") not in rows  # nothing is right on d
    assert {row["label_set"] for row in results.unavailable} == {"real", "multilabel"}
    assert any("'x'; they are not scored" in note for note in results.notes)
    json.dumps(results.people, allow_nan=False)


def test_models_on_the_images_of_a_person_against_a_plain_loop():
    models = [toy.predictions("weak"), STRONG]
    found = {
        (row["person"], row["label_set"]): row
        for row in imagenet_real.score([ADA, BOB, *models], toy.label_sets(), ks=(1,)).people
    }
    right = dict(zip(toy.IDS.tolist(), toy.REAL, strict=True))
    for model in models:
        says = dict(zip(model.image_ids.tolist(), model.top[:, 0].tolist(), strict=True))
        hits = [says[image] in right[image] for image in ("a", "b", "e")]
        assert found["Ada", "real"]["models"][model.name] == pytest.approx(sum(hits) / 3)
    assert list(found["Ada", "real"]["models"]) == ["strong", "weak"]
    assert found["Ada", "multilabel"]["accuracy"] == 1  # both classes that occur
    assert found["Bob", "original"]["models"] == {"weak": 1.0, "strong": 1.0}


def test_a_model_that_lacks_an_image_is_not_compared_on_it():
    part = toy.predictions("part", image_ids=toy.IDS[:2], top=toy.TOP[:2])
    results = imagenet_real.score([ADA, part, STRONG], [toy.original()], ks=(1,), allow_missing=True)
    assert list(results.people[0]["models"]) == ["strong"]


def test_the_program_and_its_table(tmp_path, capsys):
    for model in (toy.predictions("weak"), STRONG):
        save_predictions(tmp_path / "in" / f"{model.name}.npz", dataclasses.replace(model, num_classes=4))
    (tmp_path / "in" / "people.csv").write_text("image_id,class,person\na,0,Ada\nb,0,Ada\nc,1,Ada\na,2,Bob\n")
    imagenet_real.save_label_set(tmp_path / "mine.json", toy.original())
    config = score_config.get_config()
    config.update({"predictions": f"{tmp_path}/in/*", "label_sets": f"{tmp_path}/mine.json", "ks": (1,)})
    score.run(config, tmp_path / "out")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:3] for line in lines if line[1:2] == ["strong"]] == [["1", "strong", "83.33"]]
    assert ["Ada", "original", "3", "100.00", "0", "of", "2", "strong", "66.67"] in lines
    assert ["Bob", "original", "1", "0.00", "2", "of", "2", "strong", "100.00"] in lines
    rows = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["model"] for row in rows["rows"]] == ["Ada", "Bob", "strong", "weak"]
    assert [row["person"] for row in rows["people"]] == ["Ada", "Bob"]
