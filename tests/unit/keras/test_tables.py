import keras
import numpy as np
import polars as pl
import pytest

from cotrain import balancing, tasks
from cotrain._base import InvalidArgumentError
from cotrain.data import Schema
from cotrain.keras import MultiTaskModel, table_data


def test_a_table_with_missing_labels_trains_a_model():
    rng = np.random.default_rng(0)
    n = 60
    frame = pl.DataFrame(
        {
            "age": rng.normal(size=n),
            "city": [["Rome", "Oslo"][i % 2] for i in range(n)],
            "price": [None if i % 3 == 0 else float(i) for i in range(n)],
            "kind": [None if i % 4 == 0 else "abc"[i % 3] for i in range(n)],
        }
    )
    kinds = [tasks.Regression("price"), tasks.Multiclass("kind")]
    schema = Schema.infer(frame, exclude=["price", "kind"]).fit(frame)
    for task in kinds:
        task.fit(frame)
    data = table_data(frame, schema, kinds)
    assert np.isnan(data.y["price"]).sum() == 20
    assert set(np.unique(data.y["kind"][~np.isnan(data.y["kind"])])) == {0.0, 1.0, 2.0}
    assert data.reference_losses["price"] == pytest.approx(1.0, rel=0.2)
    numbers = keras.Input(data.x["numbers"].shape[1:], name="numbers")
    categories = keras.Input(data.x["categories"].shape[1:], name="categories", dtype="int64")
    codes = keras.layers.Flatten()(keras.layers.Embedding(sum(schema.spec().cardinalities), 2)(categories))
    x = keras.layers.Dense(8, activation="relu")(keras.layers.Concatenate()([numbers, codes]))
    outputs = {"price": keras.layers.Dense(1)(x), "kind": keras.layers.Dense(3, activation="softmax")(x)}
    model = MultiTaskModel(
        {"numbers": numbers, "categories": categories},
        outputs,
        balancer=balancing.ReferenceScaled(),
        reference_losses=data.reference_losses,
    )
    model.compile("adam", {"price": "mse", "kind": "sparse_categorical_crossentropy"})
    history = model.fit(data.dataset(16, seed=1), epochs=3, shuffle=False, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    with pytest.raises(InvalidArgumentError, match="at least 1"):
        data.dataset(0)


def test_rows_of_words_are_refused():
    frame = pl.DataFrame({"said": [["go", "!"], ["why", "?"]] * 3, "y": [0.5, 1.0, 2.0] * 2})
    task = tasks.Regression("y")
    task.fit(frame)
    schema = Schema.infer(frame, exclude=["y"]).fit(frame)
    with pytest.raises(InvalidArgumentError, match="rows of words or sounds \\('said'\\) have many: drop"):
        table_data(frame, schema, [task])
