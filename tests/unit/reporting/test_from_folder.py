import json

import pytest

from cotrain._base import RunError
from cotrain.reporting import analysis_of_folder, report_of_folder


def test_a_folder_that_is_not_there_or_no_run_gets_a_sentence(tmp_path):
    with pytest.raises(RunError, match="There is no folder"):
        report_of_folder(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"metrics.json does not exist. The run has not finished"):
        report_of_folder(tmp_path)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(RunError, match=r"metrics.json is damaged"):
        analysis_of_folder(tmp_path)


@pytest.mark.parametrize("read", [report_of_folder, analysis_of_folder])
def test_a_run_of_another_version_gets_a_sentence(tmp_path, read):
    (tmp_path / "metrics.json").write_text("{}")
    (tmp_path / "config.yaml").write_text("tasks: []")
    (tmp_path / "history.jsonl").write_text('{"epoch": 0}\n')
    with pytest.raises(RunError, match="is damaged or of another version"):
        read(tmp_path)


def test_a_comparison_cannot_be_analyzed_and_says_what_can(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps({}))
    with pytest.raises(RunError, match="train the way that you want to analyze"):
        analysis_of_folder(tmp_path)
