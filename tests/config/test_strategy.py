import pytest

from twinlib.config.compose import compose
from twinlib.config.strategy import split_address
from twinlib.errors import UserError
from twinlib.identity.config import identity_part

EQUATIONS = "experiment=equations/poisson_1d"


@pytest.mark.parametrize(
    "overrides",
    [
        "strategy=data_parallel",
        "strategy=data_parallel strategy.devices=2",
        "strategy=data_parallel strategy.devices=4 strategy.nodes=2 strategy.address=node1:29400",
        "strategy=data_parallel strategy.devices=2 trainer=keras",
        "strategy=data_parallel strategy.devices=2 strategy.nodes=2 trainer=keras",
        "strategy=data_parallel strategy.nodes=2 strategy.accelerator=cpu trainer=keras",
        "strategy=sharded strategy.devices=8 strategy.precision=bf16-mixed",
        "strategy.tf32=true checkpoint_seconds=0",
        EQUATIONS,
    ],
)
def test_strategies_that_can_be_composed(root, overrides):
    compose(overrides.split(), root)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("strategy.devices=2", "strategy.devices=2: strategy=single trains on 1; use strategy=data_parallel"),
        ("strategy.nodes=2", "strategy.nodes=2: strategy=single trains on 1"),
        ("strategy=sharded trainer=keras", "with Keras use strategy=data_parallel"),
        (f"{EQUATIONS} strategy=data_parallel strategy.devices=2", "equations are solved on one device"),
        ("strategy.precision=16-mixed strategy.accelerator=cpu", "strategy.precision=16-mixed: needs a GPU"),
        ("strategy=sharded strategy.precision=16-mixed", "use bf16-mixed"),
        ("strategy=data_parallel strategy.devices=4 strategy.nodes=2 batch_size=7", "use batch_size=8 or more"),
        ("strategy=data_parallel strategy.address=node1", "strategy.address=node1: write host:port"),
        (
            "strategy=data_parallel strategy.devices=2 strategy.nodes=2 strategy.accelerator=cpu trainer=keras",
            "strategy.devices=2: with Keras, each of several nodes has one CPU; use strategy.devices=1",
        ),
        ("strategy=data_parallel strategy.devices=0", "strategy.devices=0: must be at least 1"),
    ],
)
def test_strategies_that_no_run_could_honour(root, overrides, message):
    with pytest.raises(UserError) as error:
        compose(overrides.split(), root)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_the_number_of_devices_is_no_part_of_the_identity_and_the_precision_of_products_is(root):
    parts = [
        identity_part(compose(["strategy=data_parallel", *overrides], root))
        for overrides in (
            [],
            ["strategy.devices=2", "strategy.nodes=3", "strategy.address=a:1", "checkpoint_seconds=3"],
            ["strategy.tf32=true"],
        )
    ]
    assert parts[0] == parts[1] != parts[2]
    assert parts[0]["strategy"] == {"name": "data_parallel", "precision": "32", "tf32": False}


def test_addresses():
    assert split_address("node1:29400") == ("node1", 29400)
    assert split_address("[::1]:80") == ("::1", 80)
    for wrong in ("node1", ":80", "node1:", "node1:0", "node1:65536", "node1:http"):
        with pytest.raises(UserError, match="write host:port"):
            split_address(wrong)
