"""While somebody draws, the worker computes with what nobody else wants; otherwise it has its share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from trainer import protocol
from trainer.worker.inbox import in_order
from trainer.worker.lane import PoliteLane
from trainer.worker.threads import ThreadGovernor


def priority():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="a priority for each thread is of Linux")
def test_the_polite_thread_alone_gives_way():
    lane = PoliteLane()
    seen = []
    before = priority()
    assert lane.run(lambda: seen.append((priority(), threading.get_ident())) or True) is True
    assert seen[0][0] == 19
    assert seen[0][1] != threading.get_ident()
    assert priority() == before


def test_what_is_raised_there_is_raised_here_and_the_lane_goes_on():
    lane = PoliteLane()
    with pytest.raises(ZeroDivisionError):
        lane.run(lambda: 1 / 0)
    assert lane.run(lambda: False) is False


def test_the_hand_counts_at_once_and_is_no_message_to_act_on():
    assert in_order([protocol.Drawing(down=True), protocol.Save()]) == [protocol.Save()]
    # In a process of its own: the end of its input ends it.
    code = (
        "import os, sys\n"
        "from trainer.worker.inbox import Inbox\n"
        "inbox = Inbox(sys.stdin.buffer)\n"
        "import time\n"
        "clock = time.monotonic\n"
        "for _ in range(2):\n"
        "    inbox.get(block=True)\n"
        "    now = clock()\n"
        "    seen = []\n"
        "    for later in (0.0, 1.0, 2.0, 29.0, 31.0):\n"
        "        time.monotonic = lambda: now + later\n"
        "        seen.append(int(inbox.drawing))\n"
        "    time.monotonic = clock\n"
        "    print(*seen, flush=True)\n"
        "os._exit(0)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        # Until long after the press, should word of the release be lost; and a little longer than the release.
        for down, drawing in ((True, b"1 1 1 1 0"), (False, b"1 1 0 0 0")):
            process.stdin.write(protocol.encode(protocol.Drawing(down)))
            process.stdin.flush()
            assert process.stdout.readline().strip() == drawing


def test_the_number_of_threads_is_set_in_each_thread_that_computes():
    chosen = []
    governor = ThreadGovernor(4, lambda n: chosen.append((n, threading.get_ident())), clock=lambda: 0.0)
    PoliteLane().run(lambda: governor.look() or True)
    assert [n for n, _ in chosen] == [4]
    assert chosen[0][1] != threading.get_ident()
