import json
import math

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import DataError, InvalidArgumentError
from cotrain._base._ragged import Ragged
from cotrain._base._sounds import parse_wav, wav_bytes
from cotrain.tasks import Synthesis
from cotrain.tasks.sequence._sound_frames import SoundFrames
from cotrain.training import Logger

RATE = 8000
HERTZ = {"a": 400.0, "b": 1100.0, "c": 2300.0, " ": 0.0}


def said(text, pitch=1.0, seconds=0.06):
    time = np.arange(int(RATE * seconds)) / RATE
    return np.concatenate([0.3 * np.sin(2 * math.pi * HERTZ[c] * pitch * time) for c in text])


TEXTS = ["ab", "b c", "cab", "a", "bca", "c b a"]


def table(n=24, **columns):
    texts = [TEXTS[i % len(TEXTS)] for i in range(n)]
    high = [i % 2 == 1 for i in range(n)]
    cells = [wav_bytes(said(text, 1.3 if up else 1.0), RATE) for text, up in zip(texts, high, strict=True)]
    return pl.DataFrame(
        {"file": cells, "text": texts, "speaker": ["hi" if up else "lo" for up in high], **columns}
    )


def task(**options):
    return Synthesis("voice", "file", given=["text", "speaker"], n_mels=20, iterations=10, **options)


def fitted(frame=None, **options):
    found = task(**options)
    found.fit(table() if frame is None else frame)
    return found


# -- coding -------------------------------------------------------------------------------------------


def test_targets_are_frames_each_with_its_unit():
    one = fitted()
    targets, mask = one.encode(table(3))
    frames = SoundFrames(RATE, 200, 80, 20)
    for row, values in enumerate(targets):
        logs = one.original(values)[:, :20].numpy()
        np.testing.assert_allclose(logs, frames.of(table(3)["file"][row]), atol=1e-4)
        place, lasting = values[:, -2].long(), values[:, -1].long()
        assert (place.diff() >= 0).all()
        assert lasting.tolist() == torch.bincount(place)[place].tolist()
    assert mask.values.all()
    assert torch.equal(mask.offsets, targets.offsets)


def test_what_lacks_a_sound_or_a_text_is_unlabelled_and_an_empty_text_is_a_label():
    frame = table(5).with_columns(
        file=pl.Series([*table(4)["file"].to_list()[:3], None, table(5)["file"][4]]),
        text=pl.Series(["ab", None, "", "ab", "b c"]),
    )
    targets, mask = fitted().encode(frame)
    assert (targets.lengths > 0).tolist() == [True, False, True, False, True]
    assert (mask.lengths > 0).tolist() == [True, False, True, False, True]


def test_when_hides_rows():
    one = fitted(when="speaker == 'hi'")
    _, mask = one.encode(table(4))
    assert mask.any().tolist() == [False, True, False, True]


def test_the_alignment_finds_the_tones():
    one = fitted(table(60))
    targets, _ = one.encode(table(6))
    for text, values in zip(TEXTS, targets, strict=True):
        framed = f" {text} "
        places = values[:, -2].long().tolist()
        # A character lasts six frames; those at an edge may be anyone's.
        true = [1 + min(len(text) - 1, int(frame * 80 / (RATE * 0.06))) for frame in range(len(places))]
        right = [framed[a] == framed[b] for a, b in zip(places, true, strict=True)]
        assert np.mean(right) > 0.6


def test_a_sound_too_short_for_its_text_is_told_with_its_row():
    frame = table(4).with_columns(text=pl.Series(["ab", "abcabc abcabc", "a", "b"]))
    with pytest.raises(
        DataError, match="^Task 'voice', row 1: a sound of 7 frames .* cannot say 12 characters"
    ):
        fitted(frame.with_columns(file=pl.Series([wav_bytes(said("a"), RATE)] * 4)))
    with pytest.raises(DataError, match="row 0: a sound of 0 frames"):
        fitted().encode(table(1).with_columns(file=pl.Series([wav_bytes(np.zeros(0), RATE)])))


def test_silence_and_one_sample_are_learned_from():
    sounds = [wav_bytes(np.zeros(4000), RATE), wav_bytes(np.full(1, 0.5), RATE)] * 4
    frame = pl.DataFrame({"file": sounds, "text": ["ab", "a"] * 4, "speaker": ["x"] * 8})
    one = fitted(frame)
    targets, _ = one.encode(frame)
    assert targets.lengths.tolist()[:2] == [51, 1]
    assert torch.isfinite(targets.values).all()


@pytest.mark.parametrize("rate", [None, 16_000])
def test_the_rate_is_that_of_the_first_sound_or_the_one_that_was_named(rate):
    one = fitted(rate=rate)
    targets, _ = one.encode(table(2))
    assert one.state_dict()["rate"] == (rate or RATE)
    output = torch.cat([targets.values[:, :20], targets.values[:, -1:]], dim=1)
    wavs = one.predict(Ragged(output, targets.offsets))["voice"]
    assert [parse_wav(data)[1] for data in wavs] == [rate or RATE] * 2


def test_the_state_is_json_and_gives_the_same_targets():
    one, other = fitted(), task()
    other.load_state_dict(json.loads(json.dumps(one.state_dict())))
    for mine, theirs in zip(one.encode(table(4)), other.encode(table(4)), strict=True):
        assert torch.equal(mine.values, theirs.values)
    assert one.unseen(table(2).with_columns(text=pl.lit("abx"))) == {"text=x": 2}


# -- loss and figures ---------------------------------------------------------------------------------


def test_the_loss_is_that_of_the_docstring():
    one = fitted(duration_weight=0.7)
    targets, mask = one.encode(table(3))
    output = torch.randn(len(targets.values), 21, generator=torch.Generator().manual_seed(0))
    bands, durations, n_units = 0.0, 0.0, 0
    for row in zip(Ragged(output, targets.offsets), targets, strict=True):
        seen = set()
        for o, t in zip(*row, strict=True):
            bands += float((o[:20] - t[:20]).abs().mean())
            durations += float((o[20] - math.log(1 + float(t[-1]))) ** 2 / t[-1])
            seen.add(int(t[-2]))
        n_units += len(seen)
    expected = (bands + 0.7 * one.state_dict()["usual"] * durations) / len(targets.values)
    assert float(one.loss(output, targets.values, mask.values)) == pytest.approx(expected, rel=1e-4)
    padded = Ragged(output, targets.offsets).padded()
    assert float(one.loss(padded, targets.padded(), mask.padded())) == pytest.approx(expected, rel=1e-4)


def test_no_other_constant_has_a_smaller_loss():
    one = fitted()
    targets, mask = one.encode(table())
    best = one.reference_output(targets, mask)
    least = one.reference_loss(targets, mask)
    for seed in range(5):
        other = best + 0.3 * torch.randn(21, generator=torch.Generator().manual_seed(seed))
        assert float(one.loss(other.expand(len(targets.values), -1), targets.values, mask.values)) > least


def test_the_truth_has_perfect_figures():
    one = fitted()
    targets, mask = one.encode(table(4))
    output = torch.cat([targets.values[:, :20], torch.log1p(targets.values[:, -1:])], dim=1)
    rows = ct.evaluation.evaluate(
        [one], {"voice": Ragged(output, targets.offsets)}, {"voice": targets}, {"voice": mask}
    )
    assert [abs(round(row.value, 5)) for row in rows] == [0, 0, 0]


# -- in a learner -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learner():
    training = ct.Training(epochs=60, batch_size=12, learning_rate=1e-2)
    encoder = ct.networks.WordEncoder(16, 2, blocks="conv", dropout=0.0)
    return ct.Learner([task()], encoder=encoder, training=training).fit(
        table(), validation=None, progress=False
    )


def test_it_learns_to_say_a_text(learner):
    for metric in learner.evaluate(table()):
        assert metric.value < 0.5 * metric.references["constant"]


def test_only_given_columns_are_needed_and_the_sound_is_never_heard(learner):
    frame = table(6)
    without = learner.predict(frame.select("speaker", "text"))
    noise = [wav_bytes(np.random.default_rng(i).normal(size=3000) * 0.1, RATE) for i in range(6)]
    assert learner.predict(frame).equals(without)
    assert learner.predict(frame.with_columns(file=pl.Series(noise))).equals(without)
    row = learner.predict({"text": frame["text"][2], "speaker": frame["speaker"][2]})
    assert isinstance(row["voice"], bytes)
    outputs = learner.outputs(frame)["voice"]
    alone = learner.outputs(frame[2:3].select("text", "speaker"))["voice"]
    torch.testing.assert_close(alone.values, next(iter(outputs[2:3])), rtol=0, atol=1e-5)


def test_predictions_are_sounds_of_the_given_speaker(learner):
    """The loudest frequency of a tone is that of the speaker who is asked for."""
    asked = pl.DataFrame({"text": ["bbbb", "bbbb"], "speaker": ["lo", "hi"]})
    pitches = []
    for data in learner.predict(asked)["voice"]:
        samples, rate = parse_wav(data)
        spectrum = np.abs(np.fft.rfft(samples[:, 0]))
        pitches.append(spectrum.argmax() * rate / len(samples))
    assert pitches[0] < pitches[1]


def test_a_missing_text_gives_no_sound(learner):
    found = learner.predict(pl.DataFrame({"text": ["ab", None], "speaker": ["lo", "lo"]}))
    assert found["voice"].is_null().to_list() == [False, True]


def test_an_absent_given_column_is_told(learner):
    with pytest.raises(DataError, match="Task 'voice': given='speaker' is not a column"):
        learner.predict(pl.DataFrame({"text": ["ab"]}))


def test_it_is_written_beside_the_table(learner, tmp_path):
    from cotrain.data._write_files import with_files

    written = with_files(learner.predict(table(3)), tmp_path / "said.csv")
    assert written["voice"].to_list() == [f"said_files/voice_{row}.wav" for row in range(3)]
    assert parse_wav((tmp_path / written["voice"][1]).read_bytes())[1] == RATE


def test_a_saved_one_says_the_same(learner, tmp_path):
    learner.save(tmp_path / "run")
    again = ct.Learner.load(tmp_path / "run")
    assert again.predict(table(4)).equals(learner.predict(table(4)))
    assert [row.value for row in again.evaluate(table(4))] == [
        row.value for row in learner.evaluate(table(4))
    ]


class StopsAfterTwo(Logger):
    def epoch(self, record):
        if record["epoch"] == 1:
            raise KeyboardInterrupt


def test_a_fit_that_was_stopped_ends_as_one_that_was_not(tmp_path):
    def fit(folder, **options):
        training = ct.Training(epochs=4, batch_size=8, checkpoint_seconds=1e-6)
        encoder = ct.networks.WordEncoder(8, 1, blocks="conv")
        one = ct.Learner([task()], encoder=encoder, training=training)
        return one.fit(table(), validation=0.25, progress=False, run=tmp_path / folder, **options)

    with pytest.raises(KeyboardInterrupt):
        fit("stopped", loggers=[StopsAfterTwo()])
    whole, resumed = fit("whole"), fit("stopped", resume=True)
    for one, other in zip(whole.fitted.networks.weights, resumed.fitted.networks.weights, strict=True):
        assert list(one) == list(other)
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"given": "text"}, "expected a list of different columns"),
        ({"given": []}, "expected a list of different columns"),
        ({"given": ["text", "text"]}, "expected a list of different columns"),
        ({"given": ["file"]}, "cannot be given"),
        ({"given": ["text"], "hop": 0.02}, "hop"),
        ({"given": ["text"], "n_mels": 0}, "n_mels"),
        ({"given": ["text"], "stride": 0}, "stride"),
        ({"given": ["text"], "rate": 1}, "rate"),
    ],
)
def test_bad_options_are_told(options, sentence):
    with pytest.raises(InvalidArgumentError, match=sentence):
        Synthesis("voice", "file", **options)


def test_bad_data_is_told():
    with pytest.raises(DataError, match="no row has both a sound in 'file' and a text in 'text'"):
        fitted(table(2).with_columns(text=pl.lit(None, pl.String)))
    with pytest.raises(DataError, match="given='speaker' is not a column"):
        fitted(table(2).drop("speaker"))
    with pytest.raises(DataError, match="Task 'voice', row 0: .*is no wav file|damaged"):
        fitted(table(2).with_columns(file=pl.Series([b"RIFFxxxxWEBP", b"RIFFxxxxWEBP"])))
    with pytest.raises(DataError, match="resolves 100 frequencies"):
        Synthesis("voice", "file", given=["text"], n_mels=120).fit(table(2))
