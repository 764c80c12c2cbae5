from __future__ import annotations

from pathlib import Path

import cotrain.evaluation

#: How other rooms lay scores and truth of ragged rows beside each other, and who grows trees, what these are
#: made of and hear of words: of no use to a reader of figures.
WITHIN = {
    "_effective_units",
    "_lightgbm_trees",
    "_padded_scores",
    "_scikit_learn_trees",
    "_term_model",
    "_term_scores",
    "_tree_ensemble",
    "_tree_library",
}


def test_every_file_has_its_test_and_every_public_name_is_exported() -> None:
    source = Path(cotrain.evaluation.__file__).parent
    modules = {path.stem for path in source.glob("_*.py")} - {"__init__"}
    tests = {path.stem.removeprefix("test") for path in Path(__file__).parent.glob("test_*.py")}
    assert modules <= tests
    exported = {
        getattr(cotrain.evaluation, name).__module__.split(".")[-1] for name in cotrain.evaluation.__all__
    }
    assert exported == modules - WITHIN
