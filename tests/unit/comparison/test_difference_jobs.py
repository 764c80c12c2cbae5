"""How far a way of training is from the references, over rows, groups or times."""

import numpy as np
import polars as pl

import cotrain as ct
from cotrain.comparison._checked_files import read_record, write_arrays
from cotrain.comparison._difference_jobs import compare_scores, read_truths
from cotrain.evaluation import Difference


def table(n: int = 80) -> pl.DataFrame:
    x = np.random.default_rng(0).normal(size=n)
    return pl.DataFrame({"x": x, "a": 2 * x, "b": -x})


def learner() -> ct.Learner:
    tasks = [ct.tasks.Regression("a"), ct.tasks.Regression("b")]
    return ct.Learner(tasks, training=ct.Training(epochs=1, batch_size=32))


def test_truths_are_in_the_unit_of_the_metrics_and_know_what_is_missing(tmp_path):
    table().with_columns(pl.when(pl.col("x") > 0).then(pl.col("a")).alias("a")).write_parquet(
        tmp_path / "test.parquet"
    )
    preprocessor = learner().fit(table(), None, progress=False).preprocessor
    targets, mask = read_truths(preprocessor, tmp_path)["a"]
    assert mask[:, 0].tolist() == (table()["x"] > 0).to_list()
    np.testing.assert_allclose(targets[mask], table()["a"].to_numpy()[mask[:, 0]], rtol=1e-5)


def test_a_difference_is_over_the_groups_or_times_that_the_split_names(tmp_path):
    rng = np.random.default_rng(0)
    who, x = np.repeat(np.arange(20), 15), rng.normal(size=300)
    frame = pl.DataFrame({"x": x, "a": x, "b": x, "who": [f"p{i}" for i in who], "day": np.arange(300)})
    for part in ("train", "test"):
        frame.write_parquet(tmp_path / f"{part}.parquet")
    off = (rng.normal(size=20)[who] + 0.1 * rng.normal(size=300))[:, None]
    for name, factor in (("joint", 0.5), ("alone", 1.0)):
        of_seed = {f"{seed}/{k}": x[:, None] + factor * off for seed in range(3) for k in range(2)}
        write_arrays(tmp_path / f"{name}.npz", of_seed)
    paths = {name: str(tmp_path / f"{name}.npz") for name in ("joint", "alone")}

    def compared(**split):
        compare_scores(
            str(tmp_path), str(tmp_path / "found.json"), learner().config(), ["who", "day"],
            scores=paths["joint"], single=paths["alone"], n_seeds=3, split=split,
        )  # fmt: skip
        return read_record(tmp_path / "found.json")

    found = [compared(), compared(group="who"), compared(time="day")]
    for differences in (
        [Difference.from_json(one["tasks"]["a"]["difference"]) for one in found],
        [Difference.from_json(one["delta_m"]) for one in found],
    ):
        assert [one.unit for one in differences] == ["rows", "groups", "blocks of time"]
        assert [one.chance.n_units for one in differences] == [300, 20, 17]
        of_rows, of_groups, of_times = (one.high - one.low for one in differences)
        assert of_groups > 2 * of_rows
        assert of_times > 2 * of_rows


def test_trees_constants_and_too_few_labels_stand_beside_the_difference(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    frame = pl.DataFrame({"x": x, "a": x, "b": [*x[:9], *[None] * 191]})
    frame.with_columns(b=pl.Series(x)).write_parquet(tmp_path / "train.parquet")
    frame.write_parquet(tmp_path / "test.parquet")
    near, far = (x + size * rng.normal(size=200) for size in (0.1, 3.0))
    arrays = {"joint": near, "alone": near, "trees": far, "noise": rng.normal(size=200)}
    for name, values in arrays.items():
        seeds = range(1 if name == "trees" else 3)
        of_seed = {f"{seed}/{k}": values[:, None] for seed in seeds for k in (0, 1)}
        write_arrays(tmp_path / f"{name}.npz", of_seed)

    def compared(joint, alone, **options):
        compare_scores(
            str(tmp_path), str(tmp_path / "found.json"), learner().config(), [],
            scores=str(tmp_path / f"{joint}.npz"), single=str(tmp_path / f"{alone}.npz"),
            n_seeds=3, **options,
        )  # fmt: skip
        return read_record(tmp_path / "found.json")

    found = compared("joint", "alone", trees=str(tmp_path / "trees.npz"))
    of_a, of_b = found["tasks"]["a"], found["tasks"]["b"]
    assert of_a["learned"]
    assert Difference.from_json(of_a["trees"]).low > 0
    assert of_b["too_few"] == "9 labelled test rows; 10 are needed"
    # delta_m is over the tasks that can be compared: here both networks are the same.
    assert found["delta_m"]["value"] == 0
    nothing = compared("noise", "noise")
    assert not nothing["tasks"]["a"]["learned"]
    assert nothing["tasks"]["a"]["trees"] is None
    assert compared("noise", "alone")["tasks"]["a"]["learned"]


def test_who_answers_is_compared_with_the_joint_method_at_the_same_seeds(tmp_path):
    """The answer at a seed is made of that seed's networks, so what moves both sides cancels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    for part in ("train", "test"):
        pl.DataFrame({"x": x, "a": x, "b": x}).write_parquet(tmp_path / f"{part}.parquet")
    noise, luck = rng.normal(size=200), (0.5, 1.0, 2.0)
    for name, more in (("joint", 0.2), ("alone", 0.2), ("answer", 0.1)):
        of_seed = {f"{s}/{k}": (x + (luck[s] + more) * noise)[:, None] for s in range(3) for k in (0, 1)}
        write_arrays(tmp_path / f"{name}.npz", of_seed)

    def compared(**options):
        compare_scores(
            str(tmp_path), str(tmp_path / "found.json"), learner().config(), [],
            scores=str(tmp_path / "answer.npz"), single=str(tmp_path / "alone.npz"), n_seeds=3, **options,
        )  # fmt: skip
        return read_record(tmp_path / "found.json")["tasks"]["a"]

    plain, beside = compared(), compared(joint=str(tmp_path / "joint.npz"))
    assert plain["joint"] is None
    ours = Difference.from_json(beside["joint"])
    assert ours.low > 0
    assert ours == Difference.from_json(beside["difference"])
    assert Difference.from_json(plain["difference"]).low < 0
