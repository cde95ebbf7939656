"""The NVIDIA GPUs of the machine, as the driver's own library reports them."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

_NAME_BYTES = 96
"""NVML_DEVICE_NAME_V2_BUFFER_SIZE."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU of the machine."""

    name: str
    driver: str
    """Version of the driver."""
    memory: int
    """Bytes in all."""
    free: int
    """Bytes that were free when the GPU was found."""


class _Memory(ctypes.Structure):
    """`nvmlMemory_t`."""

    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def find_gpus() -> tuple[Gpu, ...]:
    """Ask NVML, which comes with the driver, for its GPUs; without NVML there are none."""
    try:
        nvml = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    except OSError:
        return ()
    if nvml.nvmlInit_v2() != 0:
        return ()
    try:
        driver = ctypes.create_string_buffer(_NAME_BYTES)
        nvml.nvmlSystemGetDriverVersion(driver, _NAME_BYTES)
        count = ctypes.c_uint()
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        return tuple(_gpu(nvml, index, driver=driver.value.decode()) for index in range(count.value))
    finally:
        nvml.nvmlShutdown()


def _gpu(nvml: ctypes.CDLL, index: int, *, driver: str) -> Gpu:
    handle, memory = ctypes.c_void_p(), _Memory()
    name = ctypes.create_string_buffer(_NAME_BYTES)
    nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
    nvml.nvmlDeviceGetName(handle, name, _NAME_BYTES)
    nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    return Gpu(name=name.value.decode(), driver=driver, memory=memory.total, free=memory.free)
