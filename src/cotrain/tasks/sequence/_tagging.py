"""A tag for every token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from cotrain._base import DataError, InvalidArgumentError, RowError, check_choice, did_you_mean, first_largest
from cotrain._base._ragged import Leaf, Ragged, padded
from cotrain.tasks._base import Task, full_precision
from cotrain.tasks._class_weights import ClassWeight, check_class_weight, class_weights
from cotrain.tasks._cross_entropy import class_logits, class_losses
from cotrain.tasks._custom_metric import MetricChoice
from cotrain.tasks._entry_labelling import EntryLabelling
from cotrain.tasks._mean_output import mean_of_classes
from cotrain.tasks._metric import Metric
from cotrain.tasks._target_kind import ClassTargets
from cotrain.tasks._target_values import (
    ClassCoding,
    check_range,
    labelled_classes,
    one_column,
    require_labels,
    shown,
)
from cotrain.tasks.sequence._spans import OUTSIDE, SpanTags, most_probable
from cotrain.tasks.sequence._tag_lists import tag_lists
from cotrain.tasks.sequence._tagging_metrics import TaggingFigures

#: Rows that are decoded together.
ROWS_AT_A_TIME = 1024


@final
class Tagging(Task):
    """A tag for every token of a row: parts of speech, or names as spans of tokens.

        loss = -w_y Σ_c q_c log softmax(z)_c of every labelled token,  q = (1 - ε) [c = y] + ε / C.

    A cell is a list of tags, or a text with one (JSON, or blanks between the tags). A null cell is an
    unlabelled row, a null tag an unlabelled token. With `spans` tags are B-TYPE, I-TYPE and O; where an I
    begins a span (IOB1) it is read as B; the most probable tags *in which every I follows its B or I* are
    predicted; and "span_f1" counts spans whose first token, last token and type are right (strict IOB2). A
    tag that training never had is counted by `unseen` and is wrong in the metrics.

    Args:
        name: see `Task`.
        columns: see `Task`; one column.
        spans: "BIO": tags are spans; `None`: each tag stands for itself.
        tokens: the column of words that the tags belong to; needed where there are several. In a table a
            cell with more or fewer tags than words is an error.
        missing: tags that say nothing, as null does; of tags that are numbers as they are written, such as
            "-100" in the tensors of a Dataset.
        class_weight: "balanced" lets all tags count alike however rare; or tag -> weight, 1 for one that is
            not named.
        label_smoothing: ε in [0, 0.5].
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`. While span F1 is 0 "log_loss" tells epochs apart.

    Raises:
        DataError: at `fit`, if there are fewer than two tags, or with `spans` one is not of that form.

    Example:
        >>> task = Tagging("ner", spans="BIO")
        >>> task.fit(pl.DataFrame({"ner": [["O", "B-per", "I-per"], None, ["O", None]]}))
        >>> targets, mask = task.encode(pl.DataFrame({"ner": [["I-per", "O"], None, [None, "B-loc"]]}))
        >>> targets.padded().tolist(), mask.padded().tolist()
        ([[1, 0], [0, 0], [0, 3]], [[True, True], [False, False], [False, True]])
        >>> task.predict(torch.tensor([[[0.5, 0.0, 0.4], [0.0, 0.0, 2.0]]]))["ner"]
        [['B-per', 'I-per']]
    """

    target_kind = ClassTargets()
    reads = "positions"

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        spans: Literal["BIO"] | None = None,
        tokens: str | None = None,
        missing: Sequence[str] = ("-", "_"),
        class_weight: ClassWeight = None,
        label_smoothing: float = 0.0,
        weight: float = 1.0,
        preference: float = 1.0,
        when: str | None = None,
        sample_weight: str | None = None,
        metrics: Sequence[MetricChoice] | None = None,
    ) -> None:
        # Before the rest: it says which metrics there are.
        self.spans = spans
        self._take([])
        super().__init__(
            name,
            columns,
            weight=weight,
            preference=preference,
            when=when,
            sample_weight=sample_weight,
            metrics=metrics,
        )
        one_column("Tagging", name, self.columns)
        check_choice(f"Tagging({name!r}", (None, "BIO"), spans=spans)
        check_class_weight("Tagging", name, class_weight)
        check_range("Tagging", name, label_smoothing=(label_smoothing, 0.0, 0.5))
        if isinstance(missing, str):
            raise InvalidArgumentError(f"Tagging({name!r}, missing={missing!r}): expected a list of tags.")
        self.tokens = tokens
        self.missing = list(missing)
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self._weights: list[float] = []

    def _take(self, tags: Sequence[Any]) -> None:
        self._coding = ClassCoding(tags)
        self._span_tags = SpanTags([str(tag) for tag in tags] or ["O"]) if self.spans else None

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the tags and their weights."""
        column = frame[self.columns[0]]
        flat, _ = tag_lists(column, self.missing)
        found = labelled_classes(flat)
        require_labels(sum(count for _, count in found), len(column), column.name, self.name)
        tags = [tag for tag, _ in found]
        if self.spans:
            tags = self._complete([str(tag) for tag in tags])
        if len(tags) < 2:
            raise DataError(
                f"Task {self.name!r}: a Tagging target needs two or more tags, but {column.name!r} has "
                f"{len(tags)}: {shown(tags)}. Leave the task out."
            )
        self._take(tags)
        targets, mask = self.encode_columns(frame)
        counts = {str(tag): count for tag, count in found}
        of_tag: Sequence[float] = [max(1, counts.get(str(tag), 0)) for tag in tags]
        if (of_row := self.weights_of(frame)) is not None:
            of_token = torch.from_numpy(of_row)[targets.row_of_entry][mask.values]
            of_tag = torch.bincount(targets.values[mask.values], of_token, len(tags)).tolist()
        self._weights = class_weights(self.class_weight, tags, of_tag, task=self.name)

    def _complete(self, tags: Sequence[str]) -> list[str]:
        """Return O, and B and I of every type, whichever of them occur."""
        strange = [tag for tag in tags if tag != "O" and not (tag[:2] in ("B-", "I-") and tag[2:])]
        if strange:
            raise DataError(
                f"Task {self.name!r}: column {self.columns[0]!r} has {shown(strange)}, but spans='BIO' needs "
                "O, B-TYPE and I-TYPE: correct the tags, list what says nothing under missing=, or leave "
                "spans out."
            )
        types = sorted({tag[2:] for tag in tags if tag != "O"})
        return ["O", *(f"{prefix}-{name}" for name in types for prefix in "BI")]

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Ragged, Ragged]:
        """Return the numbers of the tags int64, C or more for an unseen one, and the mask, as ragged rows."""
        column = frame[self.columns[0]]
        flat, ends = tag_lists(column, self.missing)
        self._require_lengths(frame, column, ends)
        codes = self._coding.encode(flat)
        labelled = codes >= 0
        if self._span_tags is not None:
            inside = flat.cast(pl.String).str.starts_with("I-").fill_null(value=False).to_numpy()
            codes = np.where((codes == self.n_outputs) & inside, self.n_outputs + 1, np.maximum(codes, 0))
            codes = self._span_tags.strict(codes, ends, labelled)
        offsets = torch.from_numpy(ends)
        targets = torch.from_numpy(np.where(labelled, codes, 0))
        return Ragged(targets, offsets), Ragged(torch.from_numpy(labelled.copy()), offsets)

    def _require_lengths(self, frame: pl.DataFrame, column: pl.Series, ends: np.ndarray) -> None:
        """Refuse cells with more or fewer tags than their row has words, where it is a list of words."""
        if self.tokens is None:
            return
        if self.tokens not in frame.columns:
            raise DataError(
                f"Task {self.name!r}: tokens={self.tokens!r} is not a column of the table; "
                f"{did_you_mean(self.tokens, frame.columns)}"
            )
        words = frame[self.tokens]
        if not isinstance(words.dtype, pl.List):
            return
        n_words = words.list.len().fill_null(0).cast(pl.Int64).to_numpy()
        wrong = np.flatnonzero(column.is_not_null().to_numpy() & (np.diff(ends) != n_words))
        if len(wrong):
            row = int(wrong[0])
            raise RowError(
                f"Task {self.name!r}: row {{row}} has {int(np.diff(ends)[row])} tags in {column.name!r} for "
                f"{int(n_words[row])} words in {self.tokens!r}"
                + (f", and {len(wrong) - 1} more rows differ" if len(wrong) > 1 else "")
                + ": give one tag a word, null where it is not known, or empty the whole cell.",
                row,
            )

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count the tags that training never had: "column=tag" -> tokens."""
        return self._coding.unseen(tag_lists(frame[self.columns[0]], self.missing)[0])

    def state_dict(self) -> dict[str, Any]:
        """Return the tags and their weights."""
        return {"tags": list(self._coding.classes), "weights": list(self._weights)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the tags and their weights."""
        self._take(state["tags"])
        self._weights = [float(weight) for weight in state["weights"]]

    @property
    def n_outputs(self) -> int:
        """C."""
        return len(self._coding.classes)

    @property
    def parts(self) -> list[str]:
        """The types of spans, or the tags. Known after `fit`."""
        if self._span_tags is not None:
            return list(self._span_tags.types)
        return [str(tag) for tag in self._coding.classes]

    @property
    def position_column(self) -> str | None:
        """`tokens`."""
        return self.tokens

    def output_layer(self, width: int) -> nn.Module:
        """Make a linear layer."""
        return nn.Linear(width, self.n_outputs)

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the weighted cross-entropy of every token, [...], for outputs [..., C]."""
        return class_losses(output, target, self.label_smoothing, self._class_weights(output))

    def _class_weights(self, like: Tensor) -> Tensor | None:
        if self.class_weight is None:
            return None
        return torch.tensor(self._weights, dtype=like.dtype).to(like.device, non_blocking=True)

    def reference_output(self, targets: Leaf, mask: Leaf) -> Tensor:
        """Return the logarithms of the (weighted, smoothed) shares of the tags, [C]; zeros without labels."""
        flat, known = (
            (leaf.values if isinstance(leaf, Ragged) else leaf).flatten() for leaf in (targets, mask)
        )
        weights = self._class_weights(torch.zeros((), dtype=torch.float64, device=flat.device))
        return class_logits(flat, known, self.n_outputs, self.label_smoothing, weights=weights)

    def scores(self, output: Tensor) -> Tensor:
        """Return the probability of every tag, [..., C]."""
        return torch.softmax(full_precision(output), dim=-1)

    def mean_output(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return the logarithms of the mean probabilities, [..., C]."""
        return mean_of_classes(outputs, axis=-1)

    def original(self, targets: Tensor) -> Tensor:
        """Return the numbers of the tags as they are."""
        return targets

    def _decode(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the predicted tags [B, S] of probabilities [B, S, C]."""
        if self._span_tags is not None:
            return most_probable(probabilities, self._span_tags)
        return first_largest(probabilities)

    def predict(self, output: Leaf) -> dict[str, Any]:
        """Return `name` with the list of the most probable tags of every row."""
        tags = self.pseudo_label(output)
        rows = tags if isinstance(tags, Ragged) else iter(tags)
        return {self.name: [self._coding.decode(row.numpy()) for row in rows]}

    def confidence(self, output: Leaf) -> Leaf:
        """Return the probability of every predicted tag, [B, S], or ragged rows."""
        return self._by_row(output, lambda p, tags: np.take_along_axis(p, tags[..., None], -1)[..., 0])

    def pseudo_label(self, output: Leaf) -> Leaf:
        """Return the numbers of the predicted tags, int64 [B, S], or ragged rows."""
        return self._by_row(output, lambda p, tags: tags)

    def _by_row(self, output: Leaf, function: Any) -> Leaf:
        rows = padded(output).detach()
        probabilities = self.scores(rows).double().cpu().numpy()
        found = torch.from_numpy(np.ascontiguousarray(function(probabilities, self._decode(probabilities))))
        if found.is_floating_point():
            found = found.float()
        return Ragged.from_padded(found, output.lengths.cpu()) if isinstance(output, Ragged) else found

    def entry_labelling(self) -> EntryLabelling:
        """Return that spans are labelled whole, words outside with them; without `spans` each tag alone."""
        tags = [str(tag) for tag in self._coding.classes]
        if self._span_tags is None:
            return EntryLabelling(tags, self._probabilities)
        return EntryLabelling(tags, self._probabilities, self._decoded, self._units, self._bound)

    def _probabilities(self, output: Leaf) -> Leaf:
        return output.map(self.scores) if isinstance(output, Ragged) else self.scores(output)

    def _decoded(self, probabilities: Tensor, offsets: Tensor) -> Tensor:
        """Return the most probable legal tags of entries [M, C], some rows at a time: one may be long."""
        rows, parts = Ragged(probabilities, offsets), []
        for start in range(0, len(rows), ROWS_AT_A_TIME):
            some = rows[start : start + ROWS_AT_A_TIME]
            tags = torch.from_numpy(self._decode(some.padded().double().numpy()))
            parts.append(Ragged.from_padded(tags, some.lengths).values)
        return torch.cat([*parts, torch.zeros(0, dtype=torch.int64)])

    def _units(self, tags: Tensor, offsets: Tensor) -> Tensor:
        """Return which span each entry belongs to; a tag outside stands alone."""
        if self._span_tags is None or not len(tags):
            return torch.arange(len(tags))
        goes_on = torch.from_numpy(self._span_tags.continues(tags.numpy()[None])[0].copy())
        goes_on[offsets[:-1][offsets[:-1] < len(tags)]] = False
        return (~goes_on).long().cumsum(0) - 1

    def _bound(self, confidence: Tensor, tags: Tensor, offsets: Tensor) -> Tensor:
        """Let a word outside be as sure as its row's least sure span at most.

        Words outside are sure much more often than spans. Where they are learned and the spans beside them
        are not, the next network finds fewer spans: with a tenth of SNIPS labelled and as many steps it lost
        3 points of span F1 to its start where words outside counted alone, and 1.6 with this bound.
        """
        outside = torch.from_numpy(self._kinds()[tags.numpy()] == OUTSIDE)
        row = torch.arange(len(offsets) - 1).repeat_interleave(offsets.diff())
        spans = torch.where(outside, torch.inf, confidence)
        least = spans.new_full((len(offsets) - 1,), torch.inf).scatter_reduce(0, row, spans, "amin")
        return torch.where(outside, torch.minimum(confidence, least[row]), confidence)

    def _kinds(self) -> np.ndarray:
        return np.zeros(self.n_outputs, dtype=int) if self._span_tags is None else self._span_tags.kinds

    def labelled_by_part(self, mask: np.ndarray) -> np.ndarray:
        """Return the rows with a labelled token, bool [N, 1]."""
        return np.logical_or.reduce(mask, axis=1, keepdims=True)

    def available_metrics(self) -> list[Metric]:
        """Return the metrics of tags; with `spans` those of spans first."""
        return TaggingFigures(self._decode, self._span_tags).metrics()

    def default_metrics(self) -> list[str]:
        """Span F1 selects the best weights where there are spans, else the share of right tokens."""
        return ["span_f1", "token_accuracy"] if self.spans else ["token_accuracy", "log_loss"]
