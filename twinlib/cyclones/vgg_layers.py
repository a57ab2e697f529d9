"""The layers of the networks VGG_V1, VGG_V2 and VGG_V3, and what their settings mean.

As in https://github.com/interTwin-eu/itwinai, use-cases/cyclones/cyclones_vgg.py, whose names and values these are;
VGG_V1 is the network of Accarino et al. (2023).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from twinlib.errors import UserError


@dataclass(frozen=True)
class Convolution:
    """Square kernel, stride 1; `same` pads by zeros (an even kernel's odd one below and to the right), else none."""

    filters: int
    kernel: int
    same: bool


@dataclass(frozen=True)
class Pool:
    """Maximum of each 2 x 2 elements."""


Convolutions = tuple[Convolution | Pool, ...]


@dataclass(frozen=True)
class Layers:
    """Convolutions and pools in their order, then the widths of the hidden dense layers."""

    convolutions: Convolutions
    dense: tuple[int, ...]


def _times(count: int, filters: int, kernel: int, same: bool = True) -> Convolutions:
    return count * (Convolution(filters, kernel, same),)


POOL: Convolutions = (Pool(),)
HALVED: Convolutions = (*_times(3, 32, 3), *POOL, *_times(3, 64, 3), *POOL, *_times(3, 128, 3), *POOL)
NETWORKS = {
    "VGG_V1": Layers(
        (
            *(*_times(3, 64, 3), *POOL, *_times(2, 128, 3), *POOL, *_times(2, 256, 2), *POOL),
            *(*_times(3, 512, 2, same=False), *POOL),
        ),
        (512, 256, 128, 64),
    ),
    "VGG_V2": Layers((*HALVED, *_times(3, 256, 2), *_times(4, 512, 2, same=False)), (1024, 512, 256, 128)),
    "VGG_V3": Layers(
        (*HALVED, *_times(3, 256, 3), *_times(2, 512, 2, same=False), *_times(2, 1024, 2, same=False)),
        (1024, 512, 512, 256),
    ),
}
ACTIVATIONS = ("RELU", "LINEAR", "SIGMOID", "TANH")
# name: (l1, l2), factors of the sums of |w| and w² over the kernels of the hidden layers
REGULARIZATION = {
    "NONE": (0.0, 0.0),
    "WEAK": (0.0, 1e-4),
    "MEDIUM": (1e-4, 1e-4),
    "STRONG": (1e-3, 1e-3),
    "VERY_STRONG": (1e-2, 1e-2),
}


def layers_of(network: str, activation: str, regularization_strength: str, input_shape: Sequence[int]) -> Layers:
    """The layers of a network, once all its settings are known to be right.

    Raises
    ------
    UserError
        A name that there is not, or an image of which the convolutions leave nothing.
    """
    for key, value, known in (
        ("network", network, NETWORKS),
        ("activation", activation, ACTIVATIONS),
        ("regularization_strength", regularization_strength, REGULARIZATION),
    ):
        _require(key, value, known)
    layers = NETWORKS[network]
    if min(size for sizes in sizes_of(layers, input_shape) for size in sizes) < 1:
        raise UserError(f"model.network: {network} leaves nothing of {list(input_shape[:2])} points; it is made for 40")
    return layers


def sizes_of(layers: Layers, input_shape: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Rows and columns after each convolution and pool."""
    rows, columns = input_shape[:2]
    for layer in layers.convolutions:
        if isinstance(layer, Pool):
            rows, columns = rows // 2, columns // 2
        elif not layer.same:
            rows, columns = rows - layer.kernel + 1, columns - layer.kernel + 1
        yield rows, columns


def _require(key: str, value: str, known: Mapping[str, object] | Sequence[str]) -> None:
    if value not in known:
        raise UserError(f"model.{key} is {value}; use one of {', '.join(known)}")
