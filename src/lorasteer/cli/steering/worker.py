"""Work beside the keys: one job at a time in a thread, so that the screen answers while a network learns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Worker(Generic[T]):
    """A thread for each job; its answer, or its error, is fetched when it is done."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._answer: Future[T] | None = None

    @property
    def busy(self) -> bool:
        """Whether a job runs, or its answer was not fetched yet."""
        return self._thread is not None

    def begin(self, job: Callable[[], T]) -> None:
        """Begin a job; the one before must have been fetched."""
        assert self._thread is None

        answer: Future[T] = Future()

        def work() -> None:
            try:
                answer.set_result(job())
            except BaseException as error:  # whatever it is, the thread of the keys shall raise it
                answer.set_exception(error)

        self._answer = answer
        self._thread = threading.Thread(target=work, name="lorasteer-work", daemon=True)
        self._thread.start()

    def done(self, timeout: float = 0) -> bool:
        """Whether the job's answer is there to be fetched.

        Args:
            timeout: Seconds to wait for it.
        """
        if self._thread is None:
            return False
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def fetch(self) -> T:
        """The answer of a job that is done; raises what the job raised."""
        assert self._answer is not None
        answer, self._thread, self._answer = self._answer, None, None
        return answer.result()
