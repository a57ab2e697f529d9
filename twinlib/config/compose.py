"""Compose `conf/` + an experiment + overrides into one plain, resolved tree."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from twinlib.config import mistakes, schema
from twinlib.config.check import check


def compose(overrides: list[str], root: Path) -> dict[str, Any]:
    """Compose the config of one run as `python train.py` does.

    Parameters
    ----------
    overrides
        What stands after `train.py` on the command line: `["experiment=mnist/cnn_keras", "lr=3e-4"]`.
    root
        The project folder; it holds `conf/`.

    Raises
    ------
    UserError
        A key, a value or a file is wrong; the message names it and the nearest right one.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    conf = root / "conf"
    schema.register()
    try:
        with initialize_config_dir(config_dir=str(conf.absolute()), version_base="1.3"):
            return resolved(hydra_compose("config", overrides=overrides))
    except mistakes.COMPOSING as error:
        raise mistakes.explained(error, conf) from error


def resolved(config: DictConfig) -> dict[str, Any]:
    """The composed config as plain, checked Python data with every `${…}` filled in."""
    tree = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(tree, dict)
    plain = {str(key): value for key, value in tree.items()}
    check(plain)
    return plain
