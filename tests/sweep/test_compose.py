"""Every point is composed as Hydra composes it, or refused with the same line."""

import random

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from twinlib.config.compose import compose
from twinlib.errors import UserError
from twinlib.sweep import compose as module
from twinlib.sweep.compose import Composer

POINTS = [
    # plain values, typed and untyped
    "",
    "lr=1",
    "lr=1e-3 seed=3",
    "lr=nan",
    "lr=abc",
    "lr=null",
    "lr=true",
    "lr=0",
    "batch_size=1.5",
    "batch_size='32'",
    "batch_size=32.0",
    "strategy.precision=32",
    "strategy.precision=16-mixed",
    "progress=no",
    "progress=7",
    "clip_norm=null clip_norm=2",
    "clip_norm=2 clip_norm=null",
    "lr=abc lr=1e-3",
    "lr=1 lr=2 seed=1 lr=3",
    "export=null",
    "export=''",
    "store.remote=s3://a/b",
    "store.path=???",
    "objective=val_acc",
    # strings with special characters
    "name='a,b'",
    'name="it\'s"',
    "name='a=b {c} [d] #e'",
    "name='${'",
    "name=\\${lr}",
    "name='\\${lr}'",
    'name="${oc.env:\\"TWIN_NOT_SET\\",7}"',
    "name=ünï/→",
    "name=' '",
    "name=${lr}",
    "name=${nope}",
    "name=${hydra:job.name}",
    "name=${hydra.job.name}",
    "name=${now:%Y}",
    # lists and mappings
    "model.filters=[8,16]",
    "model.filters=[8,16] model.filters=[1]",
    "model.filters=[]",
    "model.filters=null",
    "model.filters=3",
    "model.filters=[a,'b c',null,1.5]",
    "model.filters=[${seed}]",
    "model.filters=[[1,2],[3]]",
    "model.filters=[{a:1}]",
    "model.filters.0=3",
    "model.filters.7=3",
    "model.filters=[1,2] model.filters.0=3",
    "lr=[1,2]",
    "code_deps=[a,b]",
    "code_deps=[1,2]",
    "code_deps=[{a:1}]",
    "early_stopping={patience:3}",
    "early_stopping={patience:3,min_delta:abc}",
    "early_stopping={patiense:3}",
    "early_stopping={patience:3} early_stopping.patience=4",
    "early_stopping.patience=4 early_stopping={patience:3}",
    "early_stopping=3",
    "early_stopping=null",
    "early_stopping.patience.x=1",
    "model={dense:3}",
    "model={dense:{a:1}}",
    "model={new:3}",
    "model={_target_:a.b} model.dense=7",
    "model.dense=7 model={dense:3}",
    "inputs={mesh:a}",
    "inputs.mesh=a",
    # values that others read
    "data.classes=3",
    "data.classes=3 model.classes=4",
    "model.classes=4",
    "model.classes=${data.input_shape}",
    "data.input_shape=[8,8,3]",
    "trainer.framework=jax",
    "trainer.framework='a.b'",
    "data={input_shape:[3,3,1],classes:2}",
    # adding and deleting
    "+model.extra=1",
    "+model.extra=1 model.extra=2",
    "model.extra=2 +model.extra=1",
    "+lr=2",
    "++lr=2",
    "++model.extra={a:1}",
    "+model={extra:1}",
    "+inputs.mesh=a +inputs.grid=b",
    "+inputs.mesh=1",
    "+unknown=1",
    "++unknown.key=1",
    "~model.dense",
    "~model.dense=128",
    "~model.dense=3",
    "model.dense=3 ~model.dense=3",
    "~model.classes",
    "~lr",
    "~nope",
    # groups
    "model=linear",
    "model=linear model=cnn",
    "model=linear model.dense=3",
    "model.dense=3 model=linear",
    "model=liner",
    "model=[cnn]",
    "modle=cnn lr=1",
    "model@x=cnn",
    "+model@data.inner=linear",
    "+model@data.inner=linear data.inner.classes=3",
    "+model=linear",
    "++model=linear",
    "~model",
    "~metrics",
    "~schedule schedule={_target_:a.b}",
    "lr@x=1",
    "experiment=mnist/linear_keras",
    "experiment=mnist/linear_keras model=cnn trainer.framework=torch",
    "experiment=mnist/linear_kera",
    "metrics=[accuracy,mse] tracking=[] loss=mse",
    "metrics=[]",
    "tracking=none",
    "store=local store.path=elsewhere",
    "data=mnist data.path=x",
    # Hydra's own keys
    "hydra.verbose=true lr=2",
    "lr=2 hydra.job.name=x",
    "hydra.nope=1",
    "hydra/launcher=basic lr=2",
    "hydra/launcher=nope",
    "hydra={verbose:true}",
    "hydra/nope=1",
    "hydra.searchpath=[pkg://twinlib]",
    # not an override
    "lr",
    "lr=",
    "=1",
    "lr=a=b",
    "+x={a",
    "lr=1,2",
    "lr=range(1,3)",
    "lr=choice(1)",
    "lr=int(3)",
    "lr=1 lr=abc lrr=1",
    "lrr=1 lr=abc",
    # interpolation in experiments
    "experiment=links model.width=3",
    "experiment=links seed=5 name=q",
    "experiment=links seed=5 inputs.a=q",
    "experiment=links model.dense=5",
    "experiment=links early_stopping.patience=3",
    "experiment=links early_stopping={patience:3}",
    "experiment=links model.whole.patience=3",
    "experiment=links data.alias.width=3",
    "experiment=links data.alias={width:3}",
    "experiment=links model.filters=[5,6]",
    "experiment=links schedule.steps=[5,6]",
    "experiment=links schedule.steps=[]",
    "experiment=links lr=2",
    "experiment=links optimizer.depth=2",
    "experiment=links workers=2",
    "experiment=links optimizer.side=2",
    "experiment=links ~model.width",
    "experiment=links +data.alias.extra=2 model.filters=[]",
    "experiment=links model={width:1,again:2} epochs=3",
    "experiment=nested",
    "experiment=nested model.pick=second",
    "experiment=nested model.first=7",
    "experiment=nested model.pick=third +model.third=3",
    "experiment=nested model.pick=third",
    "experiment=resolver seed=5 lr=1",
    "experiment=missing",
    "experiment=missing lr=2",
    "experiment=missing model.needed=2",
    "experiment=wrong",
    "experiment=wrong epochs=2",
    "experiment=plain model.any=2 model.any=null",
    "experiment=plain model.any=[1] model.any=2",
    "experiment=plain model.any={a:1}",
    "experiment=plain model.any=a model.text=3 model.none=x model.flag=0",
    "experiment=plain model.none=[1,2]",
    "experiment=plain model.none={a:1}",
    "experiment=plain model.list=[2] model.rows=[[],[a,[b]]]",
    "experiment=plain model.list=x",
    "experiment=plain optimizer.nodes.x=2 optimizer.nodes.3=4",
    "experiment=plain optimizer.nodes.y={a:1}",
    "experiment=plain optimizer.nodes.y=1",
    "experiment=plain optimizer.nodes=null",
    "experiment=plain inputs.mesh=3",
    "experiment=plain inputs.mesh=null",
    "experiment=plain inputs=null",
]

# Drawn from at random: what one point does must leave the next as it is.
PIECES = """
    lr=1 lr=2e-3 lr=abc lr=null seed=1 seed=2 seed=x name=a name='b,c' name=${lr} clip_norm=1 clip_norm=null
    model.filters=[1] model.filters=[2,3] model.dense=1 model.dense=null model.dense=[1] model.dense={a:1}
    data.classes=2 data.classes=${seed} model.classes=3 early_stopping={patience:2} early_stopping.patience=5
    +model.extra=1 ~model.dense ++lr=3 +inputs.a=b trainer=keras model=linear model=cnn loss=mse optimizer=sgd
    epochs=0 epochs=3 typo=1 output=identity checkpoint=last direction=up
"""
FIRST = ["experiment=links", "experiment=plain", "experiment=nested", "experiment=mnist/cnn_keras"]


@pytest.fixture(scope="module")
def composer(project):
    return Composer(project)


def outcome(function, *arguments):
    """The config, exactly (types, order), or the error."""
    try:
        return repr(function(*arguments))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def words(point):
    """Split at spaces that no bracket or quote encloses."""
    parts, quote, depth = [""], "", 0
    for letter in point:
        if letter == quote:
            quote = ""
        elif not quote and letter in "'\"":
            quote = letter
        elif not quote:
            depth += (letter in "[{") - (letter in "]}")
        if letter == " " and not quote and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]


@pytest.mark.parametrize("point", POINTS)
def test_equals_hydra(composer, project, point):
    overrides = words(point)
    expected = outcome(compose, overrides, project)
    assert outcome(composer.compose, overrides) == expected
    assert outcome(composer.compose, overrides) == expected  # and does not remember the first time


def test_random_points_in_one_composer_equal_hydra(composer, project):
    draw = random.Random(0)
    for _ in range(40):
        overrides = [draw.choice(FIRST), *draw.choices(PIECES.split(), k=draw.randint(1, 4))]
        assert outcome(composer.compose, overrides) == outcome(compose, overrides, project), overrides


@pytest.fixture
def work(monkeypatch):
    """How often Hydra has made a defaults list, and a config has been resolved."""
    counts = {"composed": 0, "resolved": 0}

    def counted(name, function):
        def call(*args, **kwargs):
            counts[name] += 1
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(module, "create_defaults_list", counted("composed", module.create_defaults_list))
    monkeypatch.setattr(module, "resolved", counted("resolved", module.resolved))
    return counts


def test_composes_and_resolves_once_for_each_choice_of_groups(root, work):
    composer = Composer(root)
    for model in ("cnn", "linear"):
        for seed in range(5):
            for filters in ("[1]", "[2,3]"):
                composer.compose([f"model={model}", f"seed={seed}", f"data.path={filters[1]}", f"lr={seed + 1}"])
                if model == "cnn":
                    composer.compose([f"model={model}", f"model.filters={filters}"])
    assert work == {"composed": 2, "resolved": 2}


def test_composes_once_when_values_are_read_or_added(root, work):
    composer = Composer(root)
    for classes in range(2, 6):
        assert composer.compose([f"data.classes={classes}", "+inputs.a=b"])["model"]["classes"] == classes
    assert work == {"composed": 1, "resolved": 5}


def test_bad_group_is_composed_once(root, work):
    composer = Composer(root)
    for seed in range(3):
        with pytest.raises(UserError, match="did you mean linear"):
            composer.compose(["model=liner", f"seed={seed}"])
    assert work["composed"] == 1


def test_a_config_belongs_to_its_caller(root):
    composer = Composer(root)
    first = composer.compose(["model.filters=[1,2]"])
    first["model"]["filters"].append(3)
    first["data"]["input_shape"].append(3)
    first["lr"] = 7
    second = composer.compose(["model.filters=[1,2]"])
    assert second == compose(["model.filters=[1,2]"], root)


def test_leaves_hydra_as_it_was(root):
    before = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    Composer(root).compose(["lr=2", "hydra.verbose=true"])
    assert (GlobalHydra.instance().hydra, HydraConfig.instance().cfg) == before


def test_project_without_conf(tmp_path):
    with pytest.raises(UserError, match="conf"):
        Composer(tmp_path).compose([])
