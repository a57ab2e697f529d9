import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.training import keras as adapter
from twinlib.training import keras_module
from twinlib.training.keras_replicas import replicas

keras, tf = adapter.keras, adapter.tf


@pytest.fixture
def modules(monkeypatch):
    """Every Module that a training makes."""
    made = []

    class Kept(adapter.Module):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(adapter, "Module", Kept)
    return made


def test_one_trace_for_each_batch_shape(train, modules):
    train("keras", "epochs=4", "schedule=cosine")
    (module,) = modules
    assert module.step.experimental_get_tracing_count() == 2  # 32 and the last 12
    assert module.losses_and_predictions.experimental_get_tracing_count() == 3  # 32, the last 4 and the last 5


def test_jit_compile_changes_rounding_only(train):
    plain = train("keras").metrics
    compiled = train("keras", "trainer.jit_compile=true", "trainer.deterministic=false").metrics
    assert compiled == pytest.approx(plain, rel=1e-4)


def test_jit_compile_is_not_deterministic(train):
    with pytest.raises(UserError, match=r"trainer.deterministic=false"):
        train("keras", "trainer.jit_compile=true")


def test_leaves_the_types_of_keras_as_they_were(train):
    train("keras", "strategy.precision=64")
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == ("float32", "float32")


@pytest.fixture
def gradients(configure, digits, monkeypatch):
    """What the optimizer is given in one step, for a model of our own."""

    def given(model, *overrides):
        config = configure("keras", *overrides)
        monkeypatch.setattr(keras_module, "built", lambda _: model)
        module = adapter.Module(config, replicas(config["strategy"]), False)
        received = []
        monkeypatch.setattr(module.optimizer, "apply", lambda values, variables: received.extend(values))
        inputs, targets = digits.batch("train", np.arange(32))
        tf.config.run_functions_eagerly(True)
        try:
            module.train(inputs, targets, 32, 0.1)
        finally:
            tf.config.run_functions_eagerly(False)
        return [value.numpy() for value in received]

    return given


def regularised(strength):
    penalty = keras.regularizers.L2(strength) if strength else None
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, kernel_regularizer=penalty)]
    model = keras.Sequential(layers)
    model.set_weights([np.full((64, 10), 0.5), np.zeros(10)])
    return model


@pytest.mark.parametrize("accumulate", [1, 3])
def test_what_layers_add_to_the_loss_counts_once_a_batch(gradients, accumulate):
    plain, penalised = (gradients(regularised(strength), f"accumulate={accumulate}")[0] for strength in (0, 0.1))
    np.testing.assert_allclose(penalised - plain, 2 * 0.1 * 0.5, atol=1e-6)


@pytest.mark.parametrize("clip", [(), ("clip_norm=0.05", "clip_value=0.005")])
def test_16_mixed_scales_the_loss_and_the_limits_alike(gradients, clip):
    """On the CPU, which `train` refuses because it is slow: the arithmetic is that of a GPU."""
    exact = gradients(regularised(0), *clip)
    with adapter._computing_in("16-mixed"):
        scaled = gradients(regularised(0), "strategy.precision=16-mixed", *clip)
    scale = 2.0**15  # Keras's first
    for one, other in zip(exact, scaled, strict=True):
        np.testing.assert_allclose(one, other / scale, atol=2e-4)


def test_a_model_without_weights_is_refused(configure, monkeypatch):
    config = configure("keras")
    monkeypatch.setattr(keras_module, "build", lambda node: keras.Sequential([keras.layers.Dense(3)]))
    with pytest.raises(UserError, match=r"keras.Input"):
        keras_module.built(config)
