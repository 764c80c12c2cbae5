from cotrain.networks import Separate


def test_every_task_has_an_encoder(recorder, close, count):
    sharing = Separate().build(recorder, ["a", "b"])
    outputs = sharing(recorder.inputs)
    for k, task in enumerate(("a", "b")):
        close(outputs[task], recorder.whole(k, recorder.x))
        assert count(sharing.task_parameters(task)) == sum(recorder.sizes)
    assert sharing.shared_parameters() == []
