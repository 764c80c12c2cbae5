from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cotrain.learner import Configuration, SplitTable
from cotrain.tuning import Tuning

pytest.importorskip("optuna", reason="the extra 'hpo' is not installed")

from cotrain.tuning._study import ask, open_storage, open_study
from cotrain.tuning._trials import counted, one_trial

FIELDS = {"training.learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}}


@pytest.fixture
def configuration(tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 2))
    table = {"x": x[:, 0], "y": x[:, 1], "a": (x[:, 0] > 0).astype(int)}
    pl.DataFrame(table).write_parquet(tmp_path / "t.parquet")
    return Configuration.from_config(
        {
            "data": str(tmp_path / "t.parquet"),
            "tasks": [{"kind": "Binary", "name": "a"}],
            "encoder": {"kind": "TableEncoder", "width": 4, "depth": 0},
            "training": {"epochs": 1, "batch_size": 16},
            "split": {"validation": 0.25, "test": 0.25},
            "tune": {"fields": FIELDS},
        }
    )


def test_a_trial_that_ends_has_a_score_and_one_that_fails_says_why(configuration, tmp_path):
    tuning = Tuning(FIELDS)
    fields, rows = tuning.all_fields(configuration), SplitTable.of(configuration)
    without = replace(rows, frame=rows.frame.drop("a"))
    study = open_study(open_storage(None, tmp_path / "s"), configuration, tuning, tmp_path / "s")
    one_trial(study, ask(study, configuration, tuning), configuration, tuning, fields=fields, rows=rows)
    one_trial(study, ask(study, configuration, tuning), configuration, tuning, fields=fields, rows=without)
    done, failed = study.trials
    assert done.state.name == "COMPLETE"
    assert done.value == pytest.approx(done.user_attrs["gains"]["a"])
    assert failed.state.name == "FAIL"
    assert "'a'" in failed.user_attrs["reason"]
    # Both count; one whose process was killed gives no reason and is done again.
    assert len(counted(study)) == 2


def test_one_network_is_tuned_where_several_answer(configuration, tmp_path):
    tuning, gains = Tuning(FIELDS), []
    rows = SplitTable.of(configuration)
    for ensemble in (1, 3):
        changed = configuration.changed({"ensemble": ensemble})
        study = open_study(open_storage(None, tmp_path / f"s{ensemble}"), changed, tuning, tmp_path / "s")
        fields = tuning.all_fields(changed)
        one_trial(study, ask(study, changed, tuning), changed, tuning, fields=fields, rows=rows)
        gains.append((study.trials[0].params, study.trials[0].value))
    assert gains[0] == gains[1]
