import json


def test_a_tag_names_a_run(root, computed, say):
    record = computed("lr=3e-4")
    assert record.folder.name in say("tag", "paper", "tiny/own", "lr=3e-4")
    assert say("tag") == f"paper  {record.fingerprint[:12]}\n"
    assert json.loads(say("tag", "--json")) == {"paper": record.fingerprint}
    assert json.loads(say("show", "paper", "--json"))["fingerprint"] == record.fingerprint
    say("tag", "--delete", "paper")
    assert say("tag") == ""


def test_mistakes(root, computed, refused):
    computed()
    assert "no such run" in refused("tag", "paper", "nothing")
    assert "twin tag NAME RUN" in refused("tag", "paper")
    assert "no such tag" in refused("tag", "--delete", "paper")
