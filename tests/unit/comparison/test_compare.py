"""A comparison from the first cell to results.json, with its jobs done in this process."""

import json
import sys

import numpy as np
import pytest
import yaml

from cotrain._base import ConfigError, DataError, InvalidArgumentError, MissingExtraError, RunError
from cotrain.comparison import _answering, _grid, compare
from cotrain.comparison._answer_jobs import choose_answers
from cotrain.comparison._compare import require_finished
from cotrain.learner._run_folder import read_weights
from cotrain.reporting import report_of_folder

from .small_comparison import SECTION, Counter

pytestmark = pytest.mark.usefixtures("in_this_process")


def test_as_many_jobs_end_as_were_announced_and_a_second_time_none_is_done(configuration, tmp_path):
    first, second = Counter(), Counter()
    results = compare(configuration(), tmp_path / "out", progress=first)
    # Joint and two alone, two rates, three seeds; scores of two methods, a verdict on one.
    assert first.jobs == len(first.titles) == 3 * 2 * 3 + 3
    assert {where for *_, where in first.titles} == {"here"}
    again = compare(configuration(), tmp_path / "out", progress=second)
    assert {where for *_, where in second.titles} == {"before"}
    assert {**again, "seconds": 0} == {**results, "seconds": 0}
    for method in [method for method in again["methods"] if method["name"] != "constant"]:
        # One epoch at each of three seeds, and the 18 test rows as often.
        curves = {
            task: [[epoch for epoch, _ in curve] for curve in of] for task, of in method["curves"].items()
        }
        assert curves == {"big": [[1]] * 3, "price": [[1]] * 3}
        (label,) = method["confusions"]["big"]["labels"]
        n_labelled = next(task["n_labelled"] for task in again["tasks"] if task["name"] == "big")
        assert sum(label[key] for key in label if key not in ("name", "threshold")) == 3 * n_labelled
        assert set(method["confusions"]) == {"big"}
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == again


def test_every_method_is_kept_at_its_best_rate_on_the_validation_rows_of_each_seed(configuration, tmp_path):
    results = compare(configuration(), tmp_path / "out")
    joint = results["methods"][0]
    assert joint["name"] == results["chosen"] == "HardSharing + ReferenceScaled"
    scores = {}
    for cell in sorted(tmp_path.glob("out/cells/*")):
        config = yaml.safe_load((cell / "model" / "config.yaml").read_text())
        if len(config["tasks"]) == 2:
            by_rate = scores.setdefault(config.get("seed", 0), {})
            rate = config["training"]["learning_rate"]
            by_rate[rate] = json.loads((cell / "cell.json").read_text())["score"]
    assert [sorted(by_rate) for by_rate in scores.values()] == [[0.004, 0.01]] * 3
    assert joint["validation"] == pytest.approx(np.mean([max(tried.values()) for tried in scores.values()]))
    best = {max(tried, key=tried.__getitem__) for tried in scores.values()}
    assert set(joint["learning_rates"].values()) == best
    for rate in (0.004, 0.01):
        mean = np.mean([tried[rate] for tried in scores.values()])
        assert joint["sweeps"][""][f"{rate:g}"] == pytest.approx(mean)
    assert sum(results["n_rows"][part] for part in ("train", "validation", "test")) == 90


def test_the_choice_of_the_first_seed_holds_for_all_where_that_is_asked_for(configuration, tmp_path):
    counter = Counter()
    compare(configuration(compare={**SECTION, "sweep": "first_seed"}), tmp_path / "out", progress=counter)
    assert counter.jobs == len(counter.titles) == 3 * (2 + 2) + 3


def test_a_method_whose_fits_fail_says_why_and_the_others_are_judged(configuration, tmp_path, monkeypatch):
    real = _grid.train_cell

    def broken(**arguments):
        if arguments["config"]["sharing"]["kind"] == "MMoE":
            raise RunError("The experts have left.")
        real(**arguments)

    monkeypatch.setattr(_grid, "train_cell", broken)
    section = {**SECTION, "sharing": ["HardSharing", "MMoE"]}
    results = compare(configuration(compare=section), tmp_path / "out")
    failed = {method["name"]: method["failed"] for method in results["methods"] if method["failed"]}
    assert failed == {"MMoE + ReferenceScaled": "The experts have left."}
    assert list(results["verdicts"]) == ["HardSharing + ReferenceScaled"]
    require_finished(results)


def test_without_the_networks_of_single_tasks_nothing_is_judged_but_figures_are_there(
    configuration, tmp_path, monkeypatch
):
    real = _grid.train_cell

    def broken(**arguments):
        if len(arguments["config"]["tasks"]) == 1:
            raise RunError("Alone it does not learn.")
        real(**arguments)

    monkeypatch.setattr(_grid, "train_cell", broken)
    results = compare(configuration(), tmp_path / "out")
    single = next(method for method in results["methods"] if method["name"] == "single_task")
    assert single["failed"] in ("big: Alone it does not learn.", "price: Alone it does not learn.")
    assert results["verdicts"] == {}
    assert list(results["tasks"][0]["figures"]) == ["HardSharing + ReferenceScaled", "constant"]


def test_trees_are_fitted_at_one_seed_and_judged_beside_the_winner(configuration, tmp_path):
    counter = Counter()
    section = {**SECTION, "references": ["single_task", "trees"]}
    results = compare(configuration(compare=section), tmp_path / "out", progress=counter)
    assert counter.jobs == len(counter.titles) == 3 * 2 * 3 + 2 * 2 + 3 + 1
    assert [record["task"] for record in results["verdicts_on_trees"]] == ["big", "price"]
    assert "trees" not in results["verdicts"]


def test_if_all_have_failed_every_reason_is_told():
    results = {"methods": [{"name": "a", "failed": "one"}, {"name": "b", "failed": "two"}]}
    with pytest.raises(RunError, match=r"^Every method has failed: a: one; b: two\.$"):
        require_finished(results)
    require_finished({"methods": [*results["methods"], {"name": "c", "failed": None}]})


def test_a_wrong_section_or_no_test_rows_leave_no_cells(configuration, tmp_path):
    with pytest.raises(ConfigError, match="expected at least 3"):
        compare(configuration(compare={**SECTION, "seeds": 2}), tmp_path / "out")
    with pytest.raises(DataError, match="A comparison needs"):
        compare(configuration(split={"validation": 0.2, "test": 0.0}), tmp_path / "out")
    assert not list(tmp_path.glob("out/cells/*"))


def test_sides_that_would_take_what_their_time_allows_are_refused(configuration, tmp_path):
    limited = configuration().changed({"training.time_limit": "1m"})
    with pytest.raises(ConfigError, match="time_limit is '1m', and a comparison gives all fits the same"):
        compare(limited, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_keys_do_not_depend_on_where_the_folder_is(configuration, tmp_path):
    names = []
    for folder in (tmp_path / "here", tmp_path / "there" / "deep"):
        compare(configuration(), folder)
        names.append(sorted(path.name for part in ("cells", "test") for path in (folder / part).iterdir()))
    assert names[0] == names[1]
    assert _grid.short_key([1], tmp_path) != _grid.short_key([2], tmp_path)


def test_who_answers_is_one_more_contender(seen_by_trees, tmp_path):
    counter = Counter()
    section = {**SECTION, "references": ["single_task", "trees"]}
    made = seen_by_trees(compare=section)
    results = compare(made, tmp_path / "out", progress=counter)
    assert counter.jobs == len(counter.titles) == 3 * 2 * 3 + 2 * 2 + 3 + 1 + 3
    # The choice is over before a test row is read.
    titles = [title for title, *_ in counter.titles]
    assert titles.index("choice of answer") < min(i for i, t in enumerate(titles) if t.startswith("test of"))
    by_task = {answer["task"]: answer for answer in results["answers"]}
    assert [of["by"] for of in by_task["price"]["by_seed"]] == ["trees"] * 3
    assert by_task["price"]["sentence"] == "price: trees at all 3 seeds."
    figures = next(task for task in results["tasks"] if task["name"] == "price")["figures"]
    assert figures["answer"]["values"] == figures["trees"]["values"] * 3
    beside = {one["task"]: one for one in results["verdicts_on_answer"]}
    assert beside["price"]["word"] == "better"
    assert "together" in beside["price"]["sentence"]
    alone = {one["task"]: one["word"] for one in results["verdicts"]["answer"]}
    assert alone["price"] == "better"
    # What was chosen on the validation rows is not called the best on them.
    assert results["chosen"] == "HardSharing + ReferenceScaled"
    methods = {method["name"]: method for method in results["methods"]}
    assert methods["answer"]["reference"]
    assert methods["answer"]["delta_m"] > methods[results["chosen"]]["delta_m"]


def test_the_choice_is_blind_to_the_test_rows(seen_by_trees, tmp_path, monkeypatch):
    seen = []

    def without_test_rows(**arguments):
        (rows,) = tmp_path.glob("out/parts/*/test.parquet")
        kept = rows.read_bytes()
        rows.unlink()
        assert list(tmp_path.glob("out/test/*")) == []
        choose_answers(**arguments)
        rows.write_bytes(kept)
        seen.append(arguments["output"])

    monkeypatch.setattr(_answering, "choose_answers", without_test_rows)
    section = {**SECTION, "references": ["single_task", "trees"]}
    compare(seen_by_trees(compare=section), tmp_path / "out")
    assert len(seen) == 1


def test_without_trees_or_without_networks_who_answers_says_so(configuration, tmp_path, monkeypatch):
    results = compare(configuration(answer="auto"), tmp_path / "out")
    assert any(note.startswith("answer: auto had no trees to choose") for note in results["notes"])
    # Nine labelled rows do not choose: the joint network answers, and no claim is made twice.
    assert "too few to choose by" in results["answers"][0]["sentence"]
    assert "answer" not in results["verdicts"]
    assert results["verdicts_on_answer"] == []

    def broken(**arguments):
        raise RunError("It does not learn.")

    monkeypatch.setattr(_grid, "train_cell", broken)
    results = compare(configuration(answer="auto"), tmp_path / "other")
    assert "answer: auto had nobody to choose from, because fits have failed." in results["notes"]
    assert results["answers"] == []


def test_networks_on_both_sides_are_ensembles_alike(configuration, tmp_path):
    section = SECTION | {"learning_rates": [0.004], "references": ["single_task", "pooled"]}
    tasks = [{"kind": "Regression", "name": name} for name in ("y", "price")]
    results = compare(configuration(compare=section, tasks=tasks, ensemble=2), tmp_path / "out")
    assert results["notes"][:2] == [
        "No pooled network: it would be one beside ensembles of 2.",
        "Every network is an ensemble: 2 of them, mean of their predictions.",
    ]
    files = list((tmp_path / "out").glob("cells/*/model/model.safetensors"))
    found = {tuple(map(len, read_weights(file.parent)[1].values())) for file in files}
    assert found == {(2, 2), (2,)}, "all tasks together, and each alone"


def test_trees_of_another_library_compete(configuration, tmp_path, monkeypatch):
    section = {**SECTION, "learning_rates": [0.004], "references": ["single_task", "trees"]}
    made = configuration(compare=section, trees="lightgbm")
    results = compare(made, tmp_path / "out")
    assert [method["failed"] for method in results["methods"] if method["name"] == "trees"] == [None]
    assert {verdict["task"] for verdict in results["verdicts_on_trees"]} == {"big", "price"}
    assert results["versions"]["lightgbm"]
    assert "Boosted trees are those of LightGBM." in results["notes"]
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingExtraError, match="trees: lightgbm needs the package 'lightgbm'"):
        compare(made, tmp_path / "other")
    assert not list(tmp_path.glob("other/cells/*"))


def test_the_configuration_beside_the_results_is_theirs(configuration, tmp_path, monkeypatch):
    out = tmp_path / "out"
    first = configuration()
    compare(first, out)
    assert yaml.safe_load((out / "config.yaml").read_text()) == first.config()
    assert "<!doctype html>" in report_of_folder(out)
    other = configuration(seed=5)
    run_jobs = _grid.run_jobs

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_grid, "run_jobs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare(other, out)
    assert yaml.safe_load((out / "config.yaml").read_text()) == first.config()
    with pytest.raises(KeyboardInterrupt):
        compare(other, tmp_path / "new")
    assert yaml.safe_load((tmp_path / "new" / "config.yaml").read_text()) == other.config()
    monkeypatch.setattr(_grid, "run_jobs", run_jobs)
    compare(other, out)
    assert yaml.safe_load((out / "config.yaml").read_text()) == other.config()


def test_what_is_wrong_with_the_columns_of_every_fit_is_said_before_the_first(
    configuration, tmp_path, monkeypatch
):
    begun = []
    monkeypatch.setattr(_grid, "run_jobs", lambda jobs, *_, **__: begun.extend(jobs) or {})
    with pytest.raises(InvalidArgumentError, match="'ignore'.*'drop'"):
        compare(configuration(columns={"x": "ignore"}), tmp_path / "out")
    assert begun == []


def test_one_task_alone_is_said_to_have_nothing_beside_it(configuration, tmp_path):
    section = SECTION | {"learning_rates": [0.004], "references": ["single_task"]}
    one = configuration(compare=section, tasks=[{"kind": "Regression", "name": "price"}])
    notes = compare(one, tmp_path / "one")["notes"]
    assert any(
        note.startswith("price is the only task, so that nothing is learned together") for note in notes
    )
    two = compare(configuration(compare=section), tmp_path / "two")
    assert not any("the only task" in note for note in two["notes"])


def test_figures_that_only_describe_are_no_gain(configuration, tmp_path):
    section = SECTION | {"learning_rates": [0.004], "references": ["single_task"]}
    gains = []
    for metrics in (["pinball", "coverage", "interval_width"], ["pinball"]):
        task = {"kind": "Regression", "name": "price", "quantiles": [0.1, 0.9], "metrics": metrics}
        made = configuration(compare=section, tasks=[task, {"kind": "Regression", "name": "y"}])
        results = compare(made, tmp_path / str(len(metrics)))
        (of_chosen,) = [method for method in results["methods"] if method["name"] == results["chosen"]]
        gains.append(of_chosen["delta_m_per_metric"])
    assert gains[0] == pytest.approx(gains[1])
