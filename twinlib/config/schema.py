"""The type of every key that all experiments share. Defaults stand in `conf/config.yaml`, and only there."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


@dataclass
class EarlyStopping:
    patience: int | None = MISSING
    min_delta: float = MISSING


@dataclass
class Strategy:
    name: str = MISSING
    accelerator: str = MISSING
    devices: int = MISSING
    nodes: int = MISSING
    precision: str = MISSING
    tf32: bool = MISSING
    address: str | None = MISSING


@dataclass
class Store:
    path: str = MISSING
    remote: str | None = MISSING


@dataclass
class Config:
    """Nodes of type `dict` are built from their `_target_`, whose signature says which keys they take."""

    data: dict[str, Any] = MISSING
    model: dict[str, Any] = MISSING
    trainer: dict[str, Any] = MISSING
    optimizer: dict[str, Any] = MISSING
    schedule: dict[str, Any] = MISSING
    loss: dict[str, Any] = MISSING
    metrics: dict[str, Any] = MISSING
    evaluation: dict[str, Any] = MISSING
    pictures: dict[str, Any] = MISSING
    predict: dict[str, Any] = MISSING
    tracking: dict[str, Any] = MISSING
    strategy: Strategy = MISSING
    store: Store = MISSING
    launcher: dict[str, Any] = MISSING
    name: str | None = MISSING
    lr: float = MISSING
    batch_size: int = MISSING
    accumulate: int = MISSING
    epochs: int = MISSING
    seed: int = MISSING
    clip_norm: float | None = MISSING
    clip_value: float | None = MISSING
    objective: str = MISSING
    direction: str = MISSING
    early_stopping: EarlyStopping = MISSING
    checkpoint: str = MISSING
    checkpoint_seconds: float = MISSING
    output: str = MISSING
    code_deps: list[str] = MISSING
    inputs: dict[str, str] = MISSING
    workers: int = MISSING
    progress: bool = MISSING
    export: str | None = MISSING
    sweeper: dict[str, Any] = field(default_factory=dict)  # of no use to a single run


def register() -> None:
    """Tell Hydra the types; `conf/config.yaml` names them as `schema`."""
    ConfigStore.instance().store(name="schema", node=Config)
