import pytest

from cotrain._base import ConfigError, RunError
from cotrain.jobs import Leases
from cotrain.learner import Configuration
from cotrain.tuning import Tuning

pytest.importorskip("optuna", reason="the extra 'hpo' is not installed")

from cotrain.tuning._study import ask, fail_abandoned, open_storage, open_study
from cotrain.tuning._trials import counted

FIELDS = {"training.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}}


def configuration(**learner):
    tasks = [{"kind": "Binary", "name": "a"}]
    return Configuration.from_config({"data": "t.csv", "tasks": tasks, "tune": {"fields": FIELDS}} | learner)


def study(folder, given=None):
    given = given or configuration()
    return open_study(open_storage(None, folder), given, Tuning(FIELDS), folder)


def test_a_study_is_gone_on_with_and_that_of_another_configuration_refused(tmp_path):
    trial = ask(study(tmp_path), configuration(), Tuning(FIELDS))
    assert [t.number for t in study(tmp_path).trials] == [trial.number]
    with pytest.raises(RunError, match="holds a search of another configuration"):
        study(tmp_path, configuration(seed=7))


def test_a_storage_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="expected journal:PATH"):
        open_storage("nowhere", tmp_path)


def test_what_a_trial_draws_is_named_by_its_number(tmp_path):
    def draws(folder):
        folder.mkdir()
        opened = study(folder)
        return [ask(opened, configuration(), Tuning(FIELDS)).suggest_float("x", 0.0, 1.0) for _ in range(3)]

    first = draws(tmp_path / "same")
    (tmp_path / "other").mkdir()
    assert len(set(first)) == 3
    assert draws(tmp_path / "other" / "same") == first


def test_the_trial_of_a_process_that_is_gone_is_tried_again(tmp_path):
    opened, leases = study(tmp_path), Leases(tmp_path / "leases")
    alive, gone = (ask(opened, configuration(), Tuning(FIELDS)) for _ in range(2))
    for trial, lease in ((alive, "alive"), (gone, "gone")):
        trial.suggest_float("x", 0.0, 1.0)
        trial.set_user_attr("lease", lease)
    assert leases.claim("alive")
    fail_abandoned(opened, leases)
    leases.close()
    assert [t.number for t in counted(opened)] == [alive.number]
    again = ask(opened, configuration(), Tuning(FIELDS))
    assert again.suggest_float("x", 0.0, 1.0) == gone.params["x"]
