import numpy as np
import pytest

from cotrain.data import TaskGuess
from cotrain.learner._gradient_probe import GradientProbe, Pair
from cotrain.learner._sizing import sharing, sizes, sizes_sentence, unlabelled_sentence

TASKS = [TaskGuess("a", "Binary", "", 900), TaskGuess("b", "Regression", "", 50)]


def probe(*cosines, error=0.02):
    return GradientProbe(200, 5000, [Pair(f"t{i}", "b", cosine, error) for i, cosine in enumerate(cosines)])


def test_hard_sharing_unless_gradients_clearly_oppose():
    assert sharing(TASKS[:1], None)[0] == "HardSharing"
    assert sharing(TASKS, None)[0] == "HardSharing"
    assert sharing(TASKS, probe())[0] == "HardSharing"
    kind, why = sharing(TASKS, probe(0.3, -0.05))
    assert kind == "HardSharing"
    assert "200 steps on 5,000 rows" in why
    assert "-0.05 ± 0.02" in why
    assert "+0.30 ± 0.02" in why
    kind, why = sharing(TASKS, probe(0.3, -0.2))
    assert kind == "CGC"
    assert "'t1' and 'b'" in why
    # The same cosine, but within what chance gives.
    assert sharing(TASKS, probe(-0.2, error=0.1))[0] == "HardSharing"


@pytest.mark.parametrize(("n_rows", "width"), [(200, 64), (3000, 64), (5000, None), (10**6, None)])
def test_small_tables_get_narrow_networks_and_a_budget_by_their_rows(n_rows, width):
    options = sizes(n_rows)
    assert options["training"] == {"epochs": "auto"}
    assert options["encoder"].get("width") == width


def test_the_encoder_of_pictures_is_left_to_the_kinds_of_input():
    assert sizes(900, files=True) == {"training": {"epochs": "auto"}}
    assert "The defaults suit 900" in sizes_sentence(TASKS, 1000, 900, sizes(900, files=True))


def test_the_task_with_the_fewest_labels_is_named():
    assert "'b' has the fewest (50, 5% of 1,000 rows)" in sizes_sentence(TASKS, 1000, 900, sizes(900))
    full = [TaskGuess(name, "Binary", "", 1000) for name in "ab"]
    assert sizes_sentence(full, 1000, 1000, sizes(1000)).endswith("1,000 training rows with a label.")


def test_of_thousands_of_pairs_the_worst_by_chance_opposes_nobody():
    draw = np.random.default_rng(0)
    tasks = [TaskGuess(f"t{i}", "Binary", "", 100) for i in range(139)]
    looks = draw.normal(scale=0.25, size=(139 * 138 // 2, 32))
    pairs = [Pair("a", "b", float(of.mean()), float(of.std(ddof=1) / 32**0.5), records=32) for of in looks]
    assert min(pair.cosine / pair.error for pair in pairs) < -3
    assert sharing(tasks, GradientProbe(200, 5000, pairs))[0] == "HardSharing"


def test_above_ten_tasks_no_task_gets_experts_of_its_own():
    tasks = [TaskGuess(f"t{i}", "Binary", "", 100) for i in range(11)]
    kind, why = sharing(tasks, probe(0.3, -0.4))
    assert kind == "MMoE"
    assert "one for each of 11 tasks would not train" in why
    assert "1 of 2 pairs, Holm-corrected" in why
    assert sharing(tasks[:10], probe(0.3, -0.4))[0] == "CGC"


def test_words_in_order_get_the_encoder_that_reads_them():
    assert sizes(4000, words=True) == {"encoder": {"kind": "WordEncoder"}, "training": {"epochs": "auto"}}


@pytest.mark.parametrize(
    ("n_labelled", "n_unlabelled", "told"),
    [(400, 7600, True), (400, 300, False), (19, 900, False), (0, 9, False)],
)
def test_co_training_is_named_where_most_rows_have_no_label(n_labelled, n_unlabelled, told):
    said = unlabelled_sentence(n_labelled, n_unlabelled)
    assert ("`cotraining: {strategy: auto}`" in said) == told
    assert not told or said.startswith("7,600 training rows have no label of any task")
