import pytest

from cotrain._base import ConfigError, constructor_parameters
from cotrain.learner import Configuration, Learner
from cotrain.tuning import Tuning

CONFIG = {
    "data": "t.csv",
    "tasks": [{"kind": "Binary", "name": "a"}, {"kind": "Regression", "name": "b"}],
}
RANGE = {"low": 0.1, "high": 10, "log": True}


def test_a_search_for_nothing_is_refused():
    with pytest.raises(ConfigError, match="names nothing to search for"):
        Tuning()


@pytest.mark.parametrize("name", ["trials", "startup"])
def test_numbers_of_trials_begin_at_one(name):
    with pytest.raises(ConfigError, match=rf"tune.{name} is 0: expected at least 1"):
        Tuning({"training.epochs": [1, 2]}, **{name: 0})


def test_weights_of_tasks_and_a_balancer_exclude_each_other():
    with pytest.raises(ConfigError, match="leave the balancer out"):
        Tuning({"balancer": ["Equal", "UPGrad"]}, task_weights=RANGE)


def test_every_task_gets_a_weight_and_the_balancer_becomes_static():
    tuning, configuration = Tuning(task_weights=RANGE), Configuration.from_config(CONFIG)
    assert [field.key for field in tuning.all_fields(configuration)] == ["weight of a", "weight of b"]
    changed = tuning.configuration_with(configuration, {"weight of a": 2.0, "weight of b": 0.5})
    assert changed.config()["balancer"]["weights_per_task"] == [2.0, 0.5]


def test_a_key_or_value_that_the_configuration_does_not_have_is_named():
    configuration = Configuration.from_config(CONFIG)
    with pytest.raises(ConfigError, match=r"tune.fields.training.epoch"):
        Tuning({"training.epoch": [1, 2]}).all_fields(configuration)
    with pytest.raises(ConfigError, match=r"tune.fields.training.epochs"):
        Tuning({"training.epochs": ["many"]}).all_fields(configuration)
    # The ends could be whole numbers; what lies between failed in every trial.
    with pytest.raises(ConfigError, match=r"tune.fields.training.epochs: .* fractional part"):
        Tuning({"training.epochs": {"low": 2.0, "high": 4.0}}).all_fields(configuration)


#: What a trial heeds, or refuses later on in words of its own.
HEEDED = [
    "tasks", "encoder", "sharing", "balancer", "cotraining", "training", "head", "pooling", "output_space",
    "columns", "mixing", "sample_weight", "augmentation", "seed",
]  # fmt: skip
UNHEEDED = {
    "query": ["a", "b"],
    "data": ["t.csv", "u.csv"],
    "split.validation": {"low": 0.1, "high": 0.4},
    "validation": ["v.csv", "w.csv"],
    "test": ["v.csv", "w.csv"],
    "references": ["trees", "full"],
    "keep_rows": [True, False],
    "compare.seeds": [3, 5],
    "tune.trials": [3, 5],
    "missing": [["NA"], ["?"]],
    "source": ["a", "b"],
    "answer": ["joint", "auto"],
    "trees": ["scikit-learn", "lightgbm"],
    "ensemble": {"low": 1, "high": 3},
    "preset": ["fast", "good"],
}


@pytest.mark.parametrize("key", UNHEEDED)
def test_what_no_trial_heeds_is_refused(key):
    with pytest.raises(ConfigError, match=rf"tune.fields.{key}: every trial fits .* would not heed it"):
        Tuning({key: UNHEEDED[key]}).all_fields(Configuration.from_config(CONFIG))


def test_of_every_key_of_a_configuration_it_is_known_whether_trials_heed_it():
    keys = {*constructor_parameters(Configuration), *constructor_parameters(Learner)} - {"learner"}
    assert keys == {*HEEDED, *(key.split(".")[0] for key in UNHEEDED)}


def test_values_of_a_trial_are_put_in():
    tuning, configuration = Tuning({"training.epochs": [3, 5]}), Configuration.from_config(CONFIG)
    changed = tuning.configuration_with(configuration, {"training.epochs": 5})
    assert changed.learner.training.epochs == 5
    assert configuration.learner.training.epochs != 5
