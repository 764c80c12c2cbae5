import numpy as np
import polars as pl
import pytest

from cotrain._base import numpy_generator
from cotrain.data.checks import check_leakage, read_labels
from cotrain.tasks import Binary, Multiclass, Multilabel, Regression

RNG = np.random.default_rng(0)
N = 2000
CLASS = RNG.integers(0, 3, N)
PRICE = RNG.lognormal(3, 1, N)
TABLE = pl.DataFrame(
    {
        "kind": [None if i % 2 else f"k{c}" for i, c in enumerate(CLASS)],
        "price": np.where(RNG.random(N) < 0.3, np.nan, PRICE),
        "rare": np.where(RNG.random(N) < 0.3, np.nan, (RNG.random(N) < 0.05).astype(float)),
        "copy": [f"k{c}" for c in CLASS],
        "code": CLASS * 7 + 1,
        "finer": [f"{c}-{i % 40}" for i, c in enumerate(CLASS)],
        "log_price": np.log(PRICE),
        "noise": RNG.normal(size=N),
        "id": [f"id{i}" for i in range(N)],
        "weak": CLASS + RNG.normal(size=N),
        "empty": [None] * N,
    }
)
TABLE = TABLE.with_columns(rare_copy=pl.col("rare").fill_nan(0) * 3 + 1)


def suspects(task: object) -> set[str]:
    labels, problems = read_labels(TABLE, [task])
    assert problems == []
    inputs = ["copy", "code", "finer", "log_price", "noise", "id", "weak", "rare_copy", "empty"]
    return {problem.subject for problem in check_leakage(TABLE, labels, inputs)}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (Multiclass("kind"), {"copy", "code", "finer"}),
        (Regression("price"), {"log_price"}),
        (Binary("rare"), {"rare_copy"}),
    ],
)
def test_finds_columns_that_give_a_target_away_and_no_others(task: object, expected: set[str]) -> None:
    assert suspects(task) == expected


def test_says_whether_a_column_equals_a_target() -> None:
    labels, _ = read_labels(TABLE, [Multiclass("kind")])
    copy, code = check_leakage(TABLE, labels, ["copy", "code"])
    assert "'copy' has the same values as target 'kind'" in copy.sentence
    assert "'code' alone predicts 'kind'" in code.sentence
    assert code.values["gain"] == pytest.approx(1)


def test_one_label_of_several_is_enough() -> None:
    table = pl.DataFrame({"tags": ["a", "b", "a, b", "b, c", "c"] * 200}).with_columns(
        is_c=pl.col("tags").str.contains("c").cast(pl.Int64)
    )
    labels, _ = read_labels(table, [Multilabel("tags", separator=",")])
    (found,) = check_leakage(table, labels, ["is_c"])
    assert found.values["target"] == "c"


def test_sees_a_leak_through_a_whole_numbered_identifier() -> None:
    # 300 items, each with a class and a price of its own, in no order of their numbers.
    rng = numpy_generator("items")
    item = rng.integers(0, 300, 3000)
    frame = pl.DataFrame(
        {"item": item, "kind": rng.integers(0, 40, 300)[item], "price": rng.normal(size=300)[item]}
    )
    frame = frame.with_columns(other=pl.Series(rng.integers(0, 300, 3000)))
    labels, _ = read_labels(frame, [Multiclass("kind"), Regression("price")])
    problems = check_leakage(frame, labels, ["item", "other"])
    assert [(problem.subject, problem.values["task"]) for problem in problems] == [
        ("item", "kind"),
        ("item", "price"),
    ]


@pytest.mark.parametrize("repeated", [0.0, 0.03])
def test_texts_that_hardly_ever_come_twice_give_nothing_away(repeated: float) -> None:
    n, kinds = 4000, ["buy", "sell", "ask"]
    texts = [f"please {kinds[i % 3]} number {i}" for i in range(n)]
    for i in range(int(repeated * n)):
        texts[n - 3 - 3 * i] = texts[i * 3]  # the same words mean the same wherever they stand
    frame = pl.DataFrame({"words": texts, "pieces": [text.split() for text in texts]})
    intents, sizes = pl.col("pieces").list.get(1), pl.col("pieces").list.get(3).cast(pl.Float64)
    frame = frame.with_columns(intent=intents, size=sizes)
    labels, _ = read_labels(frame, [Multiclass("intent"), Regression("size")])
    assert check_leakage(frame, labels, ["words", "pieces"]) == []


def test_a_name_of_few_values_still_gives_away_what_it_stands_for() -> None:
    frame = pl.DataFrame({"words": [f"house {i % 900}" for i in range(3600)]})
    frame = frame.with_columns(street=(pl.Series([i % 900 for i in range(3600)]) % 7).cast(pl.String))
    labels, _ = read_labels(frame, [Multiclass("street")])
    assert [problem.subject for problem in check_leakage(frame, labels, ["words"])] == ["words"]
