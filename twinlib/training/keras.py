"""Training and using Keras models on TensorFlow.

The steps are taken here and not by `fit`, so that every key means what it means in torch.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from twinlib.data.dataset import Dataset
from twinlib.errors import UserError
from twinlib.training.checkpoint import Checkpoints
from twinlib.training.course import Course
from twinlib.training.keras_backend import keras, tf
from twinlib.training.keras_module import OUTPUTS, Module, built, real
from twinlib.training.keras_replicas import replicas
from twinlib.training.memory import keep_freed_memory
from twinlib.training.outcome import Outcome, Report, Silent

WEIGHTS = "weights.weights.h5"
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
    resume: Path | None = None,
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
    resume
        Folder of this run's checkpoints: the training goes on after the last of them. None: it keeps none.

    Raises
    ------
    UserError
        A loss is not finite, or this machine cannot honour the config.
    """
    if jit_compile and deterministic:
        raise UserError(
            "trainer.jit_compile: XLA lacks operations that are deterministic; set trainer.deterministic=false"
        )
    copies = replicas(config["strategy"])
    precision = config["strategy"]["precision"]
    if precision == "16-mixed" and copies.devices[0] == "CPU:0":
        raise UserError("strategy.precision=16-mixed: needs a GPU; a CPU can bf16-mixed, 32 or 64")
    keep_freed_memory()
    keras.utils.set_random_seed(config["seed"])
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    course = Course(config, dataset, report or Silent(), steps, copies.node, copies.nodes)
    checkpoints = Checkpoints(resume, config["checkpoint_seconds"])
    with copies.meeting(), copies.scope(), _computing_in(precision, config["strategy"]["tf32"]):
        trained = Module(config, copies, jit_compile)
        trained.require_samples(dataset.size("train"))
        _restore(course, trained, checkpoints, resume)
        while not course.over:
            course.begin_epoch()
            trained.begin_epoch(course.epoch)
            loss_sum = 0.0
            for inputs, targets, samples in course.batches():
                loss_sum += trained.train(inputs, targets, samples, course.learning_rate())
                course.stepped()
            trained.require_equal_copies()
            keep = course.end_epoch(float(loss_sum), trained.measure)
            if keep and config["checkpoint"] == "best":
                trained.keep()
            if copies.node == 0 and checkpoints.due():
                checkpoints.write(course.epoch, trained.arrays(), course.state())
        trained.take_best()
        trained.model.save_weights(folder / WEIGHTS)
        return course.outcome(trained.measure, WEIGHTS)


def _restore(course: Course, trained: Module, checkpoints: Checkpoints, folder: Path | None) -> None:
    """Go on after the last checkpoint, which all nodes have to find."""
    arrays, state = checkpoints.latest() or ({}, {"epoch": 0})
    found = trained.replicas.told(state["epoch"])
    if len(set(found)) > 1:
        epochs = ", ".join(f"{epoch:.0f}" for epoch in found)
        raise UserError(f"{folder}: the nodes find the checkpoints of epochs {epochs} here; share this folder")
    if state["epoch"]:
        trained.restore(arrays)
        course.restore(state)


def predictor(config: Mapping[str, Any], folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The trained model as a function: preprocessed inputs (n, …, channels) -> predictions (n, …).

    Raises
    ------
    UserError
        The weights in `folder` do not fit the model.
    """
    on_gpu = config["strategy"]["accelerator"] != "cpu" and tf.config.list_physical_devices("GPU")
    device = "GPU:0" if on_gpu else "CPU:0"
    wanted = config["strategy"]["precision"]
    precision = "32" if (wanted, device) == ("16-mixed", "CPU:0") else wanted
    tf32 = config["strategy"].get("tf32", False)  # records of old have no such key
    with tf.device(device), _computing_in(precision, tf32):
        model = built(config)
        try:
            model.load_weights(folder / WEIGHTS)
        except ValueError as error:
            reason = str(error).splitlines()[0].strip()
            raise UserError(f"{folder / WEIGHTS}: not the weights of {config['model']['_target_']}: {reason}") from None
    output = OUTPUTS[config["output"]]
    to = real(precision)
    call = tf.function(lambda inputs: output(tf.cast(model(tf.cast(inputs, to), training=False), to)))

    def predict(inputs: np.ndarray) -> np.ndarray:
        if not len(inputs):  # some operations refuse an empty batch
            return predict(np.zeros((1, *inputs.shape[1:]), inputs.dtype))[:0]
        size = config["batch_size"]
        with tf.device(device):
            predictions = [call(inputs[start : start + size]).numpy() for start in range(0, len(inputs), size)]
        return np.concatenate(predictions)

    return predict


@contextmanager
def _computing_in(precision: str, tf32: bool = False) -> Iterator[None]:
    # TensorFlow's default, which rounds the factors of products to 10 bits, is not what 32 says.
    tf.config.experimental.enable_tensor_float_32_execution(tf32)
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx(real(precision).name)
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
