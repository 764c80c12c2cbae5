from cotrain.comparison._answering import answers_of
from cotrain.comparison._checked_files import write_record


def test_a_sentence_says_who_answers_at_how_many_seeds(tmp_path):
    def answer(by, reason="the best on the validation rows"):
        return {"answer": {"by": by, "reason": reason}, "temperature": None}

    few = "too few to choose by: 3 labels"
    seeds = [
        {"a": answer("trees"), "b": answer("joint"), "c": answer("joint", few)},
        {"a": answer("trees"), "b": answer("blend"), "c": answer("joint", few)},
        {"a": answer("trees"), "b": answer("joint"), "c": answer("joint", few)},
    ]
    write_record(tmp_path / "answers.json", {"seeds": seeds})
    found = answers_of(tmp_path / "answers.json", ["a", "b", "c"])
    assert [one["sentence"] for one in found] == [
        "a: trees at all 3 seeds.",
        "b: together at 2 seeds, a blend at 1 seed.",
        f"c: together at all 3 seeds ({few}).",
    ]
    assert [one["by"] for one in found[1]["by_seed"]] == ["joint", "blend", "joint"]
