import pytest
import torch

from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Ragged
from cotrain.training import Training
from cotrain.training._budget import FEW, Budget, epochs_for

STEPS, _, MOST_EPOCHS = FEW["vectors"]


@pytest.mark.parametrize(("n_labelled", "size"), [(3, 32), (999, 32), (1000, 64), (4999, 64), (5000, 256)])
def test_small_tables_take_small_steps(n_labelled, size):
    assert Training().budget(n_labelled).batch_size == size
    assert Training(batch_size=7).budget(n_labelled).batch_size == 7


@pytest.mark.parametrize("n_labelled", [0, 1, 3, 100, 537, 999, 1000, 4999])
def test_small_tables_get_the_same_number_of_steps_as_far_as_epochs_allow(n_labelled):
    found = Training().budget(n_labelled)
    steps = max(1, -(-n_labelled // found.batch_size))
    assert found.epochs <= MOST_EPOCHS
    assert found.epochs == MOST_EPOCHS or STEPS <= found.epochs * steps < STEPS + steps


def test_rows_of_different_length_take_small_steps():
    rows = {"words": Ragged.from_rows([torch.zeros(2), torch.zeros(3)])}
    assert Training().budget(10**5, rows).batch_size == 32


def test_what_is_dearer_than_a_vector_gets_two_thousand_steps_where_there_are_few():
    rows = {"words": Ragged.from_rows([torch.zeros(2), torch.zeros(3)])}
    found = [Training().budget(n, rows).epochs for n in (3, 470, 1047, 3000, 4999, 5000, 10**5)]
    assert found == [60, 60, 60, 22, 20, 20, 20]
    series = {"series": torch.zeros(2, 3, 8)}
    assert [Training().budget(n, series).epochs for n in (470, 4000, 10**5)] == [60, 32, 20]


@pytest.mark.parametrize(
    "pictures", [torch.zeros(2, 3, 8, 8), Lazy(["a", "b"], lambda path: torch.zeros(3, 8, 8))]
)
def test_pictures_take_small_steps_and_enough_of_them(pictures):
    inputs = {"numbers": torch.zeros(2, 5), "image": pictures}
    budgets = [Training().budget(n, inputs) for n in (3, 470, 1200, 4999, 5000, 10**5)]
    assert [found.batch_size for found in budgets] == [8, 8, 8, 8, 32, 32]
    assert [found.epochs for found in budgets] == [40, 34, 14, 10, 20, 20]
    assert Training(epochs=3, batch_size=64).budget(1200, inputs).batch_size == 64


@pytest.mark.parametrize(
    "sounds", [Ragged.from_rows([torch.zeros(2)]), Lazy(["a"], lambda path: torch.zeros(8), ragged=True)]
)
def test_sounds_take_larger_and_smaller_steps_than_words(sounds):
    inputs = {"words:hint": Ragged.from_rows([torch.zeros(2)]), "sound:said": sounds}
    found = [Training().budget(n, inputs) for n in (470, 2400, 10**5)]
    assert [(one.batch_size, one.epochs, one.learning_rate, one.warmup) for one in found] == [
        (16, 60, 0.006, 0.3),
        (16, 20, 0.006, 0.3),
        (16, 20, 0.006, 0.3),
    ]
    given = Training(learning_rate=0.5, warmup=0.0).budget(470, inputs)
    assert (given.learning_rate, given.warmup) == (0.5, 0.0)
    words = Training().budget(470, {"words:hint": inputs["words:hint"]})
    assert (words.learning_rate, words.warmup) == (0.002, 0.05)
    fixed = Training().fixed(found[0])
    assert (fixed.learning_rate, fixed.warmup) == (0.006, 0.3)


def test_large_tables_get_a_number_of_epochs():
    assert {epochs_for(n, 256) for n in (5000, 10**6)} == {20}


@pytest.mark.parametrize(("epochs", "patience"), [(1, 5), (25, 5), (26, 6), (200, 40)])
def test_patience_is_a_share_of_the_epochs(epochs, patience):
    assert Training(epochs=epochs).budget(500).patience == patience
    assert Training(epochs=epochs, patience=None).budget(500).patience is None
    assert Training(epochs=epochs, patience=2).budget(500).patience == 2


@pytest.mark.parametrize(("n_tasks", "select"), [(1, "per_task"), (10, "per_task"), (11, "combined")])
def test_many_tasks_share_one_epoch(n_tasks, select):
    assert Training().budget(500, n_tasks=n_tasks).select == select
    assert Training(select="last").budget(500, n_tasks=n_tasks).select == "last"


def test_what_is_given_stays_as_it_is():
    given = Budget(epochs=3, batch_size=5, patience=None, select="last")
    settings = Training().fixed(given)
    assert [settings.budget(n, n_tasks=n) for n in (1, 20, 10**5)] == [given] * 3
    assert Training().epochs == "auto"
