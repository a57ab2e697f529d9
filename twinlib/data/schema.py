"""What a dataset says about itself: its fields, their units and statistics, its splits, where it is from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from twinlib.errors import UserError

TRAIN = "train"  # the one split whose numbers may shape a preprocessing
DTYPES = ("uint8", "int64", "float32", "float64")
KINDS = ("real", "synthetic")


@dataclass(frozen=True)
class Field:
    """One quantity of every sample.

    `dims` names each axis of `shape`. When the last one is `channel`, the statistics have one entry for each
    channel, otherwise one entry in all. They come from the training split only and are in `units`: one for all
    channels, or one for each, separated by commas. `names` are those of the channels, where they have any.
    """

    name: str
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    dtype: str
    units: str
    minimum: tuple[float, ...] = ()
    maximum: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()  # for a class index: the names of the classes 0, 1, …

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise UserError(f"field {self.name}: dtype is {self.dtype}; use one of {', '.join(DTYPES)}")
        if len(self.dims) != len(self.shape) or any(size < 1 for size in self.shape):
            raise UserError(f"field {self.name}: shape {self.shape} does not fit the dims {self.dims}")
        if self.names and len(self.names) != self.channels:
            raise UserError(f"field {self.name}: {len(self.names)} names for {self.channels} channels")
        if self.classes and (self.dtype != "int64" or self.shape):
            raise UserError(f"field {self.name}: a class index is one int64 for each sample")

    @property
    def channels(self) -> int:
        """How many channels have statistics of their own."""
        return self.shape[-1] if self.dims and self.dims[-1] == "channel" else 1

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in tree.items()}
        return cls(**values)


@dataclass(frozen=True)
class Schema:
    """The fields of a dataset, the number of samples in each split, and where all of it is from."""

    fields: tuple[Field, ...]
    kind: str  # real or synthetic
    source: str
    license: str
    splits: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(f"schema: kind is {self.kind}; use one of {', '.join(KINDS)}")
        names = [entry.name for entry in self.fields]
        if len(set(names)) != len(names):
            raise UserError(f"schema: two fields have the same name: {', '.join(names)}")

    def __getitem__(self, name: str) -> Field:
        """The field called `name`. Raises UserError when there is none."""
        for entry in self.fields:
            if entry.name == name:
                return entry
        raise UserError(f"no field {name}; there are {', '.join(entry.name for entry in self.fields)}")

    def to_json(self) -> dict[str, Any]:
        return {
            "fields": [entry.to_json() for entry in self.fields],
            "kind": self.kind,
            "source": self.source,
            "license": self.license,
            "splits": dict(self.splits),
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        return cls(
            fields=tuple(Field.from_json(entry) for entry in tree["fields"]),
            kind=tree["kind"],
            source=tree["source"],
            license=tree["license"],
            splits=dict(tree["splits"]),
        )
