"""Training and using Keras models on TensorFlow.

The steps are taken here and not by `fit`, so that every key means what it means in torch.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from twinlib.config.build import build
from twinlib.data.dataset import Dataset
from twinlib.errors import UserError
from twinlib.training.course import Course, parts
from twinlib.training.memory import keep_freed_memory
from twinlib.training.outcome import Outcome, Report, Silent
from twinlib.training.quiet import without_greetings

# Both are read once, on import.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with without_greetings():
    import keras
    import tensorflow as tf

# The environment is written to, not read.
__code_deps__: list[str] = []

WEIGHTS = "weights.weights.h5"
OUTPUTS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "identity": tf.identity,
    "sigmoid": tf.sigmoid,
    "softmax": tf.nn.softmax,
}
POLICIES = {"32": "float32", "64": "float64", "bf16-mixed": "mixed_bfloat16", "16-mixed": "mixed_float16"}


def train(
    *,
    config: dict[str, Any],
    dataset: Dataset,
    folder: Path,
    report: Report | None = None,
    framework: str = "keras",
    deterministic: bool = True,
    jit_compile: bool = False,
    steps: int | None = None,
) -> Outcome:
    """Train the model of `config`, evaluate it, and leave its weights in `folder`.

    Parameters
    ----------
    config
        The whole resolved config.
    deterministic
        Refuse operations whose result varies from run to run; it stays so in this process.
    jit_compile
        Compile each step by XLA.
    steps
        At most so many batches in each epoch and evaluation; None: all.

    Raises
    ------
    UserError
        A loss is not finite, or this machine cannot honour the config.
    """
    if jit_compile and deterministic:
        raise UserError(
            "trainer.jit_compile: XLA lacks operations that are deterministic; set trainer.deterministic=false"
        )
    device = _device(config["strategy"]["accelerator"])
    precision = config["strategy"]["precision"]
    if precision == "16-mixed" and device == "CPU:0":
        raise UserError("strategy.precision=16-mixed: needs a GPU; a CPU can bf16-mixed, 32 or 64")
    keep_freed_memory()
    keras.utils.set_random_seed(config["seed"])
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    course = Course(config, dataset, report or Silent(), steps)
    with tf.device(device), _computing_in(precision):
        trained = Module(config, jit_compile)
        best = None
        while not course.over:
            course.begin_epoch()
            loss_sum = 0.0
            for inputs, targets, _ in course.batches():
                # A tensor: a Python number would be a new trace at each step.
                loss_sum += trained.step(inputs, targets, tf.constant(course.learning_rate(), trained.real))
                course.stepped()
            keep = course.end_epoch(float(loss_sum), trained.measure)
            if keep and config["checkpoint"] == "best":
                best = trained.model.get_weights()
        if best is not None:
            trained.model.set_weights(best)
        trained.model.save_weights(folder / WEIGHTS)
        return course.outcome(trained.measure, WEIGHTS)


def predictor(config: Mapping[str, Any], folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The trained model as a function: preprocessed inputs (n, …, channels) -> predictions (n, …).

    Raises
    ------
    UserError
        The weights in `folder` do not fit the model.
    """
    device = "CPU:0" if config["strategy"]["accelerator"] == "cpu" else _device("auto")
    wanted = config["strategy"]["precision"]
    precision = "32" if (wanted, device) == ("16-mixed", "CPU:0") else wanted
    with tf.device(device), _computing_in(precision):
        model = _build(config)
        try:
            model.load_weights(folder / WEIGHTS)
        except ValueError as error:
            reason = str(error).splitlines()[0].strip()
            raise UserError(f"{folder / WEIGHTS}: not the weights of {config['model']['_target_']}: {reason}") from None
    output = OUTPUTS[config["output"]]
    real = _real(precision)
    call = tf.function(lambda inputs: output(tf.cast(model(tf.cast(inputs, real), training=False), real)))

    def predict(inputs: np.ndarray) -> np.ndarray:
        if not len(inputs):  # some operations refuse an empty batch
            return predict(np.zeros((1, *inputs.shape[1:]), inputs.dtype))[:0]
        size = config["batch_size"]
        with tf.device(device):
            predictions = [call(inputs[start : start + size]).numpy() for start in range(0, len(inputs), size)]
        return np.concatenate(predictions)

    return predict


class Module:
    """A model, its loss and its optimizer, and the functions that TensorFlow makes of them: one trace a batch shape."""

    def __init__(self, config: dict[str, Any], jit_compile: bool) -> None:
        self.config = config
        self.real = _real(config["strategy"]["precision"])
        self.model = _build(config)
        self.loss = build(config["loss"])
        self.output = OUTPUTS[config["output"]]
        self.optimizer = build(config["optimizer"])(lr=config["lr"])
        if config["strategy"]["precision"] == "16-mixed":
            self.optimizer = keras.optimizers.LossScaleOptimizer(self.optimizer)
        self.optimizer.build(self.model.trainable_variables)
        self.step = tf.function(self._step, jit_compile=jit_compile)
        self.losses_and_predictions = tf.function(self._losses_and_predictions, jit_compile=jit_compile)

    def _step(self, inputs: tf.Tensor, targets: tf.Tensor, learning_rate: tf.Tensor) -> tf.Tensor:
        """One step of the optimizer on one batch -> the sum of its losses before the step, float64."""
        samples = inputs.shape[0]
        variables = self.model.trainable_variables
        gradients: list[tf.Tensor] = []
        loss_sum = tf.zeros((), tf.float64)
        for part in parts(samples, self.config["accumulate"]):
            # One part after the other: side by side they would need the memory of the whole batch.
            with tf.control_dependencies(gradients), tf.GradientTape() as tape:
                losses = self.loss(self._call(inputs[part], training=True), targets[part])
                # What layers add to the loss (kernel_regularizer and the like) counts once a batch.
                penalty = sum(self.model.losses) * (losses.shape[0] / samples)
                scaled = self.optimizer.scale_loss(tf.reduce_sum(losses) / samples + penalty)
            more = tape.gradient(scaled, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            gradients = [sum(pair) for pair in zip(gradients, more, strict=True)] if gradients else more
            loss_sum += tf.reduce_sum(tf.cast(losses, tf.float64))
        self.optimizer.learning_rate = learning_rate
        self.optimizer.apply(self._clipped(gradients), variables)
        return loss_sum

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
        """Losses, shape (n,), and predictions, shape (n, …), of one batch."""
        losses, predictions = self.losses_and_predictions(inputs, targets)
        return losses.numpy(), predictions.numpy()

    def _losses_and_predictions(self, inputs: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        raw = self._call(inputs, training=False)
        return self.loss(raw, targets), self.output(raw)

    def _call(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        return tf.cast(self.model(tf.cast(inputs, self.real), training=training), self.real)


def _build(config: Mapping[str, Any]) -> keras.Model:
    model = build(config["model"])
    if not model.built:
        raise UserError(f"model: {config['model']['_target_']} has no weights; let it begin with keras.Input(shape)")
    return model


def _device(accelerator: str) -> str:
    found = bool(tf.config.list_physical_devices("GPU"))
    if accelerator == "gpu" and not found:
        raise UserError("strategy.accelerator=gpu: TensorFlow finds no GPU here; use auto or cpu")
    return "GPU:0" if found and accelerator != "cpu" else "CPU:0"


def _real(precision: str) -> tf.DType:
    """The type of losses and predictions."""
    return tf.float64 if precision == "64" else tf.float32


@contextmanager
def _computing_in(precision: str) -> Iterator[None]:
    # 32 is what it says: without this, a GPU rounds the factors of products to 10 bits.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx(_real(precision).name)
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
