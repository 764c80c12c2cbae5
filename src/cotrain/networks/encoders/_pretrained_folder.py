"""The folder of a pre-trained transformer: its configuration, and its weights as safetensors alone."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from cotrain._base import InvalidArgumentError, did_you_mean

CONFIG, WEIGHTS, SHARDS = "config.json", "model.safetensors", "model.safetensors.index.json"
#: Types of model whose layers follow one another with nothing between them -> where they lie.
LAYERS = {
    "bert": "encoder.layer",
    "camembert": "encoder.layer",
    "distilbert": "transformer.layer",
    "electra": "encoder.layer",
    "roberta": "encoder.layer",
    "xlm-roberta": "encoder.layer",
}
#: Of these the first place has the number behind that of the padding.
PLACES_BEHIND_PADDING = ("camembert", "roberta", "xlm-roberta")
#: What older files call the weights of a norm.
_OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


def read_model_config(folder: str) -> dict[str, Any]:
    """Return what stands in a folder's config.json, having seen that its weights are there.

    Raises:
        InvalidArgumentError: there is no such folder, it is not that of a model, or has other weights only.
    """
    path = Path(folder)
    if not path.is_dir():
        raise InvalidArgumentError(
            f"PretrainedTransformer(folder={folder!r}): there is no such folder; a model is read from disk "
            "only: save one there with transformers' save_pretrained, with its tokenizer."
        )
    if not (path / CONFIG).is_file():
        raise InvalidArgumentError(
            f"PretrainedTransformer(folder={folder!r}): there is no {CONFIG} in it: give the folder into "
            "which transformers' save_pretrained has written a model."
        )
    if not weight_files(folder):
        pickled = sorted(file.name for file in [*path.glob("*.bin"), *path.glob("*.pt")])
        has = f"has {pickled[0]} alone, which is pickled and could run code" if pickled else "has no weights"
        raise InvalidArgumentError(
            f"PretrainedTransformer(folder={folder!r}): it {has}: save the model once with transformers, "
            "save_pretrained(folder), which writes model.safetensors."
        )
    try:
        found = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidArgumentError(
            f"PretrainedTransformer(folder={folder!r}): {CONFIG} is damaged ({error})."
        ) from error
    if not isinstance(found, dict):
        raise InvalidArgumentError(f"PretrainedTransformer(folder={folder!r}): {CONFIG} is no mapping.")
    return found


def require_layers(config: Mapping[str, Any]) -> str:
    """Return the type of a model, having seen that its layers can be taken one by one."""
    kind = str(config.get("model_type"))
    if kind not in LAYERS:
        hint = did_you_mean(kind, LAYERS)
        raise InvalidArgumentError(
            f"PretrainedTransformer reads models of the types {', '.join(LAYERS)}, and this one is of the "
            f"type {kind!r}" + (f": {hint}" if hint.startswith("did you mean") else ".")
        )
    return kind


def weight_files(folder: str) -> list[Path]:
    """Return the files with a model's weights; none where there are no safetensors."""
    path = Path(folder)
    if (path / WEIGHTS).is_file():
        return [path / WEIGHTS]
    if not (path / SHARDS).is_file():
        return []
    listed = json.loads((path / SHARDS).read_text(encoding="utf-8"))["weight_map"].values()
    # A name of a file only: the list must not lead out of the folder.
    return sorted(path / Path(name).name for name in set(listed))


def fingerprint_of(folder: str) -> str:
    """Return the SHA-256 of a model's weights, as hexadecimal digits."""
    files = weight_files(folder)
    stats = [file.stat() for file in files]
    return _fingerprint(tuple(files), tuple((stat.st_size, stat.st_mtime_ns) for stat in stats))


@functools.lru_cache(maxsize=8)
def _fingerprint(files: tuple[Path, ...], states: tuple[tuple[int, int], ...]) -> str:
    """Hash files once as long as size and time of change stay: there may be gigabytes of them."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def read_model_weights(folder: str, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Return the weights of a model's embeddings and layers, float32.

    Args:
        folder: of the model; whatever heads it has are left aside.
        wanted: name of each weight as the bare model has it -> its shape.

    Raises:
        InvalidArgumentError: one is absent or of another shape, or a file is damaged.
    """
    found: dict[str, Tensor] = {}
    anchor = next(iter(wanted))
    try:
        for path in weight_files(folder):
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - not a dict
                    found[_now_called(name)] = file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise InvalidArgumentError(
            f"PretrainedTransformer(folder={folder!r}): the weights cannot be read ({error})."
        ) from error
    # A model that was saved with a head has its name before that of each weight.
    prefix = next((name.removesuffix(anchor) for name in found if name.endswith(anchor)), "")
    for name, shape in wanted.items():
        there = found.get(prefix + name)
        if there is None or tuple(there.shape) != shape:
            what = "is absent" if there is None else f"has the shape {list(there.shape)}"
            raise InvalidArgumentError(
                f"PretrainedTransformer(folder={folder!r}): the weight {name!r} {what}, and by {CONFIG} it "
                f"has the shape {list(shape)}: save model and configuration together."
            )
    return {name: found[prefix + name].to(torch.float32) for name in wanted}


def _now_called(name: str) -> str:
    for old, new in _OLD_NAMES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name
