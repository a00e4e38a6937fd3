"""The name of the hardware behind a device, for people and for recorded results."""

import os
import platform
from pathlib import Path

from minigen import backend


def device_name(device):
    """"cpu: 2 cores of AMD EPYC ..." or "gpu: NVIDIA H100 ..."."""
    number = backend.parse_device(device)
    if number is not None:
        with backend.on(device):
            properties = backend.module_on(device).cuda.runtime.getDeviceProperties(number)
        return f"{device}: {properties['name'].decode()}"
    affinity = getattr(os, "sched_getaffinity", None)       # Linux: respects containers' CPU sets
    cores = len(affinity(0)) if affinity else os.cpu_count()
    return f"cpu: {cores} cores of {_processor()}"


def _processor():
    """The processor's name, as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")                         # Linux; platform is vague there
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
