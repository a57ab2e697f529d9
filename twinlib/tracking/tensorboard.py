"""A run for TensorBoard: curves, the config as text, the pictures. Needs neither torch nor TensorFlow."""

import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twinlib.tracking.tracker import RunInfo


class TensorBoard:
    """One event file in `<folder>/<record's folder name>/`; look at all of them with `tensorboard --logdir <folder>`.

    Parameters
    ----------
    folder
        Where the folders of the runs go; relative to the project.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._last = 0

    def start(self, run: RunInfo) -> None:
        # TensorBoard's own EventFileWriter would import all of TensorFlow, for its file system.
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder = run.folder / self._folder / run.folder_name
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("events.out.tfevents.*"):  # an earlier attempt would draw a second line
            left.unlink()
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
        self._writer = RecordWriter((folder / name).open("wb"))
        self._write(file_version="brain.Event:2")
        text = json.dumps({**run.config, "fingerprint": run.fingerprint}, indent=2, default=str)
        self._write([_text("config", "```\n" + text + "\n```")])

    def epoch(self, row: Mapping[str, float]) -> None:
        self._last = int(row["epoch"])
        self._write([_scalar(key, value) for key, value in row.items() if key != "epoch"], self._last)

    def finish(self, metrics: Mapping[str, float], pictures: Sequence[Path]) -> None:
        self._write([_scalar(f"final/{key}", value) for key, value in metrics.items()], self._last)
        self._write([_image(path) for path in pictures], self._last)
        self._writer.close()

    def prune(self) -> None:
        self._write([_text("state", "pruned")], self._last)
        self._writer.close()

    def fail(self) -> None:
        self._writer.close()

    def _write(self, values: Sequence[Any] = (), step: int = 0, **fields: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        if values:
            fields["summary"] = Summary(value=values)
        self._writer.write(Event(wall_time=time.time(), step=step, **fields).SerializeToString())
        self._writer.flush()  # an epoch is seen as soon as it is over


def _scalar(tag: str, number: float) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary.Value(tag=tag, simple_value=number)


def _text(tag: str, text: str) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING

    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()], tensor_shape=shape)
    plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    return Summary.Value(tag=f"{tag}/text_summary", metadata=plugin, tensor=tensor)


def _image(path: Path) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    png = path.read_bytes()
    # The PNG header: 8 bytes of signature, 8 of chunk length and type, then width and height, big-endian.
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    image = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
    return Summary.Value(tag=path.stem, image=image)
