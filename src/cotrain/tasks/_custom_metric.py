"""A metric of one's own: a function of predictions and targets."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, final

import numpy as np

from cotrain._base import CotrainError, InvalidArgumentError, check_choice
from cotrain.tasks._metric import Metric, Weights, require_metrics
from cotrain.tasks._target_kind import TargetKind

#: (prediction, target) -> value, or numbers of the rows.
Function = Callable[..., Any]
_EXAMPLE = "{function: package.module:name, direction: min}"


@final
class CustomMetric:
    """A function as a metric of a task that answers once a row.

    It is given what there is for the labelled rows, n of them: predictions and targets, NumPy float64. Of
    numbers these are values [n] (in the unit of the transform; the median where there are quantiles), of
    labels probabilities of yes [n] and 0 or 1, of classes probabilities [n, C] and class numbers [n], C for a
    class that training never had. A task of several columns has the mean over them. Where rows have weights
    it must take them as `sample_weight`, [n]. A function whose first argument is called `y_true`, as those of
    scikit-learn are, is given the targets first.

    Args:
        function: (prediction, target) -> a number; or written "package.module:name". It must depend on its
            arguments alone.
        direction: whether a larger ("max") or a smaller ("min") value is better.
        best: the value of a perfect prediction; default 1 for "max" and 0 for "min".
        per_row: whether it returns a number of each row, [n], whose (weighted) mean is the metric: then only
            these are kept of the rows. Otherwise predictions and targets are.
        name: what it is called; default the function's name.

    Raises:
        InvalidArgumentError: it is no such function, or cannot be imported.

    Example:
        >>> from cotrain.tasks import Regression
        >>> def worst(prediction, target):
        ...     return abs(prediction - target).max()
        >>> task = Regression("price", metrics=["rmse", CustomMetric(worst, "min")])
        >>> said, true = np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]])
        >>> [round(m.compute(said, true, np.ones((2, 1), bool)), 2) for m in task.chosen_metrics()]
        [2.12, 3.0]
    """

    #: Options that name code outside this library.
    IMPORTED: ClassVar = ("function",)

    def __init__(
        self,
        function: Function | str,
        direction: Literal["max", "min"],
        *,
        best: float | None = None,
        per_row: bool = False,
        name: str | None = None,
    ) -> None:
        self.function = function
        self._call = _imported(function) if isinstance(function, str) else function
        if not callable(self._call) or not _takes_two(self._call):
            raise InvalidArgumentError(
                f"CustomMetric(function={function!r}): expected a function of (prediction, target)."
            )
        check_choice(f"CustomMetric({self._called!r}", ("max", "min"), direction=direction)
        self.direction: Literal["max", "min"] = direction
        self.best = best
        self.per_row = per_row
        self.name = name

    @property
    def _called(self) -> str:
        return getattr(self._call, "__name__", type(self._call).__name__)

    @property
    def title(self) -> str:
        """What it is called."""
        return self.name or self._called

    def metric(self, task: str, *, of_classes: bool) -> Metric:
        """Return it as a metric of a task.

        Args:
            task: named in errors.
            of_classes: whether targets are one of several classes.
        """
        named = f"Task {task!r}: metric {self.title!r}"
        call, best = _predictions_first(self._call), self.best
        takes_weights = "sample_weight" in _parameters(self._call)
        perfect = (1.0 if self.direction == "max" else 0.0) if best is None else float(best)

        def of_entries(prediction: np.ndarray, target: np.ndarray, weights: Weights) -> float:
            given = {"sample_weight": weights} if weights is not None else {}
            found = _called_safely(named, call, prediction, target, **given)
            if np.ndim(found) != 0 or not isinstance(found, int | float | np.number | np.bool_):
                raise InvalidArgumentError(
                    f"{named} returned {type(found).__name__} of shape {np.shape(found)}, expected one "
                    "number; set per_row for a number of each row."
                )
            return _within(named, float(found), perfect, self.direction)

        def of_rows(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
            found = np.asarray(_called_safely(named, call, prediction, target), dtype=np.float64)
            if found.shape != target.shape:
                raise InvalidArgumentError(
                    f"{named} returned the shape {found.shape} for {len(target)} rows, expected a number of "
                    "each."
                )
            return found

        if self.per_row:
            made = _rows_metric(of_rows, of_classes)
        else:
            made = _whole_metric(of_entries, of_classes, takes_weights)
        return Metric(self.title, self.direction, *made, perfect=perfect)


#: What stands in `metrics`: a name of the kind's, a function, or where it is found.
MetricChoice: TypeAlias = str | CustomMetric | Metric | Callable[..., Any]


class HasMetrics(Protocol):
    """What is asked of a task."""

    name: str
    reads: ClassVar[Any]
    target_kind: ClassVar[TargetKind]


def choose_metrics(task: HasMetrics, chosen: Sequence[object], known: Sequence[Metric]) -> list[Metric]:
    """Return the metrics that a task has chosen, in order.

    Args:
        task: which one.
        chosen: names, "package.module:function", functions, `CustomMetric` or `Metric`.
        known: those of its kind and options.

    Raises:
        InvalidArgumentError: there is no such metric, two have one name, or the first only describes.
    """
    name, kind = task.name, type(task).__name__
    by_name = {metric.name: metric for metric in known}
    found: list[Metric] = []
    for one in chosen:
        if isinstance(one, str) and ":" not in one:
            require_metrics(name, kind, [one], known)
            found.append(by_name[one])
            continue
        own = one if isinstance(one, Metric) else _made(task, one)
        if not isinstance(one, Metric) and task.reads != "vector":
            raise InvalidArgumentError(
                f"Task {name!r} ({kind}) has many answers a row, of which a function of predictions and "
                f"targets knows nothing: give {own.name!r} as a cotrain.tasks.Metric, a record of each row "
                "and their value."
            )
        if own.name in by_name:
            raise InvalidArgumentError(
                f"Task {name!r} ({kind}) has a metric {own.name!r} already: give your own another name."
            )
        found.append(own)
    names = [metric.name for metric in found]
    if len(set(names)) < len(names):
        raise InvalidArgumentError(f"Task {name!r}: two metrics are called the same in {names}: rename one.")
    if found and found[0].describes:
        judging = ", ".join(metric.name for metric in known if not metric.describes)
        raise InvalidArgumentError(
            f"Task {name!r}: {names[0]!r} cannot be the first metric, by which the best weights are kept: a "
            f"bad prediction may have any value of it. Put one of these before it: {judging}."
        )
    return found


def _made(task: HasMetrics, one: object) -> Metric:
    of_classes = bool(task.target_kind.class_names(["a class"]))
    return _custom(task.name, one).metric(task.name, of_classes=of_classes)


def _custom(task: str, one: object) -> CustomMetric:
    """Return a function, or what is written, as a metric; its direction is the function's own."""
    if isinstance(one, CustomMetric):
        return one
    function = _imported(one) if isinstance(one, str) else one
    direction = getattr(function, "direction", None)
    if not callable(function) or direction not in ("max", "min"):
        raise InvalidArgumentError(
            f"Task {task!r}: metric {one!r} does not say whether more is better: write {_EXAMPLE}, or "
            "CustomMetric(function, 'min') in Python."
        )
    return CustomMetric(one if isinstance(one, str) else function, direction)


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    if not module or not name:
        raise InvalidArgumentError(f"Metric {path!r}: write a function as package.module:name.")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidArgumentError(f"Metric {path!r} cannot be imported: {error}.") from error


def _parameters(function: Any) -> Sequence[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some of those that are written in C say nothing
        return []


def _predictions_first(function: Function) -> Function:
    """Return a function of (prediction, target), where it may be one of (y_true, y_pred)."""
    if _parameters(function)[:1] != ["y_true"]:
        return function

    def turned(prediction: np.ndarray, target: np.ndarray, **given: Any) -> Any:
        return function(target, prediction, **given)

    return turned


def _takes_two(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _called_safely(named: str, call: Function, *arguments: Any, **given: Any) -> Any:
    try:
        return call(*arguments, **given)
    except CotrainError:
        raise
    except Exception as error:
        raise InvalidArgumentError(f"{named} failed ({type(error).__name__}: {error}).") from error


def _within(named: str, value: float, best: float, direction: str) -> float:
    beyond = value - best if direction == "max" else best - value
    if beyond > 1e-9 * max(1.0, abs(best)):
        raise InvalidArgumentError(
            f"{named} is {value:g}, which is better than a perfect prediction ({best:g}): set best= to what "
            "that has."
        )
    return value


#: Record, value and parts.
_Parts = tuple[Callable[..., np.ndarray], Callable[..., float], Callable[..., np.ndarray] | None]


def _whole_metric(
    figure: Callable[[np.ndarray, np.ndarray, Weights], float], of_classes: bool, takes_weights: bool
) -> _Parts:
    """Return a metric that keeps predictions and targets of all rows."""
    # Here, because both stand on `Metric`, too.
    from cotrain.tasks.table._class_metrics import labelled, labelled_weights, probability_record
    from cotrain.tasks.table._column_metrics import by_column

    if not of_classes:

        def of_column(prediction: np.ndarray, target: np.ndarray, weights: Weights = None) -> float:
            return figure(prediction, target, weights)

        found = by_column("", "max", of_column)
        return found.record, _with_weights(found.value, takes_weights), found.parts

    def value(records: np.ndarray, weights: Weights = None) -> float:
        kept = labelled(records)
        return (
            figure(kept[:, 1:], kept[:, 0], labelled_weights(records, weights)) if len(kept) else float("nan")
        )

    return probability_record, _with_weights(value, takes_weights), None


def _with_weights(value: Callable[..., float], takes_weights: bool) -> Callable[..., float]:
    def without(records: np.ndarray) -> float:
        return value(records)

    return value if takes_weights else without


def _rows_metric(function: Callable[[np.ndarray, np.ndarray], np.ndarray], of_classes: bool) -> _Parts:
    """Return a metric that keeps one number of each target of a row, and is the mean of them."""
    from cotrain.tasks.table._column_metrics import mean_of_defined, point_of

    def record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
        records = np.full(mask.shape, np.nan)
        said = point_of(scores)
        for t in range(mask.shape[1]):
            rows = mask[:, t]
            if rows.any():
                of_target = said[rows, t] if said.shape == targets.shape else said[rows]
                records[rows, t] = function(of_target, targets[rows, t])
        return records

    def parts(records: np.ndarray, n_parts: int, weights: Weights = None) -> np.ndarray:
        return np.array([mean_of_defined(records[:, t], weights) for t in range(records.shape[1])])

    def value(records: np.ndarray, weights: Weights = None) -> float:
        return mean_of_defined(parts(records, 0, weights))

    return record, value, None if of_classes else parts
