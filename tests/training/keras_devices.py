"""Tests on three devices: parts of the CPU, into which TensorFlow divides it only before it begins.

So they run in a process of their own, which tests/training/test_keras_strategy.py starts.
"""

import numpy as np
import pytest

from twinlib.errors import UserError
from twinlib.training import keras as adapter
from twinlib.training import keras_module
from twinlib.training.keras_draws import Draws
from twinlib.training.keras_replicas import replicas

keras, tf = adapter.keras, adapter.tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
tf.config.threading.set_intra_op_parallelism_threads(1)

PLAIN = {"name": "data_parallel", "accelerator": "cpu", "devices": 3, "nodes": 1}


@pytest.fixture
def on(train):
    """Train on so many devices."""

    def trained(devices, *overrides, **options):
        name = "single" if devices == 1 else "data_parallel"
        strategy = [f"strategy={name}", f"strategy.devices={devices}", "strategy.accelerator=cpu"]
        return train("keras", *strategy, *overrides, **options)

    return trained


@pytest.fixture
def own(monkeypatch):
    """Train a model of these layers, before a Dense one."""

    def chosen(*layers):
        def built(_):
            ends = [keras.layers.Flatten(), keras.layers.Dense(10, kernel_regularizer="l2")]
            return keras.Sequential([keras.Input((8, 8, 1)), *(layer() for layer in layers), *ends])

        monkeypatch.setattr(keras_module, "built", built)

    return chosen


def assert_same(one, other, tolerance):
    for row, again in zip(one.history, other.history, strict=True):
        assert {**row, "seconds": 0} == pytest.approx({**again, "seconds": 0}, abs=tolerance)
    np.testing.assert_allclose(one.predictions, other.predictions, atol=tolerance)
    assert one.metrics == pytest.approx(other.metrics, abs=tolerance)


def test_the_mathematics_is_that_of_one_device(on):
    """Also of a last batch of 2 samples, which leaves a device without any."""
    overrides = ["clip_norm=0.1", "clip_value=0.01", "accumulate=3", "batch_size=149"]
    assert_same(on(1, *overrides, model="cnn"), on(3, *overrides, model="cnn"), 1e-6)


def test_the_optimizer_steps_by_the_sum_once(on):
    overrides = ["optimizer=adamw", "optimizer.weight_decay=0.1", "strategy.precision=64", "batch_size=150"]
    assert_same(on(1, *overrides), on(3, *overrides), 1e-12)


def test_a_normalization_is_over_all_devices_and_a_penalty_counts_once(on, own):
    own(lambda: keras.layers.Conv2D(4, 3), lambda: keras.layers.BatchNormalization(synchronized=True))
    assert_same(on(1, "batch_size=100"), on(3, "batch_size=100"), 2e-6)


def test_a_normalization_of_each_device_by_itself_is_refused(on, own):
    own(keras.layers.BatchNormalization)
    with pytest.raises(UserError, match=r"layer batch_normalization.*\(synchronized=True\)"):
        on(2)


def test_a_normalization_needs_a_sample_on_each_device(on, own):
    own(lambda: keras.layers.BatchNormalization(synchronized=True))
    with pytest.raises(UserError, match=r"batch_size=299: leaves 1 sample "):
        on(2, "batch_size=299")


def test_a_layer_that_learns_from_its_own_samples_is_found_out(on, own):
    class Largest(keras.layers.Layer):
        def build(self, shape):
            self.largest = self.add_weight(shape=(), initializer="zeros", trainable=False, name="largest")

        def call(self, inputs):
            self.largest.assign(keras.ops.sum(inputs))
            return inputs

    own(Largest)
    with pytest.raises(UserError, match=r"largest differs between devices"):
        on(2)


def test_devices_draw_each_for_itself_and_the_same_again():
    copies = replicas(PLAIN)
    keras.utils.set_random_seed(0)
    with copies.scope():
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
        draws = Draws(model, copies)
    dropped = tf.function(lambda: copies.strategy.run(lambda: model.layers[0](tf.ones((1, 64)), training=True)))
    masks = []
    for epoch in (1, 2, 1):
        draws.begin_epoch(0, epoch)
        dropped()
        masks.append(np.stack([mask.numpy() for mask in copies.local(dropped())]))
    first, second, again = masks
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(np.concatenate([first, second]), axis=0)) == 6


def test_16_mixed_scales_the_sum(configure, digits, own):
    """On the CPU, which `train` refuses because it is slow: the arithmetic is that of a GPU."""
    own()
    weights = []
    for devices, precision in ((1, "32"), (2, "16-mixed")):
        config = configure("keras", f"strategy.precision={precision}", "clip_norm=0.5")
        config["strategy"] |= {**PLAIN, "devices": devices}
        copies = replicas(config["strategy"])
        keras.utils.set_random_seed(0)
        with copies.scope(), adapter._computing_in(precision):
            module = adapter.Module(config, copies, False)
            for start in (0, 32, 64):
                module.train(*digits.batch("train", np.arange(start, start + 32)), 32, 1.0)
            weights.append(module.model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)
    scales = copies.local(module.optimizer.dynamic_scale.value)
    assert [scale.numpy() for scale in scales] == [2.0**15] * 2  # never too large
    assert any(array.shape == () and array == 2.0**15 for array in module.arrays().values())


def test_jit_compile_changes_rounding_only(on, own):
    compiled = ["trainer.jit_compile=true", "trainer.deterministic=false", "batch_size=150"]
    assert_same(on(1, "batch_size=150"), on(2, *compiled), 1e-5)
    own(lambda: keras.layers.BatchNormalization(synchronized=True))
    with pytest.raises(UserError, match=r"trainer.jit_compile"):
        on(2, *compiled)


def test_more_devices_than_it_began_with_need_a_new_process():
    tf.constant(0)
    with pytest.raises(UserError, match=r"strategy.devices=4: .* new process"):
        replicas({**PLAIN, "devices": 4})
