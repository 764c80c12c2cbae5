"""What the classifier and the regressor of scikit-learn's form have in common.

This module needs scikit-learn when it is imported; the package imports it when it is first used.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
import polars as pl
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from cotrain._base import DataError, InputSpec, InvalidArgumentError, mix_seed
from cotrain.balancing import ReferenceScaled
from cotrain.cotraining._estimator_factory import EstimatorFactory, seeded
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining.estimators._labels import columns_of, require_distinct, units_of
from cotrain.cotraining.rounds._records import CoTrainingResult
from cotrain.cotraining.rounds._run import CoTrainingRun, cleaned
from cotrain.cotraining.rounds._strategy_selection import run_rounds, strategy_for_views
from cotrain.cotraining.strategies import Committee, Strategy, TwoViewCoTraining
from cotrain.cotraining.views._column_view import column_view
from cotrain.cotraining.views._view import View
from cotrain.data import Schema, Split, split_rows, to_polars
from cotrain.networks import MLP, Encoder, HardSharing, MultiTaskNetwork, TableEncoder
from cotrain.tasks import Task
from cotrain.training import Examples, Training

#: A sparse matrix of more cells is refused: as numbers in a table they would take more than 1.6 GB.
MOST_CELLS = 200_000_000


class SemiSupervised(BaseEstimator, ABC):
    """From arrays to rounds of co-training and back. See `CoTrainingClassifier` for the arguments."""

    #: Fewest validation rows that are worth the labels they take from the training; else none are held out.
    least_held: int
    #: Numbers are never doubted, so that only the classifier has a parameter of this name.
    label_noise: Any = "keep"
    #: The same of the class shares, which numbers have not.
    logit_adjustment: float = 0.0

    def __init__(
        self,
        strategy: Any = None,
        *,
        estimator: Any = None,
        encoder: Any = None,
        views: Any = None,
        max_rounds: int = 5,
        validation_fraction: float = 0.2,
        margin: float = 0.5,
        min_labels: int = 20,
        pseudo_weight: float = 0.5,
        updates: int = 200,
        batch_size: int = 64,
        learning_rate: float = 1e-2,
        random_state: Any = None,
    ) -> None:
        self.strategy = strategy
        self.estimator = estimator
        self.encoder = encoder
        self.views = views
        self.max_rounds = max_rounds
        self.validation_fraction = validation_fraction
        self.margin = margin
        self.min_labels = min_labels
        self.pseudo_weight = pseudo_weight
        self.updates = updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    @abstractmethod
    def _targets(
        self, y: np.ndarray, names: Sequence[str], counts: np.ndarray
    ) -> dict[str, tuple[Task, pl.DataFrame]]:
        """Return for each column of y [N, K] that is to be learned its fitted task and its labels, coded.

        Args:
            y: labels and holes.
            names: of the columns.
            counts: [N] bool: False where the label of a row has weight 0, and sets no scale.
        """

    @abstractmethod
    def _keep_labels(self, y: np.ndarray, outcome: CoTrainingResult | None, train_rows: np.ndarray) -> None:
        """Set `transduction_` and `labeled_iter_`."""

    # -- learning -----------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> Self:
        """Fit to labelled and unlabelled rows.

        Args:
            X: [n, n_features] array, sparse matrix or frame; NaN is a missing value.
            y: [n], or [n, K] for K tasks.
            sample_weight: [n] weights ≥ 0 of the rows' labels; their mean over the labels above 0 becomes 1,
                so that pseudo-labels keep their weight beside them. A label of weight 0 counts as none.
            groups: [n] which rows belong together, such as the visits of a patient; a row without one
                (None, NaN) stands for itself. Rows of a group are held out together, and rounds are judged
                by whole groups, of which there must be ten.

        Raises:
            DataError: a task has no label, or labels have weights of which the estimator would not hear.
            InvalidArgumentError: an argument is out of range.
        """
        if y is None:
            raise InvalidArgumentError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        frame = self._table(X, reset=True)
        labels, names = columns_of(y)
        check_consistent_length(frame, labels)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._single = labels.shape[1] == 1
        self._names = names
        weights = None if sample_weight is None else self._weights(sample_weight, len(labels))
        units = None if groups is None else units_of(groups, len(labels))
        counts = np.ones(len(labels), dtype=bool) if weights is None else weights > 0
        coded = self._targets(labels, names, counts)
        self._outcome: CoTrainingResult | None = None
        self._history: dict[str, Any] = {}
        train_rows = np.arange(len(labels))
        self._schema = self._fitted_schema(frame)
        if coded:
            train_rows = self._co_train(frame, coded, seed, weights=weights, units=units)
        self._keep_labels(labels, self._outcome, train_rows)
        self.history_ = self._history
        return self

    def _weights(self, sample_weight: Any, n: int) -> np.ndarray:
        weights = np.asarray(sample_weight, dtype=np.float64)
        if weights.shape != (n,) or not np.isfinite(weights).all() or (weights < 0).any():
            raise DataError(
                f"sample_weight has the shape {weights.shape}, or negative or infinite values: expected one "
                f"finite weight of at least 0 for each of the {n} rows."
            )
        return weights

    def _require_heed(self, rows: Examples) -> None:
        """Refuse weights of labels that the estimator would not hear of."""
        if self.estimator is None or has_fit_parameter(self.estimator, "sample_weight"):
            return
        for name, mask in rows.masks.items():
            given = mask[mask > 0]
            if not bool(torch.allclose(given, given[0])):
                raise DataError(
                    f"sample_weight: the labels of {name!r} have different weights, and "
                    f"{type(self.estimator).__name__}.fit takes no sample_weight: give an estimator that "
                    "does, or leave the weights out."
                )

    def _co_train(
        self,
        frame: pl.DataFrame,
        coded: dict[str, tuple[Task, pl.DataFrame]],
        seed: int,
        *,
        weights: np.ndarray | None,
        units: np.ndarray | None,
    ) -> np.ndarray:
        tasks = [task for task, _ in coded.values()]
        pairs = {task.name: task.encode(labels) for task, labels in coded.values()}
        rows = Examples(
            self._schema.encode(frame),
            {name: pair[0] for name, pair in pairs.items()},
            {name: _weighted(name, pair[1], weights) for name, pair in pairs.items()},
            units=None if units is None else torch.from_numpy(units),
        )
        if weights is not None:
            self._require_heed(rows)
        train_rows, held_rows = self._divide(rows, tasks, seed)
        held = None if not len(held_rows) else rows.take(torch.from_numpy(held_rows))
        train = rows.take(torch.from_numpy(train_rows))
        settings = self._settings()
        factory = self._factory(tasks, settings, seed, train.inputs)
        run = CoTrainingRun(
            tasks=tasks,
            examples=train,
            validation=held,
            settings=settings,
            factory=factory,
            seed=seed,
        )
        run, doubted = cleaned(run)
        against = ""
        if self.strategy is None and isinstance(settings.strategy, TwoViewCoTraining):
            chosen, against = strategy_for_views(run, settings.strategy, Committee())
            run = replace(run, settings=settings.with_strategy(chosen))
        outcome = replace(run_rounds(run), doubted=doubted)
        if against:
            outcome = replace(outcome, stopped=f"{against}; {outcome.stopped}")
        self._history = outcome.to_json()
        self._outcome = outcome.for_answers()
        # In float32 the last digits of an answer depend on which rows are asked for with it.
        self._outcome.in_double()
        return train_rows

    def _divide(self, rows: Examples, tasks: Sequence[Task], seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the training and of the validation rows."""
        if not 0 <= self.validation_fraction < 1:
            raise InvalidArgumentError(
                f"{type(self).__name__}(validation_fraction={self.validation_fraction!r}): expected a share "
                "in [0, 1)."
            )
        everything, nothing = np.arange(len(rows)), np.arange(0)
        if int(rows.labelled().any(dim=1).sum()) * self.validation_fraction < self.least_held:
            return everything, nothing
        codes = {}
        for task in tasks:
            targets, mask = rows.targets[task.name][:, 0].numpy(), rows.masks[task.name][:, 0].numpy() > 0
            edges = np.quantile(targets[mask], [0.25, 0.5, 0.75])
            grouped = np.searchsorted(edges, targets) if not task.has_classes else targets.astype(int)
            codes[task.name] = np.where(mask, grouped, -1)
        units = rows.units
        # A row that stands for itself is a group of its own.
        group = (
            everything - len(rows) if units is None else np.where(units < 0, everything - len(rows), units)
        )
        table = pl.DataFrame({"row": everything, "group": group})
        split = Split(self.validation_fraction, 0.0, group=None if units is None else "group")
        parts = split_rows(table, split, seed, codes)
        held, unused = parts["validation"], parts["unused"]
        return np.setdiff1d(everything, np.concatenate([held, unused])), held

    # -- parts --------------------------------------------------------------------------------------

    def _settings(self) -> CoTraining:
        if self.estimator is not None and self.encoder is not None:
            raise InvalidArgumentError(
                f"{type(self).__name__}(estimator=..., encoder=...): clones of "
                f"{type(self.estimator).__name__} take the place of the networks, which the "
                "encoder would be for: leave one of the two out."
            )
        named = {f"view {i + 1}": [str(c) for c in view] for i, view in enumerate(self._view_columns())}
        strategy = self.strategy
        if strategy is None and self.views is not None:
            strategy = TwoViewCoTraining(list(named) or None)
        elif strategy is None:
            strategy = Committee()
        elif not (strategy == "auto" or isinstance(strategy, Strategy)):
            raise InvalidArgumentError(
                f"{type(self).__name__}(strategy={strategy!r}): expected a strategy such as Committee(), "
                "or 'auto'."
            )
        return CoTraining(
            strategy,
            self.max_rounds,
            pseudo_weight=self.pseudo_weight,
            updates=self.updates,
            margin=self.margin,
            min_labels=self.min_labels,
            label_noise=self.label_noise,
            logit_adjustment=self.logit_adjustment,
            views=named,
            division=self.views if isinstance(self.views, str) else "random",
        )

    def _view_columns(self) -> list[list[str]]:
        columns = [column.name for column in self._schema.columns]
        found = []
        for view in [] if isinstance(self.views, str) else self.views or []:
            names = [columns[c] if isinstance(c, int | np.integer) and c < len(columns) else c for c in view]
            unknown = [name for name in names if name not in columns]
            if unknown:
                raise InvalidArgumentError(
                    f"{type(self).__name__}(views=...): {unknown[0]!r} is no column of X, which has "
                    f"{len(columns)}: give numbers from 0 to {len(columns) - 1}, or a frame's names."
                )
            found.append([str(name) for name in names])
        return found

    def _factory(
        self, tasks: Sequence[Task], settings: CoTraining, seed: int, inputs: Mapping[str, torch.Tensor]
    ) -> Any:
        training = Training(
            1, self.batch_size, self.learning_rate, select="last", average=0.95, patience=None, device="cpu"
        )
        views: dict[str, View] = {
            name: column_view(self._schema, shown) for name, shown in settings.views.items()
        }
        shapes = {"numbers": (self._schema.spec().n_numbers,)} if self._schema.spec().n_numbers else {}
        build = partial(_network, spec=self._schema.spec(), usual=self.encoder, seed=seed)
        networks = NetworkFactory(
            tasks,
            build=build,
            balancer=ReferenceScaled(),
            training=training,
            settings=settings,
            shapes=shapes,
            views=views,
            inputs=inputs,
            seed=seed,
        )
        if isinstance(self.strategy, Strategy):
            self.strategy.peers(networks)
            self.strategy.selector.check(tasks, shapes)
            networks.require_heed()
        if self.estimator is None:
            return networks
        numbers = not tasks[0].has_classes
        estimator = seeded(self.estimator, seed)
        return EstimatorFactory(networks, *((None, estimator) if numbers else (estimator, None)))

    def _table(self, X: Any, *, reset: bool) -> pl.DataFrame:
        """Return X as a frame: numbers as they are, other columns of frames by what they hold."""
        require_distinct([str(name) for name in getattr(X, "columns", ())], "X")
        if _has_words(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return to_polars(X)
        if isinstance(X, np.ma.MaskedArray):
            X = X.astype(np.float64).filled(np.nan)
        values = validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", accept_sparse="csr"
        )
        if not isinstance(values, np.ndarray):
            values = _dense(values)
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(values.shape[1])])
        return pl.DataFrame(values, schema=[str(name) for name in names], orient="row")

    def _fitted_schema(self, frame: pl.DataFrame) -> Schema:
        numbers = {name: "number" for name, kind in frame.schema.items() if kind.is_numeric()}
        return Schema.infer(frame, overrides=numbers).fit(frame)

    def _predictions(self, X: Any) -> tuple[dict[str, Prediction], int]:
        """Return what is believed of every task that was learned, and the number of rows."""
        check_is_fitted(self, "history_")
        frame = self._table(X, reset=False)
        inputs = self._schema.encode(frame)
        if self.estimator is None and "numbers" in inputs:
            inputs["numbers"] = inputs["numbers"].double()
        return {} if self._outcome is None else self._outcome.predictions(inputs), frame.height

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags


def _network(
    name: str,
    tasks: Sequence[Task],
    encoder: Encoder | None = None,
    *,
    spec: InputSpec,
    usual: Encoder | None,
    seed: int,
) -> MultiTaskNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mix_seed(seed, name))
        made = encoder or usual or _default_encoder(spec)
        sharing = HardSharing().build(lambda: copy.deepcopy(made).build(spec), [task.name for task in tasks])
        widths, n = sharing.widths(), sharing.members
        heads = {task.name: task.head(widths[task.name], members=n) for task in tasks}
        return MultiTaskNetwork(sharing, heads)


def _default_encoder(spec: InputSpec) -> Encoder:
    if spec.cardinalities or spec.bags:
        return TableEncoder(128, 1, numbers="plain")
    # For numbers alone a wide layer of which half is dropped: of what we tried the best with few labels.
    return MLP((128,), key="numbers", n_inputs=spec.n_numbers, dropout=0.5)


def _weighted(name: str, mask: torch.Tensor, weights: np.ndarray | None) -> torch.Tensor:
    """Return the mask of labels times the rows' weights, whose mean over the labels above 0 is 1."""
    if weights is None:
        return mask
    weighted = mask.double() * torch.from_numpy(weights)[:, None]
    if not bool((weighted > 0).any()):
        raise DataError(
            f"sample_weight: the weight of every labelled row of {name!r} is zero: expected some above 0."
        )
    return (weighted / weighted[weighted > 0].mean()).float()


def _dense(matrix: Any) -> np.ndarray:
    if matrix.shape[0] * matrix.shape[1] > MOST_CELLS:
        raise DataError(
            f"Sparse X of {matrix.shape[0]} rows and {matrix.shape[1]} columns would take "
            f"{matrix.shape[0] * matrix.shape[1] * 8 / 2**30:.0f} GiB: reduce the columns first, as with "
            "TruncatedSVD or TfidfVectorizer(max_features=...)."
        )
    return matrix.toarray()


def _has_words(X: Any) -> bool:
    """Say whether X is a frame with a column that is not of numbers."""
    import narwhals as nw

    frame = nw.from_native(X, pass_through=True, eager_only=True)
    return isinstance(frame, nw.DataFrame) and not all(
        kind.is_numeric() or kind == nw.Boolean for kind in frame.schema.values()
    )
