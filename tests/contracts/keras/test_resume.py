"""Saved in the middle and loaded in a new process, a model must go on with the same next steps."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

COMMON = textwrap.dedent(
    """
    import sys
    import keras, numpy as np
    from cotrain import balancing
    from cotrain.keras import MultiTaskModel

    def data(step):
        rng = np.random.default_rng(step)
        x, y = rng.normal(size=(16, 5)).astype("float32"), rng.normal(size=(16, 2)).astype("float32")
        y[rng.random(y.shape) < 0.4] = np.nan
        return x, {"a": y[:, 0], "b": y[:, 1]}

    def steps(model, first, last):
        for step in range(first, last):
            model.train_on_batch(*data(step))

    def flat(model):
        return np.concatenate([w.ravel() for w in model.get_weights()])

    def make(name):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((5,))
        x = keras.layers.Dense(7, activation="relu")(inputs)
        balancer = {
            "nash": lambda: balancing.Every(balancing.NashMTL(), k=3),
            "gradvac": balancing.GradVac,
            "famo": balancing.FAMO,
            "moco": balancing.MoCo,
        }[name]()
        outputs = {"a": keras.layers.Dense(1)(x), "b": keras.layers.Dense(1)(x)}
        model = MultiTaskModel(inputs, outputs, balancer=balancer, preference={"a": 2.0, "b": 1.0})
        model.compile(keras.optimizers.Adam(0.01), "mse")
        return model
    """
)
FIRST = """
for name in sys.argv[2:]:
    model = make(name)
    steps(model, 0, 4)
    model.save(f"{sys.argv[1]}/{name}.keras")
    steps(model, 4, 8)
    np.save(f"{sys.argv[1]}/{name}.npy", flat(model))
"""
SECOND = """
for name in sys.argv[2:]:
    model = keras.models.load_model(f"{sys.argv[1]}/{name}.keras")
    steps(model, 4, 8)
    np.save(f"{sys.argv[1]}/{name}-again.npy", flat(model))
"""
NAMES = ["nash", "gradvac", "famo", "moco"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    for script in (FIRST, SECOND):
        subprocess.run([sys.executable, "-c", COMMON + script, str(folder), *NAMES], check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_new_process_goes_on_as_if_nothing_had_happened(folder, name):
    expected = np.load(folder / f"{name}.npy")
    np.testing.assert_array_equal(np.load(folder / f"{name}-again.npy"), expected)
