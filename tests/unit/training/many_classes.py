"""Fit many classes for a step and print by how many bytes the process has grown, in a process of its own."""

import resource
import sys

import torch

import cotrain as ct
from cotrain.balancing import ReferenceScaled
from cotrain.networks import MLP, HardSharing, InputSpec, MultiTaskNetwork
from cotrain.training import Examples, Fit


class StopFit(Exception):
    """Ends the fit after its first step."""


def peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def rows(n: int, task: ct.tasks.Multiclass) -> Examples:
    """Make n rows whose classes come in turn."""
    targets = torch.arange(n)[:, None] % task.n_outputs
    return Examples({"inputs": torch.zeros(n, 4)}, {"y": targets}, {"y": torch.ones(n, 1, dtype=torch.bool)})


def main(n_rows: int, n_classes: int) -> None:
    """Build the fit, take a step."""
    torch.set_num_threads(1)
    task = ct.tasks.Multiclass("y")
    names = [f"c{i:06d}" for i in range(n_classes)]
    task.load_state_dict({"classes": names, "merged": [], "dropped": [], "weights": [1.0] * n_classes})
    sharing = HardSharing().build(lambda: MLP((8,)).build(InputSpec(tensors={"inputs": (4,)})), ["y"])
    model = MultiTaskNetwork(sharing, {"y": task.head(8)})
    # What torch takes for its own at a first step belongs to no size.
    (torch.zeros(2, 2, requires_grad=True) @ torch.zeros(2, 2)).sum().backward()
    before, n_held = peak(), n_rows // 10
    settings = ct.Training(epochs=1, batch_size=256)
    train, held = rows(n_rows, task), rows(n_held, task)
    fit = Fit(model, [task], ReferenceScaled(), settings, train=train, validation=held)

    take_step = fit.optimizer.step

    def step_and_stop() -> None:
        take_step()
        raise StopFit

    fit.optimizer.step = step_and_stop  # type: ignore[method-assign]
    try:
        fit.run()
    except StopFit:
        print(peak() - before)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
