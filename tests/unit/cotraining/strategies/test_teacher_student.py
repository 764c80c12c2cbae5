import pytest

from cotrain.cotraining import TeacherStudent

from .recording import named


@pytest.mark.parametrize(
    ("teachers", "wanted"),
    [
        ("single", ["teacher of sold", "teacher of price", "student"]),
        ("joint", ["joint teacher", "student"]),
        ("both", ["teacher of sold", "teacher of price", "joint teacher", "student"]),
        ("estimators", ["estimators", "student"]),
    ],
)
def test_the_student_is_last_learns_from_all_teachers_and_answers_alone(teachers, wanted):
    strategy = TeacherStudent(teachers)
    assert named(strategy) == wanted
    last = len(wanted) - 1
    assert strategy.teachers(last, len(wanted)) == list(range(last))
    assert all(strategy.teachers(number, len(wanted)) == [] for number in range(last))
    assert strategy.answering(len(wanted)) == [last]
