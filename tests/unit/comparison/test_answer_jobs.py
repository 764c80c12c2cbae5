"""Who answers at each seed is whom a fit with `answer: auto` would choose, and says what its members say."""

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain.comparison._answer_jobs import choose_answers, score_answers
from cotrain.comparison._checked_files import read_arrays, read_record, write_arrays, write_record
from cotrain.comparison._tree_jobs import score_trees, train_trees
from cotrain.data import TypedTable

NAMES = ["price", "sold", "few"]


def table(n: int, seed: int) -> pl.DataFrame:
    """What trees see at once and a network of one epoch does not, with gaps; and a task of few labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    signal = 3 * np.sign(x[:, 0] * x[:, 1])
    return pl.DataFrame(
        {
            "x": x[:, 0],
            "y": x[:, 1],
            "price": [None if i % 5 == 0 else v for i, v in enumerate(signal + 0.1 * x[:, 1])],
            "sold": [None if i % 3 == 0 else bool(v > 0) for i, v in enumerate(signal + rng.normal(size=n))],
            "few": [float(i % 7) if i < 9 else None for i in range(n)],
        }
    )


def learner(answer: str = "joint", names: list[str] | None = None) -> ct.Learner:
    kinds = {"price": ct.tasks.Regression, "sold": ct.tasks.Binary, "few": ct.tasks.Regression}
    return ct.Learner(
        [kinds[name](name) for name in names or NAMES],
        encoder=ct.networks.TableEncoder(width=4, depth=0),
        training=ct.Training(epochs=1, batch_size=64),
        columns={} if names is None else {n: "drop" for n in NAMES if n not in names},
        answer=answer,  # ty: ignore[invalid-argument-type]
    )


@pytest.fixture
def cells(tmp_path):
    """The networks and trees of one seed, as a comparison keeps them."""
    for part, n, seed in (("train", 300, 0), ("validation", 120, 1), ("test", 80, 2)):
        TypedTable.read(table(n, seed)).write_parquet(tmp_path / f"{part}.parquet")
    train, held = (TypedTable.read(tmp_path / f"{part}.parquet") for part in ("train", "validation"))
    learner().fit(train, held, progress=False).save(tmp_path / "joint")
    for name in NAMES:
        learner(names=[name]).fit(train, held, progress=False).save(tmp_path / name)
        (tmp_path / f"trees_{name}").mkdir()
        config = learner().config()
        train_trees(str(tmp_path), str(tmp_path / f"trees_{name}"), config, [], task=name, learning_rate=0.05)
    models = {
        "joint": dict.fromkeys(NAMES, str(tmp_path / "joint")),
        "alone": {name: str(tmp_path / name) for name in NAMES},
    }
    return models, {name: str(tmp_path / f"trees_{name}") for name in NAMES}


def test_the_choice_is_that_of_a_fit_that_chooses(tmp_path, cells):
    models, trees = cells
    choose_answers(str(tmp_path), str(tmp_path / "a.json"), [models, models], trees=trees)
    first, second = read_record(tmp_path / "a.json")["seeds"]
    assert first == second
    train, held = (TypedTable.read(tmp_path / f"{part}.parquet") for part in ("train", "validation"))
    whole = learner("auto").fit(train, held, progress=False)
    expected = whole.fitted.answers
    for name in NAMES:
        answer, own = first[name]["answer"], expected.of_task[name].to_json()
        for what in ("by", "weights", "n_labelled", "reason", "metric"):
            assert answer[what] == own[what]
        # Alone takes as many steps as together there, and as many epochs here; the others are the same.
        for member in ("joint", "trees"):
            if member in own["values"]:
                assert answer["values"][member] == pytest.approx(own["values"][member], rel=1e-5)
    assert first["price"]["answer"]["by"] == "trees"
    assert first["price"]["temperature"] is None
    assert first["sold"]["temperature"] == pytest.approx(expected.temperatures["sold"], rel=1e-5)
    assert first["few"]["answer"]["reason"].startswith("too few to choose by: ")


def test_groups_make_the_choice_more_careful(tmp_path, cells):
    models, trees = cells
    rows = TypedTable.read(tmp_path / "validation.parquet")
    TypedTable(rows.frame.with_columns(who=pl.lit("all of them")), rows.types).write_parquet(
        tmp_path / "validation.parquet"
    )
    choose_answers(str(tmp_path), str(tmp_path / "a.json"), [models], trees=trees, split={"group": "who"})
    (found,) = read_record(tmp_path / "a.json")["seeds"]
    assert {of["answer"]["by"] for of in found.values()} == {"joint"}


@pytest.mark.usefixtures("cells")
def test_scores_are_those_of_the_member_or_the_weighted_mean_of_tempered_ones(tmp_path):
    config, rng = learner().config(), np.random.default_rng(0)
    rates = dict.fromkeys(NAMES, 0.05)
    score_trees(str(tmp_path), str(tmp_path / "trees.npz"), config, [], learning_rates=rates)
    of_trees = read_arrays(tmp_path / "trees.npz")
    sides = {
        side: {f"{seed}/{k}": rng.uniform(0.1, 0.9, size=(80, 1)) for seed in range(2) for k in range(3)}
        for side in ("joint", "alone")
    }
    for side, arrays in sides.items():
        write_arrays(tmp_path / f"{side}.npz", arrays)

    def answer(by, temperature=None, **weights):
        of = {"by": by, "weights": weights, "metric": "m", "values": {}, "n_labelled": 9, "reason": ""}
        return {"answer": of, "temperature": temperature}

    choices = [
        {
            "price": answer("joint", joint=1.0),
            "sold": answer("trees", 2.0, trees=1.0),
            "few": answer("alone", alone=1.0),
        },
        {
            "price": answer("blend", joint=0.25, trees=0.75),
            "sold": answer("blend", 2.0, alone=0.5, trees=0.5),
            "few": answer("alone", alone=1.0),
        },
    ]
    write_record(tmp_path / "a.json", {"seeds": choices})
    score_answers(
        str(tmp_path), str(tmp_path / "out.npz"), config, [], choices=str(tmp_path / "a.json"),
        scores={side: str(tmp_path / f"{side}.npz") for side in ("joint", "alone", "trees")},
    )  # fmt: skip
    found = read_arrays(tmp_path / "out.npz")
    p = of_trees["0/1"]
    tempered = 1 / (1 + np.exp(-np.log(p / (1 - p)) / 2))
    joint, alone = sides["joint"], sides["alone"]
    expected = {
        "0/0": joint["0/0"],
        "0/1": tempered,
        "0/2": alone["0/2"],
        "1/0": 0.25 * joint["1/0"] + 0.75 * of_trees["0/0"],
        "1/1": 0.5 * alone["1/1"] + 0.5 * tempered,
        "1/2": alone["1/2"],
    }
    assert set(found) == set(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-5)
