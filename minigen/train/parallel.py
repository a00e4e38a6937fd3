r"""Training by several processes: each takes a share of every batch, all keep the same weights.

    mpiexec -n 4 minigen demo autoencoder

Idea: the gradient of a mean is the mean of the gradients. K processes ("ranks") hold the same
weights. Each works on its part of the batch; when a parameter's gradient is complete, a hook
replaces it by the mean over all samples of all ranks,

$$ g = \sum_{r=0}^{K-1} \frac{B_r}{B} \, g_r \qquad B = \sum_r B_r $$

so that clipping and the optimizer see what one process would have seen, to rounding, and do the
same everywhere. The training loop does not change: `Run` asks `world()` and does it all.

What is not the same as in one process: statistics within a batch (batch norm, a contrastive loss's
negatives) are of a rank's own part, and its noise and dropout are a stream of its own. A loss that
uses other parameters on one rank than on another would make them wait for each other forever.

A `World` is the whole of what training needs to know of other processes. `Mpi` stages arrays of a
GPU through the host; a world that sums them where they are (NCCL) has the same three methods.
Each process takes as many threads as NumPy finds cores: OPENBLAS_NUM_THREADS=1 shares them fairly.
Source: Goyal et al., Accurate, Large Minibatch SGD, 2017, section 3. Read next: run.py.
"""

import functools
import json
import os
import sys
import traceback
from contextlib import contextmanager, redirect_stdout, suppress

import numpy as np

from minigen.autograd import assign
from minigen.backend import device_of, to_device, to_numpy
from minigen.tensor import wrap
from minigen.train.demo import UsageError

LAUNCHERS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")    # MPICH's and Intel's, Open MPI's


class World:
    """A process alone; its subclasses know others. All ranks must make the same calls."""

    rank, size = 0, 1

    def sum(self, array):
        """The sum over ranks, the same bits on each.   array of one shape and dtype -> like it"""
        return array

    def first(self, array):
        """What rank 0 has.   array of one shape and dtype -> like it"""
        return array

    def gather(self, value):
        """[what each rank has], values that JSON can hold."""
        return [value]

    def abort(self):
        """End all processes: one has failed, and the others would wait for it."""

    def share(self, count):
        """This rank's part of `count` samples, at least one of them.   -> (slice, its weight)

        The weights are the parts' sizes over count; they add up to 1. Where there are fewer samples
        than ranks, some ranks take one that others have too, with weight 0.
        """
        start, stop = (count * r // self.size for r in (self.rank, self.rank + 1))
        if start < stop:
            return slice(start, stop), (stop - start) / count
        return slice(0, 1), 0.0

    @contextmanager
    def speaking(self):
        """Context in which rank 0 alone prints."""
        if self.rank == 0:
            yield
        else:
            with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
                yield


class Mpi(World):
    """The processes that mpiexec started, by mpi4py."""

    def __init__(self, mpi):
        self._mpi, self._comm = mpi, mpi.COMM_WORLD
        self.rank, self.size = self._comm.rank, self._comm.size

    def sum(self, array):
        """The sum over ranks; 16-bit floats are summed as float32."""
        host = np.array(to_numpy(array), "f4" if array.dtype.itemsize == 2 else None, order="C")
        self._comm.Allreduce(self._mpi.IN_PLACE, host)
        return to_device(host.astype(array.dtype, copy=False), device_of(array))

    def first(self, array):
        """What rank 0 has, as bytes: of any dtype."""
        host = np.array(to_numpy(array), order="C")
        self._comm.Bcast(host.reshape(-1).view(np.uint8))
        return to_device(host, device_of(array))

    def gather(self, value):
        """[what each rank has], sent as JSON: mpi4py's own way would be pickle."""
        mine = np.frombuffer(json.dumps(value).encode(), np.uint8)
        sizes = np.zeros(self.size, np.int64)
        self._comm.Allgather(np.array([mine.size], np.int64), sizes)
        everyone = np.zeros(sizes.sum(), np.uint8)
        self._comm.Allgatherv(mine, [everyone, sizes])
        parts = np.split(everyone, np.cumsum(sizes)[:-1])
        return [json.loads(part.tobytes()) for part in parts]

    def abort(self):
        """End all processes."""
        sys.stdout.flush()
        self._comm.Abort(1)


@functools.cache
def world():
    """The processes that this one was started with; a World of one without mpiexec.

    UsageError if mpiexec started several, and mpi4py is missing or belongs to another MPI.
    """
    expected = next((int(os.environ[name]) for name in LAUNCHERS if name in os.environ), 1)
    if expected == 1:
        return World()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise UsageError(f"mpiexec started {expected} processes, which need mpi4py to find each "
                         f'other ({error}); it comes with the extra mpi: `pip install '
                         '"minigen-dl[mpi]"`, or `pip install -e ".[mpi]"` in a clone') from error
    if MPI.COMM_WORLD.size != expected:
        raise UsageError(f"mpiexec started {expected} processes, of which mpi4py sees "
                         f"{MPI.COMM_WORLD.size}: they belong to different MPIs; take the mpiexec "
                         f"beside {sys.executable}")
    return Mpi(MPI)


class Together:
    """Keeps the weights of all ranks the same, and makes each gradient that of the whole batch.

    modules: what is trained, the same on each rank. weight: that of this rank's share of the batch
    at hand, to be set before each backward.
    """

    def __init__(self, world, modules):
        self.world, self.weight = world, 1.0
        if world.size == 1:
            return
        for module in modules:
            self.follow([*module.parameters(), *module.buffers()])
        for p in {id(p): p for module in modules for p in module.parameters()}.values():
            p.hooks = [self._average, *(p.hooks or ())]     # before a hook that clips, say

    def follow(self, tensors):
        """Give tensors, parameters or buffers, the values that they have on rank 0."""
        for tensor in tensors if self.world.size > 1 else ():
            assign(tensor, self.world.first(tensor.data))

    def _average(self, gradient):
        if gradient.requires_grad:
            raise RuntimeError("data-parallel training: the gradient of a parameter was asked for "
                               "with create_graph; other processes' parts have no graph here")
        weighted = gradient.data * gradient.dtype.type(self.weight)
        return wrap(self.world.sum(weighted))


def fail(world, error):
    """Show the error and end all ranks, where there are others that would wait for this one."""
    if world.size > 1:
        with suppress(BrokenPipeError):
            traceback.print_exception(error)
            sys.stderr.flush()
        world.abort()
