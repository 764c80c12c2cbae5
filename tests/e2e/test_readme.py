"""What the README shows must run."""

import re
from pathlib import Path

import pytest
import yaml

README = Path(__file__).resolve().parents[2] / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.slow
def test_the_ten_lines_of_python_run(tmp_path, monkeypatch):
    pytest.importorskip("bokeh_sampledata", reason="the film table needs pip install 'cotrain[demo]'")
    from cotrain.cli._films import film_table

    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    films = film_table()[:2000]
    films.write_parquet("demo/films.parquet")
    names = {}
    exec(compile(blocks("python")[0], "README", "exec"), names)
    assert names["predictions"].height == films.filter(split="test").height
    assert {"certificate", "meter", "oscar"} <= set(names["predictions"].columns)


def test_the_loop_of_ones_own_runs():
    import torch

    import cotrain as ct
    from cotrain.networks import InputSpec

    encoder = ct.networks.TableEncoder(width=4, depth=0)
    sharing = ct.networks.HardSharing().build(lambda: encoder.build(InputSpec(n_numbers=2)), ["a", "b"])
    model = ct.networks.MultiTaskNetwork(sharing, {name: torch.nn.Linear(4, 1) for name in ("a", "b")})
    outputs = model({"numbers": torch.randn(6, 2)})
    names = {"ct": ct, "model": model, "loss_a": outputs["a"].mean(), "loss_b": outputs["b"].square().mean()}
    exec(compile(blocks("python")[1], "README", "exec"), names)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_ten_lines_of_yaml_are_a_configuration():
    from cotrain.learner import Configuration

    configuration = Configuration.from_config(yaml.safe_load(blocks("yaml")[0]))
    assert [task.name for task in configuration.learner.tasks] == ["genres", "certificate", "meter"]
    assert configuration.learner.tasks[2].weight == 2
