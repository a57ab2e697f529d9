"""A convolutional encoder and one decoder for each output, in torch."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from twinlib.models.glorot import glorot
from twinlib.models.strides import ENCODER, decoder_strides, padding


def encoder_decoder(
    input_shape: Sequence[int],
    outputs: int,
    filters: Sequence[int] = (128, 512),
    dense: int = 1024,
    decoder: Sequence[int] = (512, 256, 32),
) -> nn.Module:
    """The network of Guo, Li & Iorio (2016, doi:10.1145/2939672.2939738), with outputs of any sign.

    Convolutions 16x16 and 4x4, a dense layer, and for each output four transposed convolutions; strides equal
    kernels, ReLU in between. The model takes (n, channels, rows, columns) and gives (n, outputs, rows, columns).

    Parameters
    ----------
    input_shape
        rows, columns, channels; rows and columns multiples of 32.
    outputs
        Channels of the output.
    filters
        Channels of the two convolutions.
    dense
        Width of the dense layer, which is all that the decoders know of the image.
    decoder
        Channels of the first three transposed convolutions.

    Raises
    ------
    UserError
        The image has another size.
    """
    strides = decoder_strides(input_shape)
    below, right = padding(input_shape)
    layers: list[nn.Module] = [nn.ZeroPad2d((0, right, 0, below))]
    for before, after, stride in zip((input_shape[-1], *filters), filters, ENCODER, strict=False):
        layers += [nn.Conv2d(before, after, stride, stride=stride), nn.ReLU()]
    pixels = (input_shape[0] + below) * (input_shape[1] + right) // prod(ENCODER) ** 2
    layers += [nn.Flatten(), nn.Linear(pixels * filters[-1], dense), nn.ReLU(), nn.Unflatten(1, (dense, 1, 1))]
    return glorot(EncoderDecoder(nn.Sequential(*layers), [_decoder(dense, decoder, strides) for _ in range(outputs)]))


class EncoderDecoder(nn.Module):
    """One encoder, several decoders."""

    def __init__(self, encoder: nn.Module, decoders: list[nn.Module]) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoders = nn.ModuleList(decoders)

    def forward(self, images: Tensor) -> Tensor:
        code = self.encoder(images)
        return torch.cat([decoder(code) for decoder in self.decoders], dim=1)


def _decoder(dense: int, channels: Sequence[int], strides: Sequence[tuple[int, int]]) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after, stride in zip((dense, *channels), (*channels, 1), strides, strict=True):
        layers += [nn.ConvTranspose2d(before, after, stride, stride=stride), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
