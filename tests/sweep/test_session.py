"""Each point is looked up, the unknown ones are computed once, and each comes back once."""

import time

import pytest

from twinlib.config.compose import compose
from twinlib.errors import UserError
from twinlib.identity.fingerprint import identify
from twinlib.launcher.pool import Ended
from twinlib.run import label, open_store
from twinlib.store.record import Record
from twinlib.sweep import session as sessions
from twinlib.sweep.grid import Point
from twinlib.sweep.manifest import CACHED, DONE, FAILED, RUNNING, WAITING, read
from twinlib.sweep.session import Session


class Here:
    """A pool that computes in no time, when it is told to."""

    def __init__(self, root, slots=1):
        self.root, self.slots = root, slots
        self.started, self.stopped, self.fails = [], 0, {}
        self.running = []
        self.holds = False

    @property
    def free(self):
        return self.slots - len(self.running)

    def start(self, job):
        assert self.free > 0
        self.started.append(job)
        self.running.append(job)

    def ended(self, timeout):
        if self.holds or not self.running:
            time.sleep(min(timeout, 0.01))
            return []
        job = self.running.pop(0)
        job.folder.mkdir(parents=True, exist_ok=True)
        if job.number in self.fails:
            job.log.write_text(self.fails[job.number])
            return [Ended(job, 1, None, 1.0)]
        return [Ended(job, 0, publish(job.config, self.root), 1.0)]

    def stop(self):
        self.stopped += 1
        self.running.clear()


def publish(config, root):
    """The record of a run, as a worker makes it."""
    identity = identify(config, root)
    store = open_store(config, root)
    draft = store.draft(label(identity), identity.fingerprint)
    metrics = {"val_loss": config["lr"]}
    names = {"fingerprint": identity.fingerprint, "label": label(identity), "name": None}
    record = store.publish(draft, **names, metrics=metrics, objective="val_loss", seconds=1.0)
    return {"folder": str(record.folder), "metrics": metrics, "objective": config["lr"], "cached": False}


@pytest.fixture
def root(lab):
    return lab.root


@pytest.fixture
def pool(root):
    return Here(root)


@pytest.fixture
def session(root, pool):
    return Session(root, pool, root / "runs" / ".sweeps" / "sweep-a", ["train.py", "-m"])


def point(root, *overrides):
    return Point(overrides, compose(list(overrides), root), None)


def sweep(session, points):
    with session:
        for each in points:
            session.submit(each)
        done = []
        while session.pending:
            done.append(session.next())
    assert [each.number for each in sorted(done, key=lambda each: each.number)] == list(range(len(points)))
    return sorted(done, key=lambda each: each.number)


def test_unknown_points_are_computed_and_known_ones_are_not(root, pool, session):
    known = point(root, "lr=0.2")
    publish(known.config, root)
    first, second = sweep(session, [point(root, "lr=0.1"), known])
    assert (first.state, second.state) == (DONE, CACHED)
    assert [job.number for job in pool.started] == [0]
    assert first.objective == 0.1 and first.metrics == {"val_loss": 0.1} and first.seconds == 1.0
    assert second.objective == 0.2 and second.seconds == 0.0
    for done in (first, second):
        assert Record.read(done.folder).fingerprint == done.fingerprint
    again = Session(root, pool, root / "runs" / ".sweeps" / "sweep-b")
    assert [done.state for done in sweep(again, [first.point, second.point])] == [CACHED, CACHED]
    assert len(pool.started) == 1


def test_points_with_one_identity_are_computed_once(root, pool, session):
    same = [point(root, "lr=0.1"), point(root, "lr=0.1", "name=other"), point(root, "lr=0.10")]
    done = sweep(session, same)
    assert [each.state for each in done] == [DONE, CACHED, CACHED]
    assert len({each.folder for each in done}) == 1 and len(pool.started) == 1
    assert [each.point for each in done] == same


@pytest.mark.parametrize("at_once", [True, False])
def test_points_with_the_identity_of_a_failed_one_fail_with_it(root, pool, session, at_once):
    pool.fails[0] = "Traceback\n  …\nValueError: too steep\n\n"
    pool.holds = at_once
    with session:
        session.submit(point(root, "lr=0.1"))
        session.submit(point(root, "lr=0.2"))
        session.submit(point(root, "lr=0.1"))
        pool.holds = False
        done = sorted([session.next() for _ in range(3)], key=lambda each: each.number)
    assert [each.state for each in done] == [FAILED, DONE, FAILED]
    assert done[0].error == "exit code 1: ValueError: too steep"
    assert done[2].error == "the same run as point 0: exit code 1: ValueError: too steep"
    assert done[2].error in (session.folder / "2.log").read_text()
    assert [job.number for job in pool.started] == [0, 1]
    for each in (done[0], done[2]):
        assert each.folder is None and each.objective is None and each.metrics == {}


def test_a_free_worker_never_waits(root, pool, session):
    pool.slots = 2
    pool.holds = True
    with session:
        for seed in range(4):
            session.submit(point(root, f"seed={seed}"))
        assert [job.number for job in pool.started] == [0, 1]
        pool.holds = False
        assert session.next().number == 0
        assert [job.number for job in pool.started] == [0, 1, 2]
        session.submit(point(root, "seed=9"))
        assert session.pending == 4


def test_points_are_computed_while_others_are_looked_up(root, pool, session):
    with session:
        session.submit(point(root, "seed=0"))  # starts, and has ended when the next is submitted
        session.submit(point(root, "seed=1"))
        session.submit(point(root, "seed=2"))
        assert len(pool.started) == 3


def test_a_mistake_fails_its_point_alone_and_is_logged(root, pool, session):
    wrong = Point(("lr=fast",), None, "lr: cannot be a text")
    unfit = point(root, "+trainer.speed=1")
    lost = point(root, "data.path=nowhere")
    done = sweep(session, [wrong, point(root, "lr=0.1"), unfit, lost])
    assert [each.state for each in done] == [FAILED, DONE, FAILED, FAILED]
    assert done[0].error == "lr: cannot be a text"
    assert done[2].error.startswith("trainer.speed:")
    assert done[3].error.startswith("data.path: nowhere is missing")
    for number in (0, 2, 3):
        assert (session.folder / f"{number}.log").read_text() == f"error: {done[number].error}\n"


def test_a_run_that_cannot_be_cached_is_computed_each_time(root, pool, session, capsys):
    (root / "odd.py").write_text("import os\ndef slope(): return exec(os.environ['CODE'])\n")
    odd = point(root, "model._target_=odd.slope")
    with session:
        session.submit(odd)
        session.submit(odd)
        done = [session.next(), session.next()]
    assert len(pool.started) == 2
    assert [each.fingerprint for each in done] == [None, None]
    assert capsys.readouterr().err.count("not cached: odd.py") >= 1
    assert [each.record for each in session.sweep.points] == [None, None]


def test_a_record_of_edited_code_is_named_as_what_it_is(root, pool, session):
    pool.holds = True
    with session:
        session.submit(point(root, "lr=0.1"))
        before = identify(compose(["lr=0.1"], root), root).fingerprint
        text = (root / "lab.py").read_text()
        (root / "lab.py").write_text(text.replace("slope, history = 0.0", "slope, history = 1.0"))
        pool.holds = False
        done = session.next()
    assert done.state == DONE
    assert done.fingerprint == identify(compose(["lr=0.1"], root), root).fingerprint != before


def test_the_manifest_says_what_became_of_every_point(root, pool, session, monkeypatch):
    monkeypatch.setattr(sessions, "WRITE", 0.0)
    publish(point(root, "lr=0.2").config, root)
    pool.fails[2] = "ValueError: too steep"
    pool.holds = True
    with session:
        for lr in (0.1, 0.2, 0.3, 0.4):
            session.submit(point(root, f"lr={lr}"))
        on_its_way = read(session.folder)
        assert [each.state for each in on_its_way.points] == [RUNNING, CACHED, WAITING, WAITING]
        assert on_its_way.ended is None
        pool.holds = False
        while session.pending > 1:
            session.next()
    sweep = read(session.folder)
    assert sweep == session.sweep
    assert sweep.id == "sweep-a" and sweep.command == ("train.py", "-m") and sweep.ended >= sweep.created
    assert (sweep.objective, sweep.direction) == ("val_loss", "minimize")
    assert [each.state for each in sweep.points] == [DONE, CACHED, FAILED, RUNNING]
    assert [each.overrides for each in sweep.points] == [("lr=0.1",), ("lr=0.2",), ("lr=0.3",), ("lr=0.4",)]
    for each in sweep.points[:2]:
        assert Record.read(root / "runs" / each.record).fingerprint == each.fingerprint
    assert sweep.points[2].error == "exit code 1: ValueError: too steep" and sweep.points[2].record is None


def test_leaving_it_stops_the_pool_and_it_can_be_entered_again(root, pool, session):
    pool.holds = True
    with pytest.raises(KeyboardInterrupt), session:
        session.submit(point(root, "lr=0.1"))
        raise KeyboardInterrupt
    assert pool.stopped == 1
    assert read(session.folder).ended is not None


def test_a_pool_that_cannot_begin_leaves_no_sweep(root, pool, session):
    with session:
        session.submit(point(root, "lr=0.1"))
        session.next()
    assert read(session.folder).count(DONE) == 1

    other = Session(root, pool, session.folder.with_name("sweep-b"))
    pool.start = refuse
    with pytest.raises(UserError, match="nobody there"), other:
        other.submit(point(root, "lr=0.1"))  # cached
        other.submit(point(root, "lr=0.2"))
    assert not other.folder.exists()
    with pytest.raises(UserError, match="nobody there"), session:
        session.submit(point(root, "lr=0.2"))
    assert [each.state for each in read(session.folder).points] == [DONE, RUNNING]


def refuse(job):
    raise UserError("nobody there")


def test_batches_of_one_sweep_are_one_sweep(root, pool, session):
    for seed in range(2):
        with session:
            session.submit(point(root, f"seed={seed}"))
            assert session.next().number == seed
    assert len(read(session.folder).points) == 2


def test_there_is_no_next_without_a_point(session):
    with session, pytest.raises(LookupError):
        session.next()


def test_who_looks_on_sees_each_point_once_it_is_over(root, pool):
    class Watcher:
        seen, closed = [], 0

        def see(self, sweep, over):
            if over is not None:
                assert sweep.points[over.number] == over
                self.seen.append((over.number, over.state))

        def close(self):
            self.closed += 1

    watcher = Watcher()
    pool.fails[1] = "no"
    sweep(
        Session(root, pool, root / "runs" / ".sweeps" / "a", watcher=watcher),
        [point(root, f"seed={n}") for n in (0, 1)],
    )
    assert watcher.seen == [(0, DONE), (1, FAILED)] and watcher.closed == 1


def test_exports_of_points_are_written(root, session, pool, monkeypatch):
    exported = []
    monkeypatch.setattr("twinlib.export.export", lambda record, folder: exported.append((record.name, folder)))
    done = sweep(session, [point(root, "lr=0.1", "export=out"), point(root, "lr=0.1", "export=again")])
    assert exported == [(done[0].folder.name, root / "out"), (done[0].folder.name, root / "again")]


def test_a_store_that_cannot_be_written_is_one_line(root, pool):
    (root / "runs").write_text("")
    session = Session(root, pool, root / "runs" / ".sweeps" / "a")
    with pytest.raises(UserError, match=r"set store\.path"), session:
        session.submit(Point(("lr=fast",), None, "lr: cannot be a text"))
