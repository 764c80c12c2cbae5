import numpy as np
import polars as pl
import pytest
import yaml
from PIL import Image

from cotrain.comparison._settings import ComparisonSettings
from cotrain.configuration import construct_class
from cotrain.learner import Configuration, Recommendation, SplitTable


@pytest.fixture
def path(tmp_path):
    generator = np.random.default_rng(0)
    x = generator.normal(size=240)
    frame = pl.DataFrame({"x": x, "big": (x > 0).astype(int), "price": 3 * x + 1.5})
    some = pl.Series(generator.random(240) < 0.4)
    frame = frame.with_columns(
        price=pl.when(some).then(pl.col("price")), fold=pl.Series(["train", "train", "test"] * 80)
    )
    frame.write_csv(tmp_path / "table.csv")
    return tmp_path / "table.csv"


def test_says_what_it_proposes_and_why(path):
    proposal = Recommendation.of_table(str(path), ["big", "price"], relative_to=path.parent)
    assert proposal.config["sharing"] == "HardSharing"
    assert proposal.config["split"] == {"column": "fold"}
    assert proposal.config["training"] == {"epochs": "auto"}
    assert "in a probe of 50 steps on 160 rows" in proposal.why
    assert "160 training rows with a label; 'price' has the fewest" in proposal.why
    text = proposal.to_yaml()
    commented = " ".join(line[2:] for line in text.splitlines() if line.startswith("# "))
    assert proposal.why in commented
    assert Configuration.from_config(yaml.safe_load(text)).learner.encoder.width == 64


def test_what_it_says_of_a_comparison_leads_to_a_verdict(path):
    proposal = Recommendation.of_table(str(path), ["big", "price"], relative_to=path.parent, probe=False)
    text = proposal.to_yaml()
    settings = construct_class(ComparisonSettings, yaml.safe_load(text)["compare"], "compare")
    assert settings.seeds == 5
    assert "single_task" in settings.references
    assert "# For a verdict on learning together: cotrain compare with this file." in text
    # One task has nothing to be learned together with.
    assert "compare" not in Recommendation.of_table(str(path), ["big"]).config


def test_without_a_probe(path):
    proposal = Recommendation.of_table(str(path), ["big", "price"], probe=False)
    assert "nothing was measured" in proposal.why
    assert Recommendation.of_table(str(path), ["big"]).why.startswith("HardSharing is a plain network")


def test_labels_too_rare_for_a_probe_are_left_to_the_training(tmp_path):
    rare = [1, 0] + [None] * 9998
    frame = pl.DataFrame({"x": np.arange(1e4), "rare": rare, "often": [0, 1] * 5000})
    frame.write_csv(tmp_path / "t.csv")
    proposal = Recommendation.of_table(str(tmp_path / "t.csv"), ["rare", "often"])
    assert proposal.config["sharing"] == "HardSharing"


def test_of_several_tables_the_configuration_names_each(tmp_path):
    x = [i % 7 for i in range(60)]
    pl.DataFrame({"x": x, "a": [i % 2 for i in range(60)]}).write_csv(tmp_path / "a.csv")
    tokens = [["good", "film", "."], ["bad"], ["never", "again"]] * 20
    numbers = [i + 0.5 for i in range(60)]
    pl.DataFrame({"x": x, "said": tokens, "b": numbers}).write_ndjson(tmp_path / "b.jsonl")
    said = pl.DataFrame({"said": ["a film", "very bad"] * 20, "c": ["yes", "no"] * 20})
    said.write_csv(tmp_path / "c.csv")
    paths = {name: str(tmp_path / file) for name, file in (("a", "a.csv"), ("b", "b.jsonl"), ("c", "c.csv"))}
    found = Recommendation.of_table(paths, ["a,b,c"], relative_to=tmp_path, probe=False)
    assert found.config["data"] == {"a": "a.csv", "b": "b.jsonl", "c": "c.csv"}
    assert found.config["columns"] == {"x": "number", "said": "words"}
    assert [task["kind"] for task in found.config["tasks"]] == ["Binary", "Regression", "Binary"]
    assert found.config["encoder"] == {"kind": "WordEncoder"}
    (tmp_path / "made.yaml").write_text(found.to_yaml())
    split = SplitTable.of(Configuration.read(tmp_path / "made.yaml"))
    assert [(source, list(tasks)) for source, tasks in split.by_source.items()] == [
        ("a", ["a"]),
        ("b", ["b"]),
        ("c", ["c"]),
    ]


def test_of_pictures_no_trees_are_asked_for(tmp_path):
    """Trees of pixels take minutes and are no opponent; the network alone is."""
    for name in range(6):
        Image.fromarray(np.full((8, 8, 3), 40 * name, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    frame = {"file": [f"{n}.png" for n in range(6)] * 2, "shade": [f"s{n % 2}" for n in range(12)]}
    frame["number"] = [n / 3 for n in range(12)]
    pl.DataFrame(frame).write_csv(tmp_path / "t.csv")
    config = Recommendation.of_table(tmp_path / "t.csv", ["shade", "number"], probe=False).config
    assert config["references"] == "constant"
    assert config["compare"]["references"] == ["single_task"]


def test_labels_are_counted_in_the_part_that_is_learned_from(tmp_path):
    n = 200
    part = ["train"] * 100 + ["test"] * 100
    frame = pl.DataFrame(
        {
            "x": [float(i % 17) for i in range(n)],
            "few": [float(i % 5) if i >= 100 or i % 10 == 0 else None for i in range(n)],
            "many": [float(i % 7) if i % 2 else None for i in range(n)],
            "split": part,
        }
    )
    frame.write_csv(tmp_path / "table.csv")
    found = Recommendation.of_table(tmp_path / "table.csv", ["few", "many"], probe=False)
    assert {task["name"]: (task["labelled"], task["share"]) for task in found.tasks} == {
        "few": (10, 0.1),
        "many": (50, 0.5),
    }
    assert "'few' has the fewest (10, 10% of 100 rows)" in found.why


@pytest.mark.parametrize("alike", [True, False])
def test_patients_that_the_split_would_tear_apart_are_told_of(tmp_path, alike):
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(50), 6)
    own = rng.normal(size=50)[who] if alike else 0.0
    frame = {"patientId": [f"p{i}" for i in who], "x": rng.normal(size=300)}
    frame |= {"sick": rng.random(300) < 0.5, "dose": own + rng.normal(size=300)}
    pl.DataFrame(frame).write_csv(tmp_path / "visits.csv")
    proposal = Recommendation.of_table(tmp_path / "visits.csv", ["sick", "dose"], probe=False)
    assert ("write split: {group: patientId}" in proposal.why) == alike
    assert proposal.config["split"] == {"validation": 0.1, "test": 0.2}
    # Who follows the advice is not given it again.
    followed = proposal.configuration(["split={group: patientId}", f"data={tmp_path}/visits.csv"])
    assert SplitTable.of(followed).n_rows["test"] > 0
