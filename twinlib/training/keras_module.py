"""A Keras model in training: its steps, its evaluation, and all that they change."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from twinlib.config.build import build
from twinlib.errors import UserError
from twinlib.training.course import parts
from twinlib.training.keras_backend import keras, tf
from twinlib.training.keras_draws import Draws
from twinlib.training.keras_replicas import Replicas

OUTPUTS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "identity": tf.identity,
    "sigmoid": tf.sigmoid,
    "softmax": tf.nn.softmax,
}


class Module:
    """A model, its loss and its optimizer, and the functions that TensorFlow makes of them: one trace a batch shape.

    To be made in the scope of `replicas`, each of which has a copy.
    """

    def __init__(self, config: dict[str, Any], replicas: Replicas, jit_compile: bool) -> None:
        self.config = config
        self.replicas = replicas
        self.real = real(config["strategy"]["precision"])
        self.model = built(config)
        self.synchronized = _synchronized(self.model, config["strategy"]["name"])
        self.loss = build(config["loss"])
        self.output = OUTPUTS[config["output"]]
        self.optimizer = _optimizer(config)
        self.optimizer.build(self.model.trainable_variables)
        self.draws = Draws(self.model, replicas)
        self.best: list[np.ndarray] | None = None
        # XLA compiles for one device: all of a step, or of several devices what each does by itself.
        alone = replicas.count == 1
        self.gradients, self.forward = self._gradients, self._forward
        if jit_compile and not alone:
            if self.synchronized:
                raise UserError(
                    "trainer.jit_compile: XLA cannot compile a BatchNormalization over several devices; set it to false"
                )
            self.gradients = tf.function(self._gradients, jit_compile=True)
            self.forward = tf.function(self._forward, jit_compile=True)
        self.step = tf.function(self._step, jit_compile=jit_compile and alone)
        self.losses_and_predictions = tf.function(self._losses_and_predictions, jit_compile=jit_compile and alone)

    def require_samples(self, split: int) -> None:
        """Refuse batches of which a copy gets nothing, where the others would wait for it in a layer.

        Parameters
        ----------
        split
            Samples of the training split.

        Raises
        ------
        UserError
            The last batch of an epoch is such a one.
        """
        last = split % self.config["batch_size"]
        if self.synchronized and 0 < last < self.replicas.count:
            raise UserError(
                f"batch_size={self.config['batch_size']}: leaves {last} {'sample' if last == 1 else 'samples'} for the "
                f"last batch, and BatchNormalization needs one on each of {self.replicas.count} devices; choose another"
            )

    def begin_epoch(self, epoch: int) -> None:
        self.draws.begin_epoch(self.config["seed"], epoch)

    def train(self, inputs: np.ndarray, targets: np.ndarray, samples: int, learning_rate: float) -> tf.Tensor:
        """One step of the optimizer on a batch of `samples`, of which this node has a part.

        Returns
        -------
        The sum of the losses of the whole batch before the step, float64.
        """
        # A tensor: a Python number would be a new trace at each step.
        rate = tf.constant(learning_rate, self.real)
        return self.step(self.replicas.divided(inputs, targets), samples, rate)

    def _step(self, batch: list[tuple[tf.Tensor, tf.Tensor]], samples: int, learning_rate: tf.Tensor) -> tf.Tensor:
        loss_sums = self.replicas.strategy.run(self._step_of_one, (batch, samples, learning_rate))
        return self.replicas.local(loss_sums)[0]

    def _step_of_one(
        self, batch: list[tuple[tf.Tensor, tf.Tensor]], samples: int, learning_rate: tf.Tensor
    ) -> tf.Tensor:
        replicas, variables = self.replicas, self.model.trainable_variables
        inputs, targets = replicas.mine(batch)
        if inputs.shape[0]:
            gradients, loss_sum = self.gradients(inputs, targets, samples)
        else:
            gradients, loss_sum = [tf.zeros_like(variable) for variable in variables], tf.zeros((), tf.float64)
        gradients = self._clipped(replicas.summed(gradients))
        self.optimizer.learning_rate = learning_rate
        self.optimizer.apply(gradients, variables)
        return replicas.summed([loss_sum])[0]

    def _gradients(self, inputs: tf.Tensor, targets: tf.Tensor, samples: int) -> tuple[list[tf.Tensor], tf.Tensor]:
        """What one copy of the model adds to the gradient, and to the sum of the losses, of a batch of `samples`."""
        variables = self.model.trainable_variables
        gradients: list[tf.Tensor] = []
        loss_sum = tf.zeros((), tf.float64)
        # Copies that wait for each other in a layer need equally many parts.
        fewest = min(part.stop - part.start for part in self.replicas.slices(samples))
        for part in parts(inputs.shape[0], min(self.config["accumulate"], max(fewest, 1))):
            # One part after the other: side by side they would need the memory of the whole batch.
            with tf.control_dependencies(gradients), tf.GradientTape() as tape:
                losses = self.loss(self._call(inputs[part], training=True), targets[part])
                # What layers add to the loss (kernel_regularizer and the like) counts once a batch.
                penalty = sum(self.model.losses) * (losses.shape[0] / samples)
                scaled = self.optimizer.scale_loss(tf.reduce_sum(losses) / samples + penalty)
            more = tape.gradient(scaled, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            gradients = [sum(pair) for pair in zip(gradients, more, strict=True)] if gradients else more
            loss_sum += tf.reduce_sum(tf.cast(losses, tf.float64))
        return gradients, loss_sum

    def _clipped(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Clip by norm and then by value; both limits are scaled as 16-mixed has scaled the gradient."""
        clip_norm, clip_value = self.config["clip_norm"], self.config["clip_value"]
        scale = self.optimizer.scale_loss(tf.ones((), self.real))
        if clip_norm:
            factor = tf.minimum(1.0, clip_norm * scale / tf.linalg.global_norm(gradients))
            gradients = [gradient * factor for gradient in gradients]
        if clip_value:
            gradients = [tf.clip_by_value(gradient, -clip_value * scale, clip_value * scale) for gradient in gradients]
        return gradients

    def measure(self, inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Losses, shape (n,), and predictions, shape (n, …), of one batch that all nodes have read."""
        losses, predictions = self.losses_and_predictions(self.replicas.of_node(inputs, targets), len(inputs))
        return losses.numpy(), predictions.numpy()

    def _losses_and_predictions(
        self, batch: list[tuple[tf.Tensor, tf.Tensor]], samples: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        losses, predictions = self.replicas.strategy.run(self._measure_of_one, (batch, samples))
        return self.replicas.local(losses)[0], self.replicas.local(predictions)[0]

    def _measure_of_one(self, batch: list[tuple[tf.Tensor, tf.Tensor]], samples: int) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, targets = self.replicas.mine(batch)
        size = inputs.shape[0]
        if not size:  # some operations refuse an empty batch
            inputs, targets = (tf.zeros((1, *array.shape[1:]), array.dtype) for array in (inputs, targets))
        losses, predictions = (array[:size] for array in self.forward(inputs, targets))
        return self.replicas.joined(losses, samples), self.replicas.joined(predictions, samples)

    def _forward(self, inputs: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        raw = self._call(inputs, training=False)
        return self.loss(raw, targets), self.output(raw)

    def _call(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        return tf.cast(self.model(tf.cast(inputs, self.real), training=training), self.real)

    def keep(self) -> None:
        """These are the best weights so far."""
        self.best = self.model.get_weights()

    def take_best(self) -> None:
        if self.best is not None:
            self.model.set_weights(self.best)

    def arrays(self) -> dict[str, np.ndarray]:
        """All that an epoch leaves to the next, scale of the loss and best weights included."""
        arrays = {name: np.asarray(variable.numpy()) for name, variable in self._variables().items()}
        return arrays | {f"best/{number}": array for number, array in enumerate(self.best or [])}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from `arrays`."""
        for name, variable in self._variables().items():
            variable.assign(arrays[name])
        best = [arrays[f"best/{number}"] for number in range(len(self.model.weights)) if f"best/{number}" in arrays]
        self.best = best or None

    def _variables(self) -> dict[str, Any]:
        # What layers draw is set anew in each epoch.
        named = {"model": self.model.weights, "optimizer": self.optimizer.variables}
        return {f"{name}/{number}": each for name, variables in named.items() for number, each in enumerate(variables)}

    def require_equal_copies(self) -> None:
        """Refuse a layer that learns something from its device's samples alone.

        Raises
        ------
        UserError
            What it has learned differs between the devices.
        """
        if self.replicas.count == 1:
            return
        for variable in self.model.non_trainable_weights:
            first, *others = (copy.numpy() for copy in self.replicas.local(variable.value))
            told = self.replicas.told(float(np.float64(first).sum())) if self.replicas.nodes > 1 else np.zeros(1)
            if any((other != first).any() for other in others) or len(set(told.tolist())) > 1:
                raise UserError(
                    f"model: {variable.path} differs between devices; a layer that learns from its batch beside the "
                    "gradient has to average over all of them, as BatchNormalization(synchronized=True)"
                )


def built(config: Mapping[str, Any]) -> keras.Model:
    """The model of a config, with weights."""
    model = build(config["model"])
    if not model.built:
        raise UserError(f"model: {config['model']['_target_']} has no weights; let it begin with keras.Input(shape)")
    return model


def real(precision: str) -> tf.DType:
    """The type of losses and predictions."""
    return tf.float64 if precision == "64" else tf.float32


def _optimizer(config: Mapping[str, Any]) -> Any:
    optimizer = build(config["optimizer"])(lr=config["lr"])
    # Keras's own would add up what the devices have, which we have done before clipping.
    optimizer._all_reduce_sum_gradients = list
    if config["strategy"]["precision"] == "16-mixed":
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def _synchronized(model: keras.Model, strategy: str) -> bool:
    """Whether copies of the model wait for each other in a layer; under data_parallel each normalization has to."""
    layers = [each for each in model._flatten_layers() if isinstance(each, keras.layers.BatchNormalization)]
    if strategy != "single":
        for layer in layers:
            if not layer.synchronized:
                raise UserError(
                    f"model: layer {layer.name} would normalize each device's samples by themselves under "
                    f"strategy={strategy}; write BatchNormalization(synchronized=True)"
                )
    return any(layer.synchronized for layer in layers)
