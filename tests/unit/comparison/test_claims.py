import pytest

from cotrain.comparison._checked_files import write_record
from cotrain.comparison._claims import judge_all
from cotrain.comparison._entry import Entry
from cotrain.evaluation import Chance, Difference
from cotrain.tasks import Regression

TASKS = [Regression("a"), Regression("b")]
CHANCE = Chance(1e-4, 400, 1e-4, 4.0)


def difference(value, chance=CHANCE):
    half = chance.half_width(0.05, value)
    return Difference(value, value - half, value + half, chance.p_value(value), 0.95, 3, 400, "rows", chance)


def record(value, *, trees=None, joint=None, learned=True, too_few=""):
    beside = {
        name: None if of is None else difference(of).to_json()
        for name, of in (("trees", trees), ("joint", joint))
    }
    return {
        "difference": difference(value).to_json(), "too_few": too_few, "learned": learned, **beside
    }  # fmt: skip


@pytest.fixture
def judged(tmp_path):
    def run(found, chosen="joint", answered=None, **unfinished):
        entries, means = [], {"trees": {"a": 0.9, "b": 0.9}, "single_task": {"a": 1.0, "b": 1.0}}
        for method, (tasks, over_all) in found.items():
            entry = Entry(method, False, differences=tmp_path / f"{method}.json")
            of_all = None if over_all is None else difference(over_all).to_json()
            write_record(entry.differences, {"tasks": tasks, "delta_m": of_all})
            if method == "answer":
                entry.answers = tmp_path / "answers.json"
                write_record(entry.answers, {"seeds": [answered]})
            entries.append(entry)
            means[method] = {"a": 1.1, "b": 1.1}
        single = Entry("single_task", True, unfinished={"a": unfinished.get("alone", [0.0])})
        entries[0].unfinished = {"a": unfinished.get("joint", [0.0])}
        return judge_all([*entries, single], chosen, TASKS, means, smallest_effect=0.01)

    return run


def test_every_method_gets_a_word_on_each_task_and_over_all(judged):
    apart, same = {"a": record(0.2), "b": record(-0.2)}, {"a": record(0.0), "b": record(0.0)}
    found = judged({"joint": (apart, 0.0), "other": (same, 0.3)})
    assert [one["word"] for one in found["verdicts"]["joint"]] == ["helped", "hurt"]
    assert [one["word"] for one in found["verdicts"]["other"]] == ["no clear difference"] * 2
    assert found["verdicts_over_all"]["joint"]["word"] == "no clear difference"
    assert found["verdicts_over_all"]["other"]["word"] == "helped"
    assert found["verdicts_on_trees"] == []


def test_many_methods_make_each_word_dearer_and_the_chosen_one_least(judged):
    value = 0.075
    tasks = {"a": record(value), "b": record(0.0)}
    alone = judged({"joint": (tasks, 0.0)})
    many = judged(dict.fromkeys(["joint", *"uvwxyz"], (tasks, 0.0)))
    p_alone, p_chosen, p_other = (
        of["verdicts"][name][0]["p_value"] for of, name in ((alone, "joint"), (many, "joint"), (many, "u"))
    )
    assert p_alone < p_chosen < p_other
    raw = CHANCE.p_value(value)
    # Alone: a half of the error for the two tasks. Among many a half of that, and a task of the others 1 /
    # 18.
    assert p_alone == pytest.approx(4 * raw)
    assert p_chosen == pytest.approx(8 * raw, rel=0.2)


def test_better_trees_are_named_beside_help(judged):
    helped = {"a": record(0.3, trees=-0.3), "b": record(0.3, trees=0.3)}
    found = judged({"joint": (helped, 0.3)})
    assert [one["word"] for one in found["verdicts_on_trees"]] == ["worse", "better"]
    first, second = found["verdicts"]["joint"]
    assert first["sentence"].endswith("but boosted trees are better.")
    assert "trees" not in second["sentence"]


def test_what_is_not_learned_not_finished_or_too_small_gets_no_word(judged):
    tasks = {"a": record(0.3), "b": record(0.3, learned=False)}
    words = [one["word"] for one in judged({"joint": (tasks, 0.3)})["verdicts"]["joint"]]
    assert words == ["helped", "learns nothing"]
    # More than half of the seeds, on either side; and then delta_m has no word either.
    for side in ("joint", "alone"):
        early = judged({"joint": (tasks, 0.3)}, **{side: [0.05, 0.0, 0.02]})
        assert early["verdicts"]["joint"][0]["word"] == "unfinished training"
        assert early["verdicts_over_all"]["joint"]["word"] == "unfinished training"
        late = judged({"joint": (tasks, 0.3)}, **{side: [0.05, 0.0, 0.005]})
        assert late["verdicts"]["joint"][0]["word"] == "helped"
    # What the last epochs still better may yet be learned.
    slow = {"a": record(0.3, learned=False), "b": record(0.3)}
    early = judged({"joint": (slow, 0.3)}, joint=[0.05])
    assert early["verdicts"]["joint"][0]["word"] == "unfinished training"
    few = {"a": record(0.3, too_few="9 labelled test rows; 10 are needed"), "b": record(0.3)}
    found = judged({"joint": (few, 0.3)}, joint=[0.5])
    assert [one["word"] for one in found["verdicts"]["joint"]] == ["unknown", "helped"]
    # An unfinished task that is not counted does not keep delta_m from its word.
    assert found["verdicts_over_all"]["joint"]["word"] == "helped"


def test_where_nothing_can_be_compared_there_are_no_words(judged):
    found = judged({"joint": ({"a": record(0.3, too_few="x"), "b": record(0.3, too_few="y")}, None)})
    assert [one["word"] for one in found["verdicts"]["joint"]] == ["unknown"] * 2
    assert found["verdicts_over_all"] == {}


def test_who_answers_is_better_or_worse_and_judged_only_where_others_ever_answer(judged):
    def by(member):
        return {"answer": {"by": member, "weights": {member: 1.0}}}

    joint = ({"a": record(0.0), "b": record(0.0)}, 0.0)
    own = ({"a": record(0.3, joint=-0.3), "b": record(0.3, joint=0.0)}, 0.3)
    found = judged({"joint": joint, "answer": own}, answered={"a": by("trees"), "b": by("joint")})
    assert [(one["task"], one["word"]) for one in found["verdicts"]["answer"]] == [("a", "better")]
    assert [(one["task"], one["word"]) for one in found["verdicts_on_answer"]] == [("a", "worse")]
    assert found["verdicts_on_answer"][0]["sentence"].startswith("a: worse (rmse 1.100, together 1.100; ")
    assert found["verdicts_over_all"]["answer"]["word"] == "better"
    # Where nobody else answers nothing is judged twice, and the other words are as dear as without.
    same = judged({"joint": joint, "answer": own}, answered={"a": by("joint"), "b": by("joint")})
    assert "answer" not in same["verdicts"]
    assert "answer" not in same["verdicts_over_all"]
    assert same == judged({"joint": joint})
