"""The balancing methods inside `keras.Model` (Keras 3 on its TensorFlow backend; extra `keras`).

`MultiTaskModel` is a functional `keras.Model` whose train step balances the tasks; it compiles, fits, saves
and loads as any other. `balance` puts one around an existing functional model.
"""

from cotrain.keras._backend import check_backend

check_backend()

# The sentence about a missing extra comes first.
from cotrain.keras._balance import balance  # noqa: E402
from cotrain.keras._elementwise_loss import Entrywise  # noqa: E402
from cotrain.keras._model import MultiTaskModel  # noqa: E402
from cotrain.keras._soft_sharing import SoftSharingLayer  # noqa: E402
from cotrain.keras._tables import TableData, table_data  # noqa: E402

__all__ = ["Entrywise", "MultiTaskModel", "SoftSharingLayer", "TableData", "balance", "table_data"]
