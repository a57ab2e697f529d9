"""Methods that need no more than the gradient of all residuals."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from twinlib.physics.residuals import Residuals


class Adam:
    """Adam on all points at once (Kingma & Ba 2015)."""

    def __init__(self, residuals: Residuals, lr: float = 1e-3, betas: Sequence[float] = (0.9, 0.999)) -> None:
        self.lr = lr
        self._residuals = residuals
        self._adam = torch.optim.Adam(residuals.parameters, lr=lr, betas=tuple(betas))  # type: ignore[arg-type]

    def step(self) -> bool:
        self._adam.zero_grad()
        self._residuals.backward()
        self._adam.step()
        return True

    def state(self) -> dict[str, Any]:
        """All that its next step depends on beside the parameters: tensors and numbers, in dictionaries and lists."""
        return {str(number): dict(each) for number, each in self._adam.state_dict()["state"].items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the one would whose `state` this is."""
        whole = self._adam.state_dict()
        self._adam.load_state_dict({**whole, "state": {int(number): each for number, each in state.items()}})


class Soap:
    """Adam in the basis in which Shampoo preconditions: that of the gradients' covariances (Vyas et al. 2024).

    Each matrix of weights has two bases, of its rows and of its columns. They are found anew every `frequency` steps by
    one step of the power method from the last ones. All other parameters are Adam's.

    Parameters
    ----------
    betas
        Of the mean of the gradients, and of their squares and covariances.
    frequency
        Steps, from one basis to the next.
    """

    def __init__(
        self, residuals: Residuals, lr: float = 3e-3, betas: Sequence[float] = (0.95, 0.95), frequency: int = 10
    ) -> None:
        self.lr = lr
        self._residuals = residuals
        self._betas = betas
        self._frequency = frequency
        self._steps = 0
        self._states: list[dict[str, Tensor]] = [{} for _ in residuals.parameters]

    def step(self) -> bool:
        for parameter in self._residuals.parameters:
            parameter.grad = None
        self._residuals.backward()
        self._steps += 1
        with torch.no_grad():
            for parameter, state in zip(self._residuals.parameters, self._states, strict=True):
                if parameter.grad is not None:
                    parameter.sub_(self.lr * self._direction(parameter.grad, state))
        return True

    def state(self) -> dict[str, Any]:
        """As that of `Adam`."""
        return {"steps": self._steps, "parameters": [dict(state) for state in self._states]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the one would whose `state` this is."""
        self._steps = int(state["steps"])
        self._states = [dict(each) for each in state["parameters"]]

    def _direction(self, gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
        first, second = self._betas
        if not state:
            state |= {"mean": torch.zeros_like(gradient), "square": torch.zeros_like(gradient)}
            if gradient.ndim == 2:
                state |= {"rows": gradient @ gradient.T, "columns": gradient.T @ gradient}
                for side in ("rows", "columns"):
                    # Contiguous: so they are too when they come from a file, and products round alike.
                    state[f"basis_{side}"] = torch.linalg.eigh(state[side]).eigenvectors.contiguous()
        state["mean"].lerp_(gradient, 1 - first)
        turned, mean = _into(gradient, state), _into(state["mean"], state)
        state["square"].lerp_(turned * turned, 1 - second)
        size = (state["square"] / (1 - second**self._steps)).sqrt() + 1e-8
        direction = _out_of(mean / (1 - first**self._steps) / size, state)
        if gradient.ndim == 2:
            state["rows"].lerp_(gradient @ gradient.T, 1 - second)
            state["columns"].lerp_(gradient.T @ gradient, 1 - second)
            if self._steps % self._frequency == 0:
                self._turn(state)
        return direction

    def _turn(self, state: dict[str, Tensor]) -> None:
        """New bases, their directions in the order of their size; the squares keep their directions."""
        for axis, side in enumerate(("rows", "columns")):
            covariance, basis = state[side], state[f"basis_{side}"]
            order = (basis * (covariance @ basis)).sum(dim=0).argsort(descending=True)
            state["square"] = state["square"].index_select(axis, order)
            state[f"basis_{side}"] = torch.linalg.qr(covariance @ basis[:, order]).Q.contiguous()


def _into(matrix: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    if "basis_rows" not in state:
        return matrix
    return state["basis_rows"].T @ matrix @ state["basis_columns"]


def _out_of(matrix: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    if "basis_rows" not in state:
        return matrix
    return state["basis_rows"] @ matrix @ state["basis_columns"].T
