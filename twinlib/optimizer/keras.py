"""Optimizers of Keras, where needed changed so that they take the steps of torch's."""

from collections.abc import Sequence

import keras
from keras import KerasTensor, ops


def adam(lr: float, betas: Sequence[float] = (0.9, 0.999), eps: float = 1e-7) -> keras.optimizers.Optimizer:
    """Adam (Kingma & Ba 2015, algorithm 1)."""
    return Adam(lr, *betas, eps)


def adamw(
    lr: float, betas: Sequence[float] = (0.9, 0.999), eps: float = 1e-7, weight_decay: float = 1e-2
) -> keras.optimizers.Optimizer:
    """Adam after a step in which every parameter loses `lr * weight_decay` of itself (Loshchilov & Hutter 2019)."""
    return Adam(lr, *betas, eps, weight_decay=weight_decay)


def sgd(lr: float, momentum: float = 0.9, nesterov: bool = False) -> keras.optimizers.Optimizer:
    """Gradient descent: `m = momentum * m + g`, then minus `lr * m`, or `lr * (g + momentum * m)` with `nesterov`."""
    return SGD(lr, float(momentum), nesterov)


def rmsprop(lr: float, rho: float = 0.9, eps: float = 1e-7) -> keras.optimizers.Optimizer:
    """Minus `lr * g / (sqrt(v) + eps)` with `v`, from 0, the mean of `g²` that forgets by `rho`."""
    return RMSprop(lr, rho, epsilon=eps)


class Adam(keras.optimizers.Adam):
    """`adam`: Keras adds eps before the bias correction, which makes it 30 times as large in the first step."""

    def update_step(self, gradient: KerasTensor, variable: keras.Variable, learning_rate: KerasTensor) -> None:
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]
        self.assign_add(momentum, (gradient - momentum) * (1 - self.beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity) * (1 - self.beta_2))
        # The bias corrections are float64: 1 - 0.999 would lose three digits.
        steps = ops.cast(self.iterations + 1, "float64")
        first, second = 1 - ops.power(self.beta_1, steps), ops.sqrt(1 - ops.power(self.beta_2, steps))
        rate = ops.cast(ops.cast(learning_rate, "float64") * second / first, variable.dtype)
        eps = ops.cast(self.epsilon * second, variable.dtype)
        self.assign_sub(variable, rate * momentum / (ops.sqrt(velocity) + eps))


class SGD(keras.optimizers.SGD):
    """`sgd`: Keras scales each gradient by the learning rate of its own step, torch all by that of this step."""

    def update_step(self, gradient: KerasTensor, variable: keras.Variable, learning_rate: KerasTensor) -> None:
        lr = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        if self.momentum:
            momentum = self.momentums[self._get_variable_index(variable)]
            self.assign(momentum, momentum * self.momentum + gradient)
            gradient = gradient + self.momentum * momentum if self.nesterov else momentum
        self.assign_sub(variable, lr * gradient)


class RMSprop(keras.optimizers.RMSprop):
    """`rmsprop`: Keras adds eps under the root."""

    def update_step(self, gradient: KerasTensor, variable: keras.Variable, learning_rate: KerasTensor) -> None:
        lr = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        velocity = self._velocities[self._get_variable_index(variable)]
        self.assign(velocity, self.rho * velocity + (1 - self.rho) * ops.square(gradient))
        self.assign_sub(variable, lr * gradient / (ops.sqrt(velocity) + self.epsilon))
