from twinlib.plots import style


def chunks(png):
    at = 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        yield png[at + 4 : at + 8].decode()
        at += 12 + length


def test_nothing_but_the_picture_is_written(tmp_path):
    path = style.save(style.figure(2, 1), tmp_path / "a.png")
    png = path.read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert set(chunks(png)) <= {"IHDR", "pHYs", "IDAT", "IEND"}


def test_the_same_bytes_every_time(tmp_path):
    first, second = (style.figure(2, 1) for _ in range(2))
    for figure in (first, second):
        figure.subplots().plot([1, 2], color=style.BLUE)
    a, b = style.save(first, tmp_path / "a.png"), style.save(second, tmp_path / "b.png")
    assert a.read_bytes() == b.read_bytes()
