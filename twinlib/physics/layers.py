"""Layers that map jets (see `derivatives`) and of which a Jacobian can tell what each point has in it.

A gradient of a sum over points, taken at the outputs of a layer, still has a row for each point. With what the layer
was given it says the derivatives of each point by the layer's parameters, without a further reverse pass.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Taped(nn.Module):
    """A layer that, while `taped`, keeps what it was given and what it made of it. It is called once in a network."""

    def __init__(self) -> None:
        super().__init__()
        self.taped = False
        self.tape: list[tuple[Tensor, Tensor]] = []

    def own(self) -> list[nn.Parameter]:
        """The parameters, in the order of the columns of `rows`."""
        return list(self.parameters(recurse=False))

    def rows(self, given: Tensor, gradient: Tensor, block: Tensor) -> None:
        """Write the derivatives of each point by the parameters.

        Parameters
        ----------
        given, gradient
            The jet that came in and the gradient by the one that went out, shape (coefficients, n, features).
        block
            Shape (n, parameters); all of it is written.
        """
        raise NotImplementedError

    def kept(self, given: Tensor, out: Tensor) -> Tensor:
        """`out`, taped."""
        if self.taped:
            self.tape.append((given, out))
        return out


class Affine(Taped):
    """z = W a + b on every coefficient of a jet; the constant b has no derivatives.

    Parameters
    ----------
    uniform
        Weights are drawn evenly from -uniform … uniform; without it, from a normal distribution of the variance
        2 / (inputs + outputs) (Glorot & Bengio 2010).
    bias
        To begin with; `phases` draws it evenly from -bias … bias.
    """

    def __init__(
        self, inputs: int, outputs: int, uniform: float | None = None, bias: float = 0.0, phases: bool = False
    ) -> None:
        super().__init__()
        if uniform is None:
            weight = torch.randn(outputs, inputs) * (2 / (inputs + outputs)) ** 0.5
        else:
            weight = (2 * torch.rand(outputs, inputs) - 1) * uniform
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter((2 * torch.rand(outputs) - 1) * bias if phases else torch.full((outputs,), bias))

    def forward(self, jet: Tensor) -> Tensor:
        rows, n, features = jet.shape
        out = torch.mm(jet.reshape(rows * n, features), self.weight.T).view(rows, n, -1)
        # One sum over all: to take the first coefficient out and put it back would copy the rest.
        constant = nn.functional.pad(self.bias.view(1, 1, -1), (0, 0, 0, 0, 0, rows - 1))
        return self.kept(jet, out + constant)

    def rows(self, given: Tensor, gradient: Tensor, block: Tensor) -> None:
        size = self.weight.numel()
        products = block[:, :size].unflatten(1, self.weight.shape)
        # Coefficient by coefficient: batched products of matrices as small as these take several times as long.
        torch.mul(gradient[0, :, :, None], given[0, :, None, :], out=products)
        for left, right in zip(gradient[1:], given[1:], strict=True):
            products.addcmul_(left[:, :, None], right[:, None, :])
        block[:, size:] = gradient[0]


class Scale(Taped):
    """Each feature, or all of them, times a trained factor: a z, or e^s z."""

    def __init__(self, start: Tensor, exponential: bool = False) -> None:
        super().__init__()
        self.factor = nn.Parameter(start)  # shape (features,), or (1,) for all
        self._exponential = exponential

    def forward(self, jet: Tensor) -> Tensor:
        return self.kept(jet, jet * self._factor())

    def rows(self, given: Tensor, gradient: Tensor, block: Tensor) -> None:
        each = (gradient * given).sum(dim=0)
        if self._exponential:
            each = each * self._factor().detach()
        block.copy_(each if each.shape == block.shape else each.sum(dim=1, keepdim=True))

    def _factor(self) -> Tensor:
        return self.factor.exp() if self._exponential else self.factor


class Factorised(nn.Module):
    """An affine layer diag(e^s) (V a + b) with trained s (random weight factorisation, Wang et al. 2022).

    The layer that it begins as is drawn as usual; s is drawn from a normal distribution and V follows.

    Parameters
    ----------
    mean, deviation
        Of s.
    """

    def __init__(self, inputs: int, outputs: int, mean: float = 1.0, deviation: float = 0.1) -> None:
        super().__init__()
        self.affine = Affine(inputs, outputs)
        logarithms = mean + deviation * torch.randn(outputs)
        with torch.no_grad():
            self.affine.weight.div_(logarithms.exp()[:, None])
        self.scale = Scale(logarithms, exponential=True)

    def forward(self, jet: Tensor) -> Tensor:
        return self.scale(self.affine(jet))  # type: ignore[no-any-return]


def taped_layers(model: nn.Module) -> Iterator[Taped]:
    """All of a model, in the order of its parameters."""
    for module in model.modules():
        if isinstance(module, Taped):
            yield module
