import pytest

from cotrain._base import CotrainError, MissingExtraError, did_you_mean, require_extra


def test_a_near_name_is_offered_whatever_its_case():
    assert did_you_mean("INCME", ["income", "hours"]) == "did you mean 'income'?"


def test_many_options_are_cut_with_their_number():
    sentence = did_you_mean("zzz", [f"column {i}" for i in range(50)])
    assert sentence.endswith("and 30 more.")


def test_a_missing_extra_names_the_line_to_run():
    with pytest.raises(MissingExtraError, match=r"The report needs .*pip install 'cotrain\[report\]'"):
        require_extra("no_such_package.part", "report", "The report")


def test_every_error_can_be_caught_as_one_and_as_its_builtin_kind():
    assert issubclass(MissingExtraError, CotrainError)
    assert issubclass(MissingExtraError, ImportError)
