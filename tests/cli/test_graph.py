def test_text_mermaid_svg(root, computed, say, capsys):
    computed()
    lines = [line.split() for line in say("graph").splitlines()]
    assert next(line for line in lines if line[1] == "tiny/own")[:3] == ["experiment", "tiny/own", "hit"]
    assert '(["tiny/own<br/>hit"]):::hit' in say("graph", "--mermaid")
    assert "wrote pipeline.svg" in say("graph", "--svg", "pipeline.svg")
    assert (root / "pipeline.svg").read_text().startswith("<svg ")


def test_another_store(root, computed, say):
    computed()
    line = next(line for line in say("graph", "store.path=elsewhere").splitlines() if "tiny/own" in line)
    assert line.split()[2] == "miss"


def test_mistakes(root, refused):
    assert "settings only" in refused("graph", "tiny/own")
    assert "no folder" in refused("graph", "--svg", "nowhere/pipeline.svg")
