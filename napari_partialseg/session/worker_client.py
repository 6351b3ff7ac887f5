"""The viewer's end of the worker: starts the process, sends messages, hands on what comes back."""

from __future__ import annotations

import sys
from collections import deque

from qtpy.QtCore import QObject, QProcess, QProcessEnvironment, Signal

from trainer import protocol

__all__ = ["WorkerClient"]

_END_MILLISECONDS = 4000
_KEPT_LINES = 60


class WorkerClient(QObject):
    """A worker process, and the messages to and from it.

    Signals
    -------
    received(message)
        A `trainer.protocol.Message` has come.
    died(text)
        The process ended without having been asked to; the text is for the user.
    """

    received = Signal(object)
    died = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._ending = False
        self._told_fatal = ""
        self._refused = False  # whether this worker speaks another version
        self._last_lines: deque[str] = deque(maxlen=_KEPT_LINES)

    @property
    def running(self) -> bool:
        """Whether there is a process (it may still be starting)."""
        return self._process is not None and self._process.state() != QProcess.ProcessState.NotRunning

    @property
    def pid(self) -> int:
        """The process's number; 0 when there is none."""
        return int(self._process.processId()) if self._process is not None else 0

    @property
    def last_lines(self) -> str:
        """What the process last wrote to standard error, for a bug report."""
        return "\n".join(self._last_lines)

    def start(self) -> None:
        """Start the process, unless it runs."""
        if self.running:
            return
        self._ending = False
        self._told_fatal = ""
        self._refused = False
        self._last_lines.clear()
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUNBUFFERED", "1")
        process.setProcessEnvironment(environment)
        process.readyReadStandardOutput.connect(self._read_messages)
        process.readyReadStandardError.connect(self._read_errors)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._failed)
        self._process = process
        # -P keeps the current folder off the path: it may hold somebody's own trainer.py.
        process.start(sys.executable, ["-P", "-m", "trainer.worker"])

    def send(self, message: protocol.Message) -> bool:
        """Send a message; return False when no process runs to take it."""
        if self._process is None or not self.running:
            return False
        self._process.write(protocol.encode(message))
        return True

    def end(self) -> None:
        """Ask the process to save and end, and see that it does."""
        process = self._process
        if process is None:
            return
        self._ending = True
        if self.running:
            process.write(protocol.encode(protocol.Shutdown()))
            process.closeWriteChannel()
            if not process.waitForFinished(_END_MILLISECONDS):
                process.kill()
                process.waitForFinished(_END_MILLISECONDS)
        self._read_messages()
        process.deleteLater()
        self._process = None

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        if self._process is not None:
            self._process.kill()

    def _read_messages(self) -> None:
        process = self._process
        while process is not None and process.canReadLine():
            message = protocol.decode(bytes(process.readLine().data()))
            match message:
                case protocol.Hello(protocol=version) if version != protocol.PROTOCOL_VERSION:
                    self._refuse(version)
                case protocol.Problem():
                    self._last_lines.extend(message.detail.splitlines())
                    if message.fatal:
                        self._told_fatal = message.text
            if not self._refused:
                self.received.emit(message)

    def _refuse(self, version: int) -> None:
        """End a worker that another version of the tool started: neither would understand the other."""
        self._refused = True
        self._told_fatal = (
            f"The worker is of another version of Partial Seg than this viewer (protocol {version}, and here "
            f"{protocol.PROTOCOL_VERSION}): the tool was updated while napari was open. Close napari and start "
            "it again."
        )
        self.kill()

    def _read_errors(self) -> None:
        if self._process is not None:
            text = bytes(self._process.readAllStandardError().data()).decode(errors="replace")
            self._last_lines.extend(text.splitlines())

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and not self._ending:
            self.died.emit(f"The worker could not be started: {sys.executable} cannot be run.")

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read_messages()
        self._read_errors()
        if self._ending:
            return
        if self._told_fatal:
            text = self._told_fatal
        elif status == QProcess.ExitStatus.CrashExit:
            text = "The worker was ended from outside or crashed."
        else:
            text = f"The worker ended by itself (exit code {code})."
        self.died.emit(text)
