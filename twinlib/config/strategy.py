"""Which strategies fit a config: what a framework, a device or a batch cannot honour is refused as it is composed."""

from collections.abc import Mapping
from typing import Any

from twinlib.errors import UserError

EQUATIONS = "twinlib.training.physics.train"


def check_strategy(config: Mapping[str, Any]) -> None:
    """Refuse a strategy that no run could honour.

    Raises
    ------
    UserError
        One line that names the key, the value and what would do instead.
    """
    strategy, trainer = config["strategy"], config["trainer"]
    name, devices, nodes = strategy["name"], strategy["devices"], strategy["nodes"]
    if trainer.get("_target_") == EQUATIONS and name != "single":
        raise UserError(f"strategy={name}: equations are solved on one device; use strategy=single")
    if name == "single":
        for key in ("devices", "nodes"):
            if strategy[key] != 1:
                raise UserError(
                    f"strategy.{key}={strategy[key]}: strategy=single trains on 1; use strategy=data_parallel"
                )
    if name == "sharded" and trainer.get("framework") == "keras":
        raise UserError("strategy=sharded: divides torch models only; with Keras use strategy=data_parallel")
    on_cpu = strategy["accelerator"] == "cpu"
    if nodes > 1 and devices > 1 and on_cpu and trainer.get("framework") == "keras":
        raise UserError(
            f"strategy.devices={devices}: with Keras, each of several nodes has one CPU; use strategy.devices=1, or "
            "trainer=lightning"
        )
    if name == "sharded" and strategy["precision"] == "16-mixed":
        raise UserError("strategy.precision=16-mixed: not with strategy=sharded; use bf16-mixed")
    if strategy["precision"] == "16-mixed" and on_cpu:
        raise UserError(
            "strategy.precision=16-mixed: needs a GPU; with strategy.accelerator=cpu use bf16-mixed, 32 or 64"
        )
    if config["batch_size"] < devices * nodes:
        raise UserError(
            f"batch_size={config['batch_size']}: leaves some of {devices * nodes} devices without a sample; "
            f"use batch_size={devices * nodes} or more, or fewer devices"
        )
    if strategy["address"] is not None:
        split_address(strategy["address"])


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port`.

    Raises
    ------
    UserError
        It is not written so.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(f"strategy.address={address}: write host:port, such as node1:29400")
    return host.strip("[]"), int(port)
