import subprocess
import sys

CODE = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ImportError(name)

sys.meta_path.insert(0, NoTorch())
import keras, numpy as np
import cotrain.keras
from cotrain._base import CotrainError
from cotrain.balancing import UPGrad
inputs = keras.Input((4,))
hidden = keras.layers.Dense(3)(inputs)
outputs = {name: keras.layers.Dense(1)(hidden) for name in ("a", "b")}
model = cotrain.keras.MultiTaskModel(inputs, outputs, balancer=UPGrad())
model.compile("sgd", "mse")
model.fit(np.ones((4, 4)), {"a": np.ones(4), "b": np.ones(4)}, verbose=0)
try:
    cotrain.keras.table_data
except CotrainError as error:
    print(error)
assert "torch" not in sys.modules
"""


def test_balancing_in_keras_needs_no_pytorch_and_tables_say_that_they_do():
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().splitlines()[-1] == (
        "cotrain.keras.table_data needs the package 'torch', which is not installed: run pip install torch."
    )
