"""What is said in a sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import DataError, InvalidArgumentError, RowError, check_choice
from cotrain._base._ragged import Leaf, Ragged, padded
from cotrain.tasks._base import Task, full_precision
from cotrain.tasks._custom_metric import MetricChoice
from cotrain.tasks._exhibit import Exhibit
from cotrain.tasks._hypothesis_labelling import HypothesisLabelling
from cotrain.tasks._metric import Metric
from cotrain.tasks._target_kind import ClassTargets
from cotrain.tasks._target_values import one_column, require_labels
from cotrain.tasks.sequence._ctc import BLANK, least_frames, prefix_beam_search
from cotrain.tasks.sequence._transcript_metrics import transcript_metrics

Units = Literal["characters", "words"]
#: Texts that are kept from frame to frame where there is a list of words and the user names no number.
_BEAM = 16
#: Where the blank's bias begins. From 0 a network first learns to say nothing at all, and then has to leave
#: that again: on strings of spoken digits (300 steps of 16, a peak rate of .006, recognition alone) the word
#: error rate of the validation rows was .09 from -3, and .25 from 0.
FIRST_BLANK = -3.0
#: Scores of symbols that are searched or summed together without a gradient: 16 MB of float32.
_SCORES_AT_A_TIME = 2**22
#: What stands in figures for a symbol that training did not have.
_UNSEEN = "\N{REPLACEMENT CHARACTER}"
#: Of what the best constant output is judged: so many positions for each symbol, in so many texts.
_POSITIONS_A_SYMBOL, _TEXTS = 4, 64


@final
class Transcription(Task):
    """The text that is said in a sound, by connectionist temporal classification.

        loss = -log P(text) / max(1, its symbols), P(text) = Σ over all paths of it Π over positions p(symbol)

    A path says a symbol or a blank at every position; its text is what is left without repetitions and then
    without blanks. An empty cell is an unlabelled row. Runs of blanks count as one. A character or word that
    training never had is counted by `unseen`, and is wrong in the figures. A row whose input has fewer
    positions than its text needs is refused at `fit`, since no path leads to it.

    Args:
        name: see `Task`.
        columns: see `Task`; one column of texts.
        units: what a position says: one of the "characters" of the training texts, or one of their "words";
            of words one that training never had counts as a single character in the figure "cer".
        sound: the column whose positions are read; needed where there are several of sounds or words.
        word_list: the only words that are predicted, or "training": those of the training texts; `None`: any.
            For characters.
        beam: how many texts are kept from position to position in the search for the most probable one,
            ≥ 1; `None`: the text of the most probable path ("greedy"), or 16 where there is a list of words.
        empty: a cell that stands for a text without any word, such as "<silence>": a label, as a missing
            cell is none, and what is predicted where nothing is said; `None`: there is none, and then "".
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`. While WER is 1 "cer" tells epochs apart.

    Raises:
        DataError: at `fit`, if there is no text, or a word of the list has an unknown character.

    Source: Graves et al., "Connectionist Temporal Classification", 2006,
    https://doi.org/10.1145/1143844.1143891.

    Example:
        >>> task = Transcription("said")
        >>> task.fit(pl.DataFrame({"said": ["ab", None, "b"]}))
        >>> targets, mask = task.encode(pl.DataFrame({"said": ["ba", None, "bx"]}))
        >>> targets.tolist(), mask.flatten().tolist()
        ([[2, 1], [0, 0], [2, 3]], [True, False, True])
        >>> task.predict(torch.tensor([[[0.0, 4.0, 0.0, 1.0], [0.0, 4.0, 0.0, 1.0], [0.0, 0.0, 4.0, 1.0]]]))
        {'said': ['ab']}
    """

    target_kind = ClassTargets()
    reads = "positions"

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        units: Units = "characters",
        sound: str | None = None,
        word_list: Sequence[str] | Literal["training"] | None = None,
        beam: int | None = None,
        empty: str | None = None,
        weight: float = 1.0,
        preference: float = 1.0,
        when: str | None = None,
        sample_weight: str | None = None,
        metrics: Sequence[MetricChoice] | None = None,
    ) -> None:
        # Before the rest: metrics decode symbols.
        self.units: Units = units
        self._take([], [])
        super().__init__(
            name,
            columns,
            weight=weight,
            preference=preference,
            when=when,
            sample_weight=sample_weight,
            metrics=metrics,
        )
        one_column("Transcription", name, self.columns)
        check_choice(f"Transcription({name!r}", ("characters", "words"), units=units)
        if isinstance(word_list, str) and word_list != "training":
            raise InvalidArgumentError(
                f"Transcription({name!r}, word_list={word_list!r}): expected a list of words, or 'training'."
            )
        if word_list is not None and (units == "words" or not len(word_list)):
            raise InvalidArgumentError(
                f"Transcription({name!r}, word_list=...): expected words, and units='characters': with words "
                "for units none but those of the training texts is predicted."
            )
        if beam is not None and (isinstance(beam, bool) or not isinstance(beam, int) or beam < 1):
            raise InvalidArgumentError(
                f"Transcription({name!r}, beam={beam!r}): expected a whole number of at least 1, or null."
            )
        if word_list is not None and beam is None:
            self._width = _BEAM
        else:
            self._width = beam or 0
        self.sound = sound
        self.word_list = list(word_list) if not isinstance(word_list, str | None) else word_list
        self.beam = beam
        self.empty = empty

    def _take(self, symbols: Sequence[str], words: Sequence[str]) -> None:
        self._symbols, self._listed = list(symbols), list(words)
        self._numbers = {symbol: number for number, symbol in enumerate(symbols, BLANK + 1)}
        self._separator = self._numbers.get(" ") if self.units == "characters" else None
        self._words = [tuple(self._numbers[letter] for letter in word) for word in words]

    # -- coding -------------------------------------------------------------------------------------

    def _texts(self, frame: pl.DataFrame) -> list[str | None]:
        """Return the text of every row, runs of blanks made one; `None` where there is no label."""
        column = frame[self.columns[0]]
        if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
            raise DataError(f"Column {column.name!r} holds {column.dtype}, where a text a row was expected.")
        texts = [
            None if text is None else " ".join(text.split()) for text in column.cast(pl.String).to_list()
        ]
        return texts if self.empty is None else ["" if text == self.empty else text for text in texts]

    def _parts(self, text: str) -> Sequence[str]:
        return text if self.units == "characters" else text.split()

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the symbols, and the words of the list."""
        texts = [text for text in self._texts(frame) if text is not None]
        require_labels(len(texts), frame.height, self.columns[0], self.name)
        symbols = sorted({symbol for text in texts for symbol in self._parts(text)})
        if not symbols:
            raise DataError(
                f"Task {self.name!r}: all texts of the column {self.columns[0]!r} are empty: there is "
                "nothing to learn."
            )
        words = self.word_list or []
        if self.word_list == "training":
            words = sorted({word for text in texts for word in text.split()})
        for word in words:
            strange = sorted(set(word) - set(symbols))
            if strange or word.split() != [word]:
                raise DataError(
                    f"Task {self.name!r}: the word {word!r} of word_list has characters that no training "
                    f"text has ({''.join(strange) or ' '!r}): take it out."
                )
        self._take(symbols, words)

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Any, Any]:
        """Return the numbers of the symbols int64 [B, L], 0 behind the end of a text, and bool [B, 1].

        A symbol that training did not have is C, the number of symbols with the blank.
        """
        texts = self._texts(frame)
        unseen = len(self._symbols) + 1
        rows = [[self._numbers.get(part, unseen) for part in self._parts(text or "")] for text in texts]
        targets = torch.zeros(len(rows), max([1, *map(len, rows)]), dtype=torch.int64)
        for row, numbers in enumerate(rows):
            targets[row, : len(numbers)] = torch.tensor(numbers, dtype=torch.int64)
        return targets, torch.tensor([[text is not None] for text in texts], dtype=torch.bool).view(-1, 1)

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count the symbols that training never had: "column=symbol" -> how often."""
        found = Counter(part for text in self._texts(frame) for part in self._parts(text or ""))
        return {f"{self.columns[0]}={part}": n for part, n in found.items() if part not in self._numbers}

    def state_dict(self) -> dict[str, Any]:
        """Return the symbols and the words of the list."""
        return {"symbols": list(self._symbols), "words": list(self._listed)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the symbols and the words of the list."""
        self._take([str(symbol) for symbol in state["symbols"]], [str(word) for word in state["words"]])

    def text_of(self, numbers: np.ndarray) -> str:
        """Return the text of the numbers of its symbols; blanks say nothing."""
        named = [int(number) - 1 for number in numbers if number != BLANK]
        parts = [self._symbols[i] if i < len(self._symbols) else _UNSEEN for i in named]
        return ("" if self.units == "characters" else " ").join(parts)

    # -- network ------------------------------------------------------------------------------------

    @property
    def n_outputs(self) -> int:
        """C + 1: a blank, the symbols, and whether there is a position."""
        return len(self._symbols) + 2

    @property
    def parts(self) -> list[str]:
        """The symbols. Known after `fit`."""
        return list(self._symbols)

    @property
    def per_position(self) -> bool:
        """No: which positions a symbol stands at is not said."""
        return False

    @property
    def position_column(self) -> str | None:
        """`sound`."""
        return self.sound

    def output_layer(self, width: int) -> nn.Module:
        """Make a linear layer that also says which positions there are."""
        return SymbolLayer(width, len(self._symbols) + 1)

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of every text, [B, 1]; infinite where no path leads to it."""
        lengths = output[..., -1].sum(dim=1).long()
        n_symbols = (target != BLANK).sum(dim=1)
        # A symbol that training never had counts as a blank: it cannot be learned.
        known = torch.where(target > len(self._symbols), BLANK, target)
        known = known.gather(1, torch.argsort((known == BLANK).to(torch.uint8), dim=1, stable=True))
        log_p = _log_p(output).transpose(0, 1)
        costs = functional.ctc_loss(
            log_p, known, lengths.clamp(min=1), (known != BLANK).sum(dim=1), BLANK, reduction="none"
        )
        return (costs / n_symbols.clamp(min=1)).unsqueeze(1)

    def require_positions(self, n_positions: Tensor, targets: Any, mask: Any) -> None:
        """Raise `DataError` if a text needs more positions than its row has."""
        rows = zip(targets.tolist(), mask.flatten().tolist(), n_positions.tolist(), strict=True)
        for row, (numbers, labelled, there) in enumerate(rows):
            symbols = [number for number in numbers if number != BLANK]
            needed = least_frames(symbols)
            if labelled and needed > there:
                raise RowError(
                    f"Task {self.name!r}: row {{row}} has the text {self.text_of(np.array(symbols))!r}, "
                    f"which needs {needed} positions, and its sound has {there}: empty the cell, take "
                    "units='words', or let the encoder give more of them (a smaller hop or stride).",
                    row,
                )

    def reference_output(self, targets: Any, mask: Any) -> Tensor:
        """Return the shares that say these texts best in four positions a symbol, [C + 1].

        How many positions there are is the network's business.
        """
        weights = mask.flatten()[mask.flatten() > 0].double()
        known = targets[mask.flatten() > 0]
        n = len(self._symbols)
        of_symbol = weights.repeat_interleave(known.shape[1])
        counts = torch.bincount(known.flatten(), of_symbol, minlength=n + 2)[1 : n + 1]
        shares = (counts / counts.sum().clamp(min=1)).clamp(min=3e-7)
        flag = shares.new_ones(1)
        candidates = [
            torch.cat([shares.new_tensor([blank]).log(), (shares * (1 - blank)).log(), flag]).float()
            for blank in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
        ]
        step = max(1, len(known) // _TEXTS)
        texts, of_text = known[::step], weights[::step]
        if not len(texts):
            return candidates[2]
        every = [self.losses(self._everywhere(one, texts), texts)[:, 0] for one in candidates]
        costs = [float((of_one * of_text).sum()) for of_one in every]
        return candidates[int(np.argmin(costs))]

    def _everywhere(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the same output [C + 1] at four positions for each symbol of each text, [B, S, C + 1]."""
        lengths = _POSITIONS_A_SYMBOL * (target != BLANK).sum(dim=1).clamp(min=1)
        places = torch.arange(_POSITIONS_A_SYMBOL * target.shape[1], device=target.device)
        there = (places < lengths.unsqueeze(1)).unsqueeze(-1)
        return torch.where(there, output, torch.zeros_like(output))

    def constant_output(self, output: Tensor) -> Tensor:
        """Return one position, [1, 1, C + 1]."""
        return output.view(1, 1, -1)

    # -- use ----------------------------------------------------------------------------------------

    def scores(self, output: Tensor) -> Tensor:
        """Return the numbers of the symbols of the text that is heard, int64 [B, S], 0 behind its end."""
        output = full_precision(output)
        return self._searched(output) if self._width else _greedy(output)

    def _searched(self, output: Tensor) -> Tensor:
        """Return the most probable texts that the beam search finds."""
        log_p, lengths = _log_p(output).double().cpu().numpy(), output[..., -1].sum(dim=1).long().tolist()
        found = torch.zeros(output.shape[:2], dtype=torch.int64)
        for row, length in enumerate(lengths):
            text, _ = prefix_beam_search(
                log_p[row, :length],
                self._width,
                words=self._words or None,
                separator=self._separator,
            )
            found[row, : len(text)] = torch.tensor(text, dtype=torch.int64)
        return found.to(output.device)

    def original(self, targets: Tensor) -> Tensor:
        """Return the numbers of the symbols as they are."""
        return targets

    def predict(self, output: Leaf) -> dict[str, Any]:
        """Return `name` with the text of every row."""
        texts = [self.text_of(row) for row in self.pseudo_label(output).numpy()]
        return {self.name: [text or self.empty or "" for text in texts]}

    def exhibit(self, cell: Any, *, label: bool) -> Exhibit:
        """Return a text whose words are compared."""
        text = " ".join(str(cell).split())
        return Exhibit("transcript", "" if text == self.empty else text)

    def confidence(self, output: Leaf) -> Tensor:
        """Return P(text)^(1 / its symbols) of the text that is heard, [B, 1] in [0, 1]."""
        rows = full_precision(padded(output).detach())
        return torch.exp(-self.losses(rows, self.scores(rows))).clamp(0, 1).cpu()

    def pseudo_label(self, output: Leaf) -> Tensor:
        """Return the numbers of the symbols of the text that is heard, int64 [B, S]."""
        return self.scores(padded(output).detach()).cpu()

    def hypothesis_labelling(self) -> HypothesisLabelling:
        """Return that a row is labelled by the whole text that is heard, as sure as its normalised score."""
        return HypothesisLabelling(
            self.parts,
            heard=self._heard,
            costs=self._costs,
            labellable=self._labellable,
            text_of=self.text_of,
        )

    def _heard(self, output: Leaf) -> Tensor:
        """Return the numbers of the symbols of the texts that are heard, int64 [B, L]."""
        parts = [self.pseudo_label(some) for some in _some_rows_at_a_time(output)]
        longest = max([1, *(int((part != BLANK).sum(dim=1).max()) for part in parts if len(part))])
        room = [functional.pad(part, (0, max(0, longest - part.shape[1])))[:, :longest] for part in parts]
        return torch.cat([*room, torch.zeros(0, longest, dtype=torch.int64)])

    def _costs(self, outputs: Leaf, texts: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the losses of texts, float32 [B]; infinite where the row has too few positions for it."""
        found, start = [torch.zeros(0)], 0
        for some in _some_rows_at_a_time(outputs):
            # Of rows without any position one stands for all: it is heard with no symbol in it.
            rows = padded(some) if not isinstance(some, Ragged) else some.padded(length=_longest(some))
            rows = full_precision(rows.detach()).cpu()
            rows = torch.cat([rows[..., :-1] / temperature, rows[..., -1:]], dim=-1)
            found.append(self.losses(rows, texts[start : start + len(some)])[:, 0])
            start += len(some)
        return torch.where(_lengths_of(outputs) >= _least_positions(texts), torch.cat(found), torch.inf)

    def _labellable(self, output: Leaf, texts: Tensor) -> Tensor:
        """Return which texts may be labels of their rows, bool [B]."""
        said, lengths = (texts != BLANK).any(dim=1) | (self.empty is not None), _lengths_of(output)
        # Of a row without a sound, which has no position, it is not known that nothing is said.
        return said & (lengths > 0) & (lengths >= _least_positions(texts))

    def available_metrics(self) -> list[Metric]:
        """Return word error rate, character error rate and exact match."""
        return transcript_metrics(self.text_of)

    def default_metrics(self) -> list[str]:
        """The word error rate selects the best weights."""
        return ["wer", "cer", "exact_match"]


@final
class SymbolLayer(nn.Module):
    """Scores of C symbols, and behind them 1 where there is a position and 0 in the padding."""

    reads_mask = True

    def __init__(self, width: int, n_symbols: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, n_symbols)
        with torch.no_grad():
            self.linear.bias[BLANK] = FIRST_BLANK

    def forward(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        scores = self.linear(hidden)
        there = torch.ones_like(scores[..., :1]) if mask is None else mask.to(scores.dtype).unsqueeze(-1)
        return torch.cat([scores, there], dim=-1)


def _log_p(output: Tensor) -> Tensor:
    """Return log p of every symbol, [B, S, C]."""
    return functional.log_softmax(output[..., :-1], dim=-1)


def _greedy(output: Tensor) -> Tensor:
    """Return the text of the most probable path, int64 [B, S]; see `greedy`, for all rows at once."""
    path = torch.where(output[..., -1] > 0.5, output[..., :-1].argmax(dim=-1), BLANK)
    before = functional.pad(path[:, :-1], (1, 0), value=-1)
    kept = (path != before) & (path != BLANK)
    order = torch.argsort((~kept).to(torch.uint8), dim=1, stable=True)
    return torch.where(kept, path, BLANK).gather(1, order)


def _some_rows_at_a_time(output: Leaf) -> Iterator[Leaf]:
    """Give outputs of as many rows as fit, padded."""
    lengths = _lengths_of(output)
    values = output.values if isinstance(output, Ragged) else output
    of_row = values.shape[-1] * max(1, int(lengths.max()) if len(lengths) else 1)
    size = max(1, _SCORES_AT_A_TIME // of_row)
    for start in range(0, len(output), size):
        yield output[start : start + size]


def _longest(rows: Ragged) -> int:
    return max(1, int(rows.lengths.max()))


def _lengths_of(output: Leaf) -> Tensor:
    """Return how many positions each row has, int64 [B]."""
    if isinstance(output, Ragged):
        return output.lengths.cpu()
    return (output[..., -1] > 0.5).sum(dim=1).cpu()


def _least_positions(texts: Tensor) -> Tensor:
    """Return the fewest positions in which each text can be said, int64 [B]; see `least_frames`."""
    repeated = (texts[:, 1:] == texts[:, :-1]) & (texts[:, 1:] != BLANK)
    return (texts != BLANK).sum(dim=1) + repeated.sum(dim=1)
