import polars as pl
import torch

from cotrain.data import Batches, Schema, Split, split_rows, strata, table_tensors
from cotrain.tasks import Binary, Multiclass, Regression

N = 400
TABLE = pl.DataFrame(
    {
        "x": [float(i % 17) if i % 5 else None for i in range(N)],
        "city": ["Rome"] * (N // 2) + ["Oslo"] * (N // 2),
        "sold": [i % 2 if i % 3 else None for i in range(N)],
        "kind": ["a" if i % 7 else "b" if i % 4 == 0 else None for i in range(N)],
        "price": [i * 0.5 if i % 3 == 1 else None for i in range(N)],
    }
)


def first_batches(table: pl.DataFrame) -> list[dict]:
    tasks = [Binary("sold"), Multiclass("kind"), Regression("price")]
    parts = split_rows(table, Split(), 0, strata(table, tasks))
    train = table[parts["train"]]
    for task in tasks:
        task.fit(train)
    schema = Schema.infer(train, exclude=["sold", "kind", "price"]).fit(train)
    batches = Batches(table_tensors(table, schema, tasks), parts["train"], 64, seed=1)
    return [batch for epoch in range(2) for batch in batches.epoch(epoch)]


def test_a_row_without_labels_changes_no_bit_of_any_training_batch() -> None:
    odd = pl.DataFrame(
        {"x": [1e9], "city": ["Atlantis"], "sold": [None], "kind": [None], "price": [None]},
        schema=TABLE.schema,
    )
    longer = pl.concat([TABLE[:33], odd, TABLE[33:], odd])
    for one, other in zip(first_batches(TABLE), first_batches(longer), strict=True):
        for group in ("inputs", "targets", "masks"):
            assert one[group].keys() == other[group].keys()
            for name in one[group]:
                assert torch.equal(one[group][name], other[group][name])
