"""The worker as a process: it answers, learns, and never outlives its viewer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import ClassVar

import psutil
import pytest
from live_helpers import make_work

from annotations.errors import PartialSegError
from trainer import protocol
from trainer.worker import process as worker_module


class Worker:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "trainer.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def send(self, *messages):
        for message in messages:
            self.process.stdin.write(protocol.encode(message))
        self.process.stdin.flush()

    def until(self, wanted):
        """Read messages until one satisfies `wanted`; the test's time limit ends the wait."""
        seen = []
        for line in self.process.stdout:
            message = protocol.decode(line)
            seen.append(message)
            if wanted(message):
                return message, seen
        raise AssertionError(f"the worker ended; it had said {seen[-5:]}")


@pytest.fixture
def worker():
    result = Worker()
    yield result
    if result.process.poll() is None:
        result.process.kill()
    result.process.wait()
    for stream in (result.process.stdin, result.process.stdout):
        stream.close()


def test_it_says_hello_trains_and_saves_when_its_input_closes(worker, tmp_path):
    work = make_work(tmp_path)
    work.draw((20, 60), (20, 60), 0)
    work.draw((20, 60), (120, 160), 1)
    hello, seen = worker.until(lambda m: isinstance(m, protocol.Hello))
    assert hello.pid == worker.process.pid
    assert len(seen) == 1
    worker.send(work.message, protocol.Train())
    worker.until(lambda m: isinstance(m, protocol.Tiles))
    assert psutil.Process(hello.pid).nice() == psutil.Process().nice()
    if hasattr(os, "SCHED_BATCH"):  # an ordinary share, so that nothing starves
        assert os.sched_getscheduler(hello.pid) == os.SCHED_BATCH
    worker.process.stdin.close()
    assert worker.process.wait(30) == 0
    assert (tmp_path / "weights" / "best_model.pth").is_file()


def test_a_strange_line_is_reported_and_passed_over(worker, tmp_path):
    worker.until(lambda m: isinstance(m, protocol.Hello))
    worker.process.stdin.write(b'{"type": "Dance"}\nrubbish\n')
    worker.send(make_work(tmp_path).message)
    _, seen = worker.until(lambda m: isinstance(m, protocol.Opened))
    problems = [m.text for m in seen if isinstance(m, protocol.Problem)]
    assert len(problems) == 2
    assert "'Dance'" in problems[0]


def test_an_unreadable_orthophoto_is_a_message_and_not_the_end(worker, tmp_path):
    work = make_work(tmp_path)
    (tmp_path / "broken.tif").write_bytes(b"II*\x00 nothing more")
    content = json.loads(protocol.encode(work.message))
    content["image"] = str(tmp_path / "broken.tif")
    worker.process.stdin.write(json.dumps(content).encode() + b"\n")
    worker.process.stdin.flush()
    problem, _ = worker.until(lambda m: isinstance(m, protocol.Problem))
    assert "broken.tif" in problem.text
    assert not problem.fatal
    worker.send(work.message)
    worker.until(lambda m: isinstance(m, protocol.Opened))


def test_it_ends_when_its_viewer_is_killed(tmp_path):
    # A process stands in for the viewer: it starts a worker, tells its number, and is killed.
    viewer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys\n"
            "w = subprocess.Popen([sys.executable, '-P', '-m', 'trainer.worker'], stdin=-1, stdout=-1)  # -1: pipes\n"
            "w.stdout.readline()\n"
            "print(w.pid, flush=True)\n"
            "w.wait()\n",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    worker = psutil.Process(int(viewer.stdout.readline()))
    os.kill(viewer.pid, signal.SIGKILL)
    viewer.wait()
    viewer.stdout.close()
    gone, alive = psutil.wait_procs([worker], timeout=20)
    for process in alive:
        process.kill()
    assert gone and not alive


def test_a_problem_at_work_is_told_once_and_not_for_ever():
    class Inbox:
        def __init__(self):
            self.closed = threading.Event()
            self.blocked = 0

        drawing = False

        def get(self, *, block):
            if block:
                self.blocked += 1
                if self.blocked == 3:
                    self.closed.set()
            return None

    class Session:
        held = 0

        def work(self):
            raise PartialSegError("rows 0 to 512 are damaged") from ValueError("bad checksum")

        def held_up(self):
            self.held += 1

    class Outbox:
        sent: ClassVar[list] = []

        def send(self, message):
            self.sent.append(message)

    inbox, outbox, session = Inbox(), Outbox(), Session()
    worker_module._run(session, inbox, outbox)
    told = [m for m in outbox.sent if isinstance(m, protocol.Problem)]
    assert "ValueError: bad checksum" in told[0].detail  # for a bug report
    assert len(told) == session.held == 2  # one for each time that it was woken, the last time to end


def test_the_protocol_and_the_configuration_import_no_torch():
    names = "trainer.config, trainer.protocol, annotations.prediction.kept_map"
    code = f"import sys, {names}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
