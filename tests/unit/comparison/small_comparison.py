"""What the tests of a comparison ask for, and who listens to it."""

SECTION = {"seeds": 3, "learning_rates": [0.004, 0.01], "references": ["single_task"]}


class Counter:
    def __init__(self):
        self.jobs, self.titles = 0, []

    def total(self, jobs):
        self.jobs = jobs

    def done(self, title, reason, where):
        self.titles.append((title, reason, where))

    def running(self, jobs): ...
