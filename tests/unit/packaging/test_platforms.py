"""Installing on each platform: exactly one ONNX Runtime and one fastembed, for which wheels exist."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = CONFIGURATION["project"]
PINS = {
    canonicalize_name(pin.name): pin.specifier
    for pin in (
        Requirement(line)
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
}
PYTHONS = ("3.11", "3.12", "3.13")


@dataclass(frozen=True, slots=True)
class Platform:
    """A kind of machine by the three values that markers ask for."""

    system: str
    sys_platform: str
    machine: str
    on_gpu_build: bool
    """Whether onnxruntime-gpu is installed here: its 1.31 wheels run on a CPU as well."""

    def environment(self, python: str, *, extra: str) -> dict[str, str]:
        """What pip would evaluate markers with on this platform."""
        return {
            "os_name": "nt" if self.sys_platform == "win32" else "posix",
            "sys_platform": self.sys_platform,
            "platform_machine": self.machine,
            "platform_system": self.system,
            "python_version": python,
            "python_full_version": f"{python}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "extra": extra,
        }

    def installed(self, python: str, *, extras: tuple[str, ...] = ()) -> list[Requirement]:
        """The requirements that pip would install here, with those of the extras."""
        wanted = [(text, "") for text in PROJECT["dependencies"]]
        for extra in extras:
            wanted += [(text, extra) for text in PROJECT["optional-dependencies"][extra]]
        requirements = [(Requirement(text), extra) for text, extra in wanted]
        return [
            requirement
            for requirement, extra in requirements
            if requirement.marker is None or requirement.marker.evaluate(self.environment(python, extra=extra))
        ]


PLATFORMS = {
    "Linux x86-64": Platform("Linux", "linux", "x86_64", on_gpu_build=True),
    "Linux arm64": Platform("Linux", "linux", "aarch64", on_gpu_build=False),
    "macOS arm64": Platform("Darwin", "darwin", "arm64", on_gpu_build=False),
    "macOS x86-64": Platform("Darwin", "darwin", "x86_64", on_gpu_build=False),
    "Windows x86-64": Platform("Windows", "win32", "AMD64", on_gpu_build=True),
    "Windows arm64": Platform("Windows", "win32", "ARM64", on_gpu_build=False),
}

each_platform = pytest.mark.parametrize("name", PLATFORMS)
each_python = pytest.mark.parametrize("python", PYTHONS)
with_and_without_cuda = pytest.mark.parametrize("extras", [(), ("cuda",)], ids=["plain", "cuda"])


@each_platform
@each_python
@with_and_without_cuda
def test_each_platform_installs_the_one_onnx_runtime_and_the_one_fastembed_that_have_wheels_there(
    name: str, python: str, extras: tuple[str, ...]
) -> None:
    platform = PLATFORMS[name]
    names = {requirement.name for requirement in platform.installed(python, extras=extras)}
    suffix = "-gpu" if platform.on_gpu_build else ""
    assert {found for found in names if found.startswith("onnxruntime")} == {f"onnxruntime{suffix}"}
    assert {found for found in names if found.startswith("fastembed")} == {f"fastembed{suffix}"}


@each_platform
@each_python
def test_the_cuda_libraries_come_with_the_cuda_extra_where_the_gpu_build_is_installed(name: str, python: str) -> None:
    platform = PLATFORMS[name]
    extras = {extra for requirement in platform.installed(python, extras=("cuda",)) for extra in requirement.extras}
    assert extras == ({"cuda", "cudnn"} if platform.on_gpu_build else set())


@each_platform
@each_python
def test_the_constraints_pin_every_package_that_a_platform_installs_to_a_version_that_fits(
    name: str, python: str
) -> None:
    for requirement in PLATFORMS[name].installed(python, extras=("dev",)):
        pin = PINS.get(canonicalize_name(requirement.name))
        assert pin is not None, requirement
        (exact,) = pin
        assert exact.operator == "==", requirement
        assert requirement.specifier.contains(exact.version), (requirement, exact)


def test_the_classifiers_name_the_versions_of_python_that_are_tested() -> None:
    prefix = "Programming Language :: Python :: 3."
    assert [
        line.removeprefix("Programming Language :: Python :: ")
        for line in PROJECT["classifiers"]
        if line.startswith(prefix)
    ] == list(PYTHONS)


def test_everything_that_goes_into_the_source_distribution_is_there_with_the_licence_files() -> None:
    included = CONFIGURATION["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert set(PROJECT["license-files"]) <= set(included)
    assert not [name for name in included if not (ROOT / name).exists()]
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
