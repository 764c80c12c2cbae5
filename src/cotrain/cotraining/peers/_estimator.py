"""Any scikit-learn estimator as a peer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain.cotraining._entries import require_one_vector
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._predictions import Prediction, class_targets, n_classes
from cotrain.cotraining.peers._base import FittedPeer, Peer, bootstrapped
from cotrain.cotraining.views._view import View
from cotrain.data import FeatureMatrix
from cotrain.tasks import Task
from cotrain.training import Examples

#: Tokens per tags or text column. A view may be a single text, and with 16 of them, which is enough for the
#: reference of boosted trees, a forest that tells genres by a film's texts loses .03 of its AUROC.
N_TOKENS = 100


@final
class EstimatorPeer(Peer):
    """A classifier and a regressor of scikit-learn's kind, one clone per target.

    Of tags and words it sees the 100 most frequent ones of the training rows, each as a column of 0 and 1.

    Its columns of probabilities are put in the order of the task's classes by the estimator's `classes_`; a
    class that it did not see has probability 0. A row of which it says nothing (NaN or only zeros) gets equal
    probabilities. Where an estimator refuses the labels of a task, as estimators do with a `ValueError` or an
    `ArithmeticError`, the other tasks are fitted all the same, and `failures` has its words.

    Args:
        name: see `Peer`.
        tasks: see `Peer`.
        classifier: for labels and classes; it must have `predict_proba`.
        regressor: for numbers.
        view: what it sees; `None`: everything.
        transductive: whether it is given the unlabelled rows too, with the label −1, as scikit-learn's
            semi-supervised classifiers want.
        bootstrap: a seed, to learn from a bootstrap sample of the true labels; `None`: from all.
        bayesian: whether that sample is weights of all labels, for a classifier that takes weights; see
            `bootstrapped`.

    Raises:
        InvalidArgumentError: a task needs an estimator that was not given, or that has no probabilities; at
            `fit`, if a transductive one takes −1 for a class.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from cotrain.tasks import Binary
        >>> EstimatorPeer("linear", [Binary("sold")], LogisticRegression()).name
        'linear'
    """

    def __init__(
        self,
        name: str,
        tasks: Sequence[Task],
        classifier: Any = None,
        regressor: Any = None,
        *,
        view: View | None = None,
        transductive: bool = False,
        bootstrap: int | None = None,
        bayesian: bool = False,
    ) -> None:
        super().__init__(name, tasks)
        require_one_vector(f"Peer {name!r}", tasks)
        self.classifier = classifier
        self.regressor = regressor
        self.view = view
        self.transductive = transductive
        self.bootstrap = bootstrap
        self.bayesian = bayesian
        for task in tasks:
            of, what = (regressor, "regressor") if not task.has_classes else (classifier, "classifier")
            if of is None:
                raise InvalidArgumentError(f"Peer {name!r} needs {what}=... for the task {task.name!r}.")
            if what == "classifier" and not callable(getattr(of, "predict_proba", None)):
                raise InvalidArgumentError(
                    f"Peer {name!r}: {type(of).__name__} has no predict_proba: give a classifier that says "
                    "how sure it is."
                )

    def fit(
        self,
        examples: Examples,
        validation: Examples | None,
        key: str,
        cache: FitCache,
        *,
        true: Tensor | None = None,
    ) -> FittedPeer:
        """Fit clones, one per target."""
        if self.bootstrap is not None:
            numbers = [task.name for task in self.tasks if not task.has_classes]
            examples = bootstrapped(
                examples,
                self.bootstrap,
                self.name,
                numbers=numbers,
                bayesian=self.bayesian and self._takes_weights(),
            )
        shown = examples.inputs if self.view is None else self.view(examples.inputs)
        matrix = FeatureMatrix(N_TOKENS).fit(shown)
        rows = matrix.transform(shown)
        fitted: dict[str, list[Any]] = {}
        failures: dict[str, str] = {}
        for task in self.tasks:
            targets, mask = examples.targets[task.name], examples.masks[task.name]
            coded = targets if not task.has_classes else class_targets(task, targets)
            try:
                fitted[task.name] = [
                    self._fit_target(task, rows, coded[:, t].numpy(), mask[:, t].double().numpy())
                    for t in range(coded.shape[1])
                ]
            except InvalidArgumentError:
                raise
            except (ValueError, ArithmeticError) as error:
                fitted[task.name] = [math.nan] * coded.shape[1]
                of = self.regressor if not task.has_classes else self.classifier
                failures[task.name] = f"{type(of).__name__} failed: {error}"
        return FittedEstimators(self.tasks, fitted, matrix, view=self.view, failures=failures)

    def _takes_weights(self) -> bool:
        from sklearn.utils.validation import has_fit_parameter

        return self.classifier is not None and has_fit_parameter(self.classifier, "sample_weight")

    def _fit_target(self, task: Task, rows: np.ndarray, target: np.ndarray, weight: np.ndarray) -> Any:
        from sklearn.base import clone
        from sklearn.utils.validation import has_fit_parameter

        number = not task.has_classes
        labelled = weight > 0
        if not labelled.any() or (not number and len(np.unique(target[labelled])) < 2):
            return float(target[labelled][0]) if labelled.any() else 0.0
        estimator = clone(self.regressor if number else self.classifier)
        if self.transductive and not number:
            estimator.fit(rows, np.where(labelled, target, -1))
            if -1 in estimator.classes_:
                raise InvalidArgumentError(
                    f"{type(estimator).__name__} took the -1 of the rows without a label for a class of "
                    f"{task.name!r}: transductive=True is for classifiers to which it says unlabelled, such "
                    "as sklearn.semi_supervised:LabelSpreading."
                )
            return estimator
        if has_fit_parameter(estimator, "sample_weight"):
            return estimator.fit(rows[labelled], target[labelled], sample_weight=weight[labelled])
        return estimator.fit(rows[labelled], target[labelled])


@final
class FittedEstimators(FittedPeer):
    """Estimators after a fit; a target with one class only has that class instead, and a failed one NaN."""

    def __init__(
        self,
        tasks: Sequence[Task],
        fitted: Mapping[str, list[Any]],
        matrix: FeatureMatrix,
        *,
        view: View | None,
        failures: Mapping[str, str],
    ) -> None:
        self.tasks = list(tasks)
        self.failures = failures
        self.fitted = fitted
        self.view = view
        self.matrix = matrix
        self.updates = 0

    def predictions(self, inputs: Mapping[str, Tensor]) -> dict[str, Prediction]:
        """Return the estimators' probabilities or values."""
        rows = self.matrix.transform(inputs if self.view is None else self.view(inputs))
        return {task.name: self._prediction(task, rows) for task in self.tasks}

    def _prediction(self, task: Task, rows: np.ndarray) -> Prediction:
        if not task.has_classes:
            columns = [
                np.full(len(rows), model) if isinstance(model, float) else model.predict(rows)
                for model in self.fitted[task.name]
            ]
            values = torch.from_numpy(np.stack(columns, axis=1)).float()
            return Prediction(values=values, spread=torch.zeros_like(values))
        shape = (len(rows), len(self.fitted[task.name]), n_classes(task))
        if task.name in self.failures:
            return Prediction(probabilities=torch.full(shape, math.nan))
        found = np.zeros(shape)
        for t, model in enumerate(self.fitted[task.name]):
            if isinstance(model, float):
                found[:, t, int(model)] = 1.0
            else:
                # Label spreading divides 0 by 0 for a row that no label has reached.
                with np.errstate(invalid="ignore", divide="ignore"):
                    found[:, t, model.classes_.astype(int)] = model.predict_proba(rows)
        nothing = ~(np.isfinite(found).all(axis=-1) & (found.sum(axis=-1) > 0))
        found[nothing] = 1 / found.shape[-1]
        return Prediction(probabilities=torch.from_numpy(found).float())
