"""What a flow dataset holds of every flow: names, shapes, units."""

from twinlib.data.schema import Field

FAMILIES = ("ellipse", "rectangle", "polygon", "airfoil", "car")  # all synthetic
SPLITS = ("train", "val", "test", "test_unseen", "test_more", "test_reynolds")


def fields(rows: int, columns: int) -> tuple[Field, ...]:
    """The fields of flows on a grid of `rows` (across the channel) times `columns` (along it) cells.

    Lengths are in cells, velocities in units of `u_max`, the largest one at the inlet, pressures in units of
    density times u_max squared, above that at the outlet. The Reynolds number is u_max times the height of the channel
    over the viscosity. The drag is the force along the channel on all obstacles together, over half the density
    times u_max squared times the height of the channel.

    The walls of the channel lie half a cell outside of the first and the last row.
    """
    image = ("row", "column", "channel")
    return (
        Field("fluid", (rows, columns, 1), image, "float32", "1 fluid, 0 solid"),
        Field("sdf", (rows, columns, 1), image, "float32", "cells, positive in the fluid"),
        Field("velocity", (rows, columns, 2), image, "float32", "u_max", names=("along", "across")),
        Field("pressure", (rows, columns, 1), image, "float32", "density u_max^2"),
        Field("reynolds", (1,), ("value",), "float32", "1"),
        Field("drag", (1,), ("value",), "float32", "density u_max^2 height / 2"),
        Field("family", (), (), "int64", "class", classes=FAMILIES),
    )
