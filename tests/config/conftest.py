from pathlib import Path

import pytest

from twinlib.config.compose import compose

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root():
    return ROOT


@pytest.fixture
def config():
    return compose([], ROOT)
