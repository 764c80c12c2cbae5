import io

from rich.console import Console

from cotrain.training import FitStart, ProgressLogger


def start(n_epochs=20, history=()):
    fields = dict.fromkeys(FitStart.__dataclass_fields__, 0)
    return FitStart(**(fields | {"n_epochs": n_epochs, "n_steps": n_epochs * 5, "history": list(history)}))


def lines(n_epochs, records, terminal=False):
    text = io.StringIO()
    logger = ProgressLogger(Console(file=text, force_terminal=terminal, width=120), title="films")
    logger.start(start(n_epochs))
    for step, record in enumerate(records):
        logger.step(step, record["loss"])
        logger.epoch(record)
    logger.finish()
    return text.getvalue()


def record(epoch, **more):
    return {"epoch": epoch, "loss": {"a": 0.5, "b": 1.25}} | more


def test_without_a_terminal_the_first_epoch_and_every_tenth_part_gets_a_line():
    said = lines(20, [record(epoch) for epoch in range(20)]).splitlines()
    assert said[0] == "films epoch 1/20  loss: a 0.5  b 1.25"
    assert [line.split()[2] for line in said] == ["1/20", *(f"{n}/20" for n in range(2, 21, 2))]


def test_validation_values_come_before_losses_and_many_tasks_are_cut_short():
    values = {f"t{k}": 0.1 * k for k in range(11)}
    (said,) = lines(1, [record(0, validation=values)]).splitlines()
    assert "validation: t0 0 " in said
    assert said.endswith("(+3)")


def test_on_a_terminal_there_is_a_bar():
    assert "films epoch" in lines(2, [record(0)], terminal=True)


def test_who_asks_for_none_gets_none():
    assert ProgressLogger.wanted(False) == []
    assert len(ProgressLogger.wanted(True)) == 1
