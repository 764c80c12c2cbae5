def test_a_demo_that_is_there_is_not_replaced_unless_asked(cotrain, tmp_path):
    (tmp_path / "films.yaml").write_text("mine")
    status, _, err = cotrain("demo", "--output", tmp_path)
    assert status == 2
    assert "holds a demo already" in err
    assert (tmp_path / "films.yaml").read_text() == "mine"
