import json

import pytest

from twinlib.data.schema import Field, Schema
from twinlib.errors import UserError


def test_as_json_and_back(schema):
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) != Schema(schema.fields, "real", "x", "y")


def test_field_by_name(schema):
    assert schema["storm"].classes == ("none", "weak", "strong")
    with pytest.raises(UserError, match="no field wind; there are weather, storm"):
        schema["wind"]


def test_channels():
    assert Field("a", (4, 5, 2), ("row", "column", "channel"), "float32", "m").channels == 2
    assert Field("a", (4, 5), ("row", "column"), "float32", "m").channels == 1
    assert Field("a", (), (), "int64", "1").channels == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "float16"}, "dtype is float16"),
        ({"dims": ("row",)}, "does not fit"),
        ({"shape": (0, 2)}, "does not fit"),
        ({"classes": ("a",)}, "one int64"),
    ],
)
def test_impossible_fields(changes, message):
    fits = {"name": "a", "shape": (2, 2), "dims": ("row", "column"), "dtype": "float32", "units": "m"}
    Field(**fits)
    with pytest.raises(UserError, match=message):
        Field(**fits | changes)


def test_impossible_schemas(schema):
    with pytest.raises(UserError, match="kind is fake"):
        Schema(schema.fields, "fake", "x", "y")
    with pytest.raises(UserError, match="same name"):
        Schema(schema.fields + schema.fields[:1], "real", "x", "y")
