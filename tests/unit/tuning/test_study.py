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


@pytest.mark.parametrize(
    "laid",
    [
        lambda place: {"data": f"{place}/t.csv"},
        lambda place: {"data": [f"{place}/t.csv", f"{place}/u.csv"]},
        lambda place: {"data": {"one": f"{place}/t.csv", "two": [f"{place}/u.csv", f"{place}/v.csv"]}},
        lambda place: {"data": f"{place}/t.csv", "validation": f"{place}/v.csv", "test": f"{place}/u.csv"},
        lambda place: {"data": {"one": f"{place}/t.csv"}, "validation": {"one": f"{place}/v.csv"}},
    ],
)
def test_a_study_knows_its_tables_by_their_names_wherever_they_lie(tmp_path, laid):
    study(tmp_path, configuration(**laid("here")))
    study(tmp_path, configuration(**laid("there")))
    with pytest.raises(RunError, match="holds a search of another configuration"):
        study(tmp_path, configuration(data="other.csv"))


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

    def begin(lease):
        trial = ask(opened, configuration(), Tuning(FIELDS))
        trial.suggest_float("x", 0.0, 1.0)
        trial.set_user_attr("lease", lease)
        return trial

    alive, gone = begin("alive"), begin("gone")
    assert leases.claim("alive")
    fail_abandoned(opened, leases)
    leases.close()
    assert [t.number for t in counted(opened)] == [alive.number]
    again = ask(opened, configuration(), Tuning(FIELDS))
    assert again.suggest_float("x", 0.0, 1.0) == gone.params["x"]


@pytest.mark.parametrize("killed_at", [0, 1, 3, 6])
@pytest.mark.parametrize("drawn", [0, 1, 2])
def test_a_search_that_was_killed_draws_what_it_would_have_drawn(tmp_path, killed_at, drawn):
    keys = ["x", "y"]

    def one(opened, n_keys=2):
        trial = ask(opened, configuration(), Tuning(FIELDS, startup=2))
        trial.set_user_attr("lease", "gone")
        values = [trial.suggest_float(key, 0.0, 1.0) for key in keys[:n_keys]]
        if n_keys == 2:
            opened.tell(trial, -((values[0] - 0.3) ** 2) - values[1])
        return values

    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole = study(tmp_path / "whole" / "s")
    expected = [one(whole) for _ in range(8)]
    killed = study(tmp_path / "killed" / "s")
    found = [one(killed) for _ in range(killed_at)]
    trial = ask(killed, configuration(), Tuning(FIELDS, startup=2))
    trial.set_user_attr("lease", "gone")
    for key in keys[:drawn]:
        trial.suggest_float(key, 0.0, 1.0)
    leases = Leases(tmp_path / "leases")
    fail_abandoned(killed, leases)
    leases.close()
    found += [one(killed) for _ in range(8 - killed_at)]
    assert found == expected


def test_a_search_does_not_go_on_with_other_rows(tmp_path):
    tuning = Tuning(FIELDS)
    for data in ("a", "a", None):
        open_study(open_storage(None, tmp_path), configuration(), tuning, tmp_path, data=data)
    with pytest.raises(RunError, match="a search on other training or validation rows"):
        open_study(open_storage(None, tmp_path), configuration(), tuning, tmp_path, data="b")
