import pytest

pytest.importorskip("bokeh_sampledata", reason="the film table needs pip install 'cotrain[demo]'")

from cotrain.cli._films import CERTIFICATES, CONFIG, film_table


def test_the_film_table_is_the_documented_one():
    films = film_table()
    assert films.height == 17472
    assert set(films["certificate"].drop_nulls()) == set(CERTIFICATES)
    assert films["box_office"].drop_nulls().max() < 10, "decimal logarithm"
    assert "" not in films["writers"]
    shares = films["split"].value_counts(normalize=True)
    assert dict(shares.iter_rows())["train"] == pytest.approx(0.7, abs=0.001)
    assert film_table().equals(films), "the split is the same at every call"


def test_the_configuration_of_the_demo_fits_the_table(tmp_path):
    from cotrain.learner import Configuration

    (tmp_path / "films.yaml").write_text(CONFIG)
    configuration = Configuration.read(tmp_path / "films.yaml")
    columns = film_table().columns
    assert {column for task in configuration.learner.tasks for column in task.columns} <= set(columns)
    assert configuration.split.column in columns
