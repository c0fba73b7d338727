"""Layouts are made in processes that end in time, at Ctrl-C, and with the process that asked for them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.drawing import DrawingError, TooLargeError, draw
from tinygraph.drawing.layout import engine, workers
from tinygraph.drawing.page.states import states

from .graphs import chain_of, hypotenuse, network

pytestmark = pytest.mark.skipif(
    engine.importlib.util.find_spec("pygraphviz") is None, reason="pygraphviz is not installed"
)
posix = pytest.mark.skipif(os.name == "nt", reason="processes and signals of Unix")

# A text that Graphviz needs minutes for: every box has an arrow to every other one.
SLOW = f"digraph {{ {' '.join(f'{a} -> {b};' + chr(10) for a in range(120) for b in range(a))} }}"
SMALL = 'digraph { a -> b [label="é"] }'


@pytest.fixture(autouse=True)
def no_worker_is_left() -> Iterator[None]:
    yield
    workers.close_all()


def run(code: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Run a program with the graphs of these tests at hand."""
    here = Path(__file__)
    path = os.pathsep.join([str(here.parents[2]), *sys.path])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=here.parent, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False, **more,
    )  # fmt: skip


def lives(pid: int) -> bool:
    """Return whether a process is there and not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def children() -> list[int]:
    """Return the processes that this one started, zombies too."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="counts processes in /proc")


def test_formats_of_one_layout_are_those_of_one_layout_each() -> None:
    together = engine.renders(SMALL, ["svg", "json"])
    assert together == [engine.render(SMALL, "svg"), engine.render(SMALL, "json")]
    assert "é" in together[0].decode()


def test_a_warm_worker_draws_the_next_picture_too() -> None:
    engine.render(SMALL, "svg")
    (worker,) = workers._idle
    assert engine.render(SMALL, "svg") == engine.render(SMALL, "svg")
    assert workers._idle == [worker]


def test_drawing_twice_does_not_crash() -> None:
    done = run(
        "from graphs import hypotenuse, network\nfrom tinygraph.drawing import draw\n"
        "for graph in (hypotenuse(), network()):\n"
        "    drawing = draw(graph)\n"
        "    for _ in range(3):\n"
        "        drawing.png(), drawing.pdf(), drawing.svg(), draw(graph).svg()\n"
        "print('alive')\n"
    )
    assert (done.stdout, done.stderr) == ("alive\n", "")


def test_a_broken_label_is_an_error_and_stderr_is_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DrawingError, match="mismatched tag"):
        engine.render("digraph { n [label=<<B>x>] }", "svg")
    with pytest.raises(DrawingError, match="syntax error"):
        engine.render("digraph { n", "svg")
    with pytest.raises(DrawingError, match='"knitting" not recognized'):
        engine.render(SMALL, "knitting")
    engine.render(SMALL, "svg")
    assert capfd.readouterr().err == ""


def test_more_boxes_than_can_be_laid_out_are_never_tried() -> None:
    with pytest.raises(TooLargeError, match="2,001 boxes"):
        engine.render("digraph { a }", "svg", 2001)


def test_no_line_of_dot_is_too_long() -> None:
    for graph in (network(30), chain_of(250)):
        assert max(map(len, draw(graph).source.splitlines())) < engine.LONGEST_LINE
    with pytest.raises(DrawingError, match="16,384"):
        engine.render("digraph { n [label=" + "x" * 20_000 + "] }", "svg")


# --- the time limit, and Ctrl-C


def test_a_layout_ends_at_the_limit_and_the_next_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    engine.has_fonts()
    monkeypatch.setattr(engine, "SECONDS", 0.3)
    start = time.monotonic()
    with pytest.raises(TooLargeError, match=r"longer than 0\.3 seconds"):
        engine.render(SLOW, "svg", 120)
    assert time.monotonic() - start < 1.5
    assert workers._idle == []
    monkeypatch.undo()
    assert b"<svg" in engine.render(SMALL, "svg")


@posix
@linux
@pytest.mark.parametrize("warm", [False, True])
def test_ctrl_c_is_heard_at_once_and_leaves_no_process(warm: bool) -> None:
    if warm:
        engine.render(SMALL, "svg")
    before = children()
    sent = []

    def press() -> None:
        time.sleep(0.5)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        engine.render(SLOW, "svg", 120)
    heard = time.monotonic()
    thread.join()
    assert heard - sent[0] < 0.2
    assert workers._idle == [] and workers._busy == set()
    assert children() == [pid for pid in before if lives(pid)]
    assert b"<svg" in engine.render(SMALL, "svg")


@posix
@linux
def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    code = (
        "from pathlib import Path\nfrom tinygraph.drawing.layout import engine, workers\n"
        f"engine.render('digraph {{ a }}', 'svg')\nPath({str(said)!r}).write_text(str(workers._idle[0].process.pid))\n"
    )
    assert run(code).stderr == ""
    _soon(lambda: not lives(int(said.read_text())))
    killed = run(code + "import os\nos.kill(os.getpid(), 9)\n")
    assert killed.returncode == -signal.SIGKILL
    _soon(lambda: not lives(int(said.read_text())))


def _soon(true: object, seconds: float = 2.0) -> None:
    until = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.02)


@posix
def test_a_killed_worker_is_an_error_in_its_picture_and_replaced_before_the_next() -> None:
    engine.render(SMALL, "svg")
    workers._idle[0].process.kill()
    time.sleep(0.05)
    assert b"<svg" in engine.render(SMALL, "svg")
    worker = workers._idle[0]
    threading.Timer(0.2, worker.process.kill).start()
    with pytest.raises(DrawingError, match="signal 9"):
        engine.render(SLOW, "svg", 120)


def test_several_texts_share_a_limit() -> None:
    engine.has_fonts()
    sources = [(SMALL, 2), (SMALL, 2001), (SLOW, 120), (SMALL, 2)]
    start = time.monotonic()
    first, large, late, never = engine.renders_many(sources, ["svg"], seconds=0.5)
    assert isinstance(first, list) and first[0].startswith(b"<?xml")
    assert isinstance(large, TooLargeError) and "2,001" in str(large)
    assert isinstance(late, TooLargeError) and isinstance(never, TooLargeError)
    assert time.monotonic() - start < 1.5
    drawn = list(engine.renders_many([(SMALL, 2), (SMALL, 2)], ["svg"]))
    assert drawn == [engine.renders(SMALL, ["svg"])] * 2


@linux
def test_texts_that_nobody_reads_to_the_end_leave_no_process() -> None:
    before = children()
    some = engine.renders_many([(SMALL, 2), (SLOW, 120)], ["svg"])
    next(some)
    some.close()
    assert workers._busy == set() and children() == before
    with pytest.raises(ZeroDivisionError):
        list(engine.renders_many(((SMALL, 1 // (1 - number)) for number in range(2)), ["svg"]))
    assert workers._busy == set() and children() == before


def test_a_page_leaves_out_what_is_too_large_beside_its_first_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = draw(network(3), view="collapsed")
    whole = keys_of(drawing.html())
    boxes = [len(state.scene.boxes) for state in states(drawing._scene)]
    monkeypatch.setattr(engine, "MOST_BOXES", sorted(boxes)[len(boxes) // 2])
    some = keys_of(drawing.html())
    assert "" in some and some < whole
    monkeypatch.setattr(engine, "MOST_BOXES", 1)
    with pytest.raises(TooLargeError):
        drawing.html()


def keys_of(page: str) -> set[str]:
    return set(json.loads(page.partition('id="data">')[2].partition("</script>")[0]))


# --- many pictures, threads, processes


@linux
def test_pictures_leak_no_process_no_descriptor_and_no_memory() -> None:
    source = draw(network()).source
    engine.renders(source, ["svg", "json"])
    worker = workers._idle[0]
    processes, descriptors = children(), os.listdir("/proc/self/fd")
    of_worker = os.listdir(f"/proc/{worker.process.pid}/fd")
    sizes = []
    for _ in range(3):
        for _ in range(50):
            engine.renders(source, ["svg", "json"])
        sizes.append(_resident(worker.process.pid))
    assert workers._idle == [worker]
    assert children() == processes
    assert os.listdir("/proc/self/fd") == descriptors
    assert os.listdir(f"/proc/{worker.process.pid}/fd") == of_worker
    assert sizes[-1] < 1.05 * sizes[0]


def test_a_worker_is_replaced_after_many_layouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MOST_LAYOUTS", 3)
    seen = []
    for _ in range(4):
        engine.render(SMALL, "svg")
        seen.append(list(workers._idle))
    assert seen[0] == seen[1] != [] and seen[2] == [] and seen[3] != []


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


@linux
def test_refused_pictures_leak_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SECONDS", 0.05)
    descriptors, processes = os.listdir("/proc/self/fd"), children()
    for _ in range(5):
        with pytest.raises(TooLargeError):
            engine.render(SLOW, "svg", 120)
    assert os.listdir("/proc/self/fd") == descriptors
    assert children() == processes


def test_threads_draw_at_once() -> None:
    sources = [draw(network(layers)).source for layers in range(1, 5)] * 2
    drawn: dict[int, bytes] = {}

    def work(number: int) -> None:
        for _ in range(3):
            drawn[number] = engine.render(sources[number], "svg")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [drawn[number] for number in range(8)] == [engine.render(source, "svg") for source in sources]
    assert len(workers._idle) == workers.KEPT and workers._busy == set()


@posix
@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork")
def test_a_forked_process_starts_a_worker_of_its_own() -> None:
    done = run(
        "import multiprocessing, os, warnings\nfrom tinygraph.drawing.layout import engine, workers\n"
        "def drawn(_=None):\n"
        "    before = list(workers._idle)\n"
        "    made = engine.render('digraph { a -> b }', 'svg')\n"
        "    return len(made), len(before), workers._idle[0].process.pid\n"
        "def main():\n"
        "    first = drawn()\n"
        "    with multiprocessing.get_context('fork').Pool(3) as pool:\n"
        "        others = pool.map(drawn, range(3), chunksize=1)\n"
        "    assert all(size == first[0] for size, _, _ in others)\n"
        "    assert all(pid != first[2] for _, _, pid in others)\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        os._exit(0 if drawn()[:2] == (first[0], 0) else 1)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0\n"
        "    assert drawn() == (first[0], 1, first[2])\n"
        "    print('ok')\n"
        "main()\n"
    )
    assert (done.stdout, done.stderr) == ("ok\n", "")


def test_no_letter_of_other_threads_is_lost(capfd: pytest.CaptureFixture[str]) -> None:
    stop = threading.Event()
    written = 0

    def talk() -> None:
        nonlocal written
        while not stop.is_set():
            os.write(2, b"from a thread\n")
            written += 1
            stop.wait(0.001)

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        for _ in range(10):
            engine.render(SMALL, "svg")
    finally:
        stop.set()
        thread.join()
    assert capfd.readouterr().err.count("from a thread") == written


# --- the program `dot`


PROGRAM = """#!{python}
import sys
sys.path[:0] = {path!r}
if "-V" in sys.argv:
    sys.exit(sys.stderr.write("dot - graphviz version {version} (0)\\n") and None)
from tinygraph.drawing.layout.layout_process import lay_out
kinds = [part[2:] for part in sys.argv if part.startswith("-T")]
paths = [part[2:] for part in sys.argv if part.startswith("-o")]
for path, drawn in zip(paths, lay_out(sys.stdin.buffer.read().decode(), kinds), strict=True):
    open(path, "wb").write(drawn)
"""


@pytest.fixture
def dot_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `dot` program on the PATH, and no pygraphviz in this process."""
    program = tmp_path / "dot"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engine, "_package", lambda: None)
    _write_program(program, "9.0.0")
    engine.has_fonts.cache_clear()
    engine._note_if_old.cache_clear()
    return program


def _write_program(program: Path, version: str, text: str = PROGRAM) -> None:
    program.write_text(
        text.format(python=sys.executable, path=[str(Path(__file__).parents[2]), *sys.path], version=version)
    )
    program.chmod(0o755)


@posix
def test_the_program_draws_what_the_package_draws(monkeypatch: pytest.MonkeyPatch, dot_alone: Path) -> None:
    with monkeypatch.context() as there:
        there.undo()
        package = draw(hypotenuse()).svg()
    monkeypatch.setattr(workers, "WorkersLayout", lambda *_: pytest.fail("drawn by the package"))
    assert draw(hypotenuse()).svg() == package


@posix
def test_the_package_is_preferred_to_the_program(monkeypatch: pytest.MonkeyPatch, dot_alone: Path) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(dot_alone.parent))
    monkeypatch.setattr(workers, "ProgramsLayout", lambda *_: pytest.fail("drawn by the program"))
    assert "<svg" in draw(hypotenuse()).svg()


@posix
def test_an_old_program_is_used_with_one_note(dot_alone: Path) -> None:
    _write_program(dot_alone, "2.43.0")
    with pytest.warns(UserWarning, match=r"version 2\.43\.0, which misplaces letters") as noted:
        engine.render(SMALL, "svg")
        engine.render(SMALL, "svg")
    assert len(noted) == 1
    _write_program(dot_alone, "14.1.0")
    engine._note_if_old.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine.render(SMALL, "svg")


@posix
@linux
def test_the_program_is_bounded_too(monkeypatch: pytest.MonkeyPatch, dot_alone: Path) -> None:
    processes, descriptors = children(), os.listdir("/proc/self/fd")
    _write_program(dot_alone, "", "#!/bin/sh\nexec /bin/sleep 60\n")
    monkeypatch.setattr(engine, "_note_if_old", lambda program: None)
    monkeypatch.setattr(engine, "SECONDS", 0.2)
    with pytest.raises(TooLargeError, match=r"longer than 0\.2 seconds"):
        engine.render(SMALL, "svg")
    monkeypatch.setattr(engine, "SECONDS", 20)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        engine.render(SMALL, "svg")
    assert time.monotonic() - start < 0.5
    _write_program(dot_alone, "", "#!/bin/sh\necho 'Error: out of ink' >&2\nexit 1\n")
    with pytest.raises(DrawingError, match="out of ink"):
        engine.render(SMALL, "png")
    _write_program(dot_alone, "", "#!/bin/sh\nexit 3\n")
    with pytest.raises(DrawingError, match="exit status 3"):
        engine.render(SMALL, "svg")
    assert children() == processes
    assert os.listdir("/proc/self/fd") == descriptors


# --- large layouts


def loop_of(steps: int) -> tg.Graph:
    """A recurrent network, step by step."""
    w, u, h = (tg.Tensor(np.ones(shape)) for shape in ((4, 4), (4, 4), 4))
    x = tg.Tensor(np.ones((steps, 4)), requires_grad=False)
    for step in range(steps):
        h = np.tanh(x[step] @ w + h @ u)
    return tg.Graph.of(h)


def test_a_long_loop_is_laid_out_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nslimit" not in draw(loop_of(10), view="full").source
    engine.has_fonts()
    monkeypatch.setattr(engine, "SECONDS", 8)  # 0.9 s with a limit of the rounds, 16 s without
    drawing = draw(loop_of(40), view="full")
    assert len(drawing._scene.boxes) > 250 and "nslimit" in drawing.source
    assert "<svg" in drawing.svg()
