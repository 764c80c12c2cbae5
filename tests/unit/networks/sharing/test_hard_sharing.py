from cotrain.networks import HardSharing


def test_every_task_reads_the_one_encoder(recorder, close, count):
    sharing = HardSharing().build(recorder, ["a", "b"])
    outputs = sharing(recorder.inputs)
    for task in ("a", "b"):
        close(outputs[task], recorder.whole(0, recorder.x))
    assert count(sharing.parameters()) == sum(recorder.sizes) == count(sharing.shared_parameters())
