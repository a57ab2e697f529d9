import pytest

from twinlib.errors import UserError
from twinlib.store import tags


def test_set_move_and_take_away(tmp_path):
    assert tags.tags(tmp_path) == {}
    tags.write(tmp_path, "paper", "a" * 64)
    tags.write(tmp_path, "best-1", "b" * 64)
    tags.write(tmp_path, "paper", "c" * 64)
    assert tags.tags(tmp_path) == {"best-1": "b" * 64, "paper": "c" * 64}
    tags.remove(tmp_path, "paper")
    assert tags.tags(tmp_path) == {"best-1": "b" * 64}


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "-v", "a b"])
def test_names_that_do_not_suit(tmp_path, name):
    with pytest.raises(UserError, match="no name for a tag"):
        tags.write(tmp_path, name, "a" * 64)


def test_no_such_tag(tmp_path):
    with pytest.raises(UserError, match="no such tag"):
        tags.remove(tmp_path, "paper")
