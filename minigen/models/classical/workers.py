"""Workers that share the rows of a data set, each with a part, and add up what they find.

Idea: a sum over all samples is the sum over workers of their sums. So an algorithm that looks at
its data through sums only is written once: `total` is a plain value for one worker, and one message
for many. Each worker then does the same with the same totals, and all stay in step.

Invariant: `total` adds in the order of the ranks, so that every worker has the same bits.
A worker has `rank`, `size` and `Allgather(send, receive)`: any communicator of mpi4py is one.

    kmeans.py, started by  mpiexec -n 4 python kmeans.py
        from mpi4py import MPI
        KMeans(8, workers=MPI.COMM_WORLD).fit(my_rows)

Read next: kmeans.py.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from minigen.backend.numpy import one_blas_thread


class Alone:
    """The only worker: it has all rows."""

    rank, size = 0, 1

    def Allgather(self, send, receive):
        """Copy what this worker sends, (...), to what it receives, (1, ...)."""
        receive[0] = send


class Threads:
    """One of several workers in threads of this process, see `in_threads`."""

    def __init__(self, rank, board, barrier):
        self.rank, self.size = rank, len(board)
        self._board, self._barrier = board, barrier

    def Allgather(self, send, receive):
        """Copy what all workers send, each (...), to what each receives, (size, ...)."""
        self._board[self.rank] = send
        self._barrier.wait()                    # all have written
        receive[:] = self._board
        self._barrier.wait()                    # all have read: the board may be written again


def in_threads(size, function):
    """[function(worker) of each of `size` workers], in threads that run at the same time.

    NumPy computes without Python's lock, so that they share the work of several cores. What a
    worker raises is raised here; the others, who would wait for it, are stopped.
    """
    board, barrier = [None] * size, threading.Barrier(size)

    def work(rank):
        try:
            return function(Threads(rank, board, barrier))
        except BaseException:
            barrier.abort()
            raise

    with one_blas_thread(), ThreadPoolExecutor(size) as pool:
        futures = [pool.submit(work, rank) for rank in range(size)]
    errors = [f.exception() for f in futures if f.exception() is not None]
    for error in errors:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    return [f.result() for f in futures]


def gathered(workers, array):
    """What every worker has under this name, in the order of ranks.   (...) -> (size, ...)"""
    array = np.asarray(array, np.float64, order="C")
    everyone = np.empty((workers.size, *array.shape))
    workers.Allgather(array, everyone)
    return everyone


def total(workers, array):
    """The sum over the workers, the same bits for each.   (...) -> (...)"""
    return gathered(workers, array).sum(0)
