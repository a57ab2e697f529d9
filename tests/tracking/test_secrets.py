import pytest

from twinlib.tracking.secrets import without_secrets


def hidden(value, key="key", environ=None):
    return without_secrets({key: value}, environ or {})[key]


@pytest.mark.parametrize("key", ["token", "api_key", "apikey", "API-KEY", "s3_secret", "password", "hf_token"])
def test_texts_at_keys_that_name_a_secret(key):
    assert hidden("hunter2", key) == "***"
    assert hidden({"inner": {key: ["hunter2"]}}) == {"inner": {key: ["***"]}}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tokens", 128),
        ("token", 128),
        ("tokenizer", "bpe"),
        ("design", "a"),
        ("_target_", "twinlib.models.cnn_torch.cnn"),
        ("remote", "s3://bucket/runs"),
        ("url", "https://host:8080/data?version=3&part=test"),
        ("betas", [0.9, 0.999]),
        ("name", None),
    ],
)
def test_everything_else_stays(key, value):
    assert hidden(value, key) == value


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sftp://anna:open-sesame@host:22/runs", "sftp://anna:***@host:22/runs"),
        ("s3://:secret@bucket/runs", "s3://:***@bucket/runs"),
        ("https://h/f?sv=1&sig=a%2Fb&x=2", "https://h/f?sv=1&sig=***&x=2"),
        ("https://h/f?X-Amz-Security-Token=abc", "https://h/f?X-Amz-Security-Token=***"),
    ],
)
def test_secrets_within_addresses(url, shown):
    assert hidden(url) == shown


def test_values_of_secret_environment_variables():
    environ = {"HF_TOKEN": "hf_abcdefgh", "PLAIN": "cnn_keras", "A_SECRET": "yes"}
    assert hidden("x hf_abcdefgh y", environ=environ) == "x *** y"
    assert hidden("cnn_keras", environ=environ) == "cnn_keras"
    assert hidden("yes", environ=environ) == "yes"


def test_the_config_itself_stays_as_it_is():
    config = {"token": "t", "list": [{"password": "p"}]}
    without_secrets(config, {})
    assert config == {"token": "t", "list": [{"password": "p"}]}
