"""The execution provider on which a model runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qmd_mcp.errors import DeviceError, ModelError
from qmd_mcp.inference.hub.manifest import EmbedderManifest, Format
from qmd_mcp.inference.runtime.cuda import Cuda, Library, load_libraries, names_of_libraries
from qmd_mcp.inference.runtime.gpu import Gpu
from qmd_mcp.inference.runtime.placement import Placement, is_compute
from qmd_mcp.inference.runtime.provider_choice import cuda_options, objection, warning
from qmd_mcp.inference.runtime.session import SessionFactory
from tests import tiny_embedder

GPU = Gpu("NVIDIA Test", "600.1", memory=8 * 10**9, free=7 * 10**9)
WORKING = Cuda(
    built=True,
    version="13.0",
    libraries=tuple(
        Library(file, package, required=True, path=file) for file, package in names_of_libraries("13.0", windows=False)
    ),
    gpus=(GPU,),
)
WITHOUT_CUBLAS = replace(
    WORKING,
    libraries=tuple(replace(each, path=None) if "cublas" in each.file else each for each in WORKING.libraries),
)
BOTH = EmbedderManifest.model_validate(
    tiny_embedder.manifest(
        files={
            "cpu": {"graph": "model.onnx", "format": "int8", "batch_invariant": False},
            "cuda": {"graph": "missing.onnx", "format": "fp16", "batch_invariant": True},
        }
    )
)
ONLY_CPU = EmbedderManifest.model_validate(tiny_embedder.manifest())


def placed(cuda: dict[str, int], cpu: dict[str, int]) -> Placement:
    operators = {"CUDAExecutionProvider": cuda, "CPUExecutionProvider": cpu}
    compute = {
        provider: {name: count for name, count in each.items() if is_compute(name)}
        for provider, each in operators.items()
    }
    return Placement(
        {provider: sum(each.values()) for provider, each in operators.items()},
        {provider: sum(each.values()) for provider, each in compute.items()},
        compute,
    )


@pytest.mark.parametrize(
    ("operator", "compute"),
    [
        ("MatMul", True),
        ("MatMulNBits", True),
        ("DynamicQuantizeMatMul", True),
        ("QAttention", True),
        ("SkipSimplifiedLayerNormalization", True),
        ("GroupQueryAttention", True),
        ("Softmax", True),
        ("Gather", False),
        ("Cast", False),
        ("Shape", False),
        ("QuantizeLinear", False),
    ],
)
def test_compute_nodes_are_those_that_do_the_networks_work(operator: str, *, compute: bool) -> None:
    assert is_compute(operator) == compute


@pytest.mark.parametrize("form", ["int8", "fp16", "fp32", "q4f16"])
def test_cuda_is_refused_exactly_where_a_compute_node_stays_behind(form: Format) -> None:
    native = placed({"MatMul": 12, "Softmax": 2}, {"Gather": 3, "Shape": 9})
    assert objection(form, provider="cuda", placement=native) is None
    behind = placed({"Softmax": 2}, {"MatMulInteger": 12, "Shape": 9})
    refused = objection(form, provider="cuda", placement=behind)
    assert refused is not None
    assert "12 MatMulInteger" in refused
    assert objection(form, provider="cpu", placement=behind) is None


def test_four_bits_on_the_processor_are_accepted_with_a_warning() -> None:
    assert "made for GPUs" in (warning("q4f16", provider="cpu") or "")
    assert warning("q4f16", provider="cuda") is None
    assert warning("int8", provider="cpu") is None


def test_the_settings_of_the_gpu_reach_its_provider() -> None:
    assert cuda_options(gpu_memory_mb=0, tf32=True) == {
        "arena_extend_strategy": "kSameAsRequested",
        "use_tf32": "1",
    }
    limited = cuda_options(gpu_memory_mb=4096, tf32=False)
    assert (limited["use_tf32"], limited["gpu_mem_limit"]) == ("0", str(4 * 2**30))


def test_a_placement_is_read_of_every_session(tmp_path: Path) -> None:
    folder = tiny_embedder.write_model(tmp_path)
    opened = SessionFactory(device="cpu").open(ONLY_CPU, folder, threads=1)
    assert dict(opened.placement.compute) == {"CPUExecutionProvider": 2}
    assert dict(opened.placement.operators["CPUExecutionProvider"]) == {"MatMul": 1, "LayerNormalization": 1}
    assert opened.description == "fp32; 3 nodes (2 compute) on CPU"


def test_cuda_that_is_asked_for_and_cannot_be_used_is_an_error_with_its_mend(tmp_path: Path) -> None:
    sessions = SessionFactory(device="cuda", cuda=lambda: WITHOUT_CUBLAS)
    mend = r"libcublasLt\.so\.13, libcublas\.so\.13 cannot be loaded: pip install 'qmd-mcp\[cuda\]'"
    with pytest.raises(DeviceError, match=mend):
        sessions.open(BOTH, tiny_embedder.write_model(tmp_path), threads=1)


@pytest.mark.parametrize(
    ("cuda", "obstacle"),
    [
        (replace(WORKING, built=False), "has no CUDA provider"),
        (replace(WORKING, gpus=()), "no NVIDIA GPU answers: install NVIDIA's driver"),
        (WITHOUT_CUBLAS, "cannot be loaded"),
    ],
)
def test_each_obstacle_has_its_sentence_and_auto_goes_round_it(tmp_path: Path, cuda: Cuda, obstacle: str) -> None:
    assert obstacle in (cuda.obstacle or "")
    sessions = SessionFactory(device="auto", cuda=lambda: cuda)
    assert sessions.usable == ("cpu",)
    opened = sessions.open(BOTH, tiny_embedder.write_model(tmp_path, form="int8"), threads=1)
    assert (opened.provider, opened.graph.format) == ("cpu", "int8")


def test_each_provider_gets_the_form_that_suits_it() -> None:
    assert SessionFactory(device="auto", cuda=lambda: WORKING).candidates(BOTH) == ("cuda", "cpu")
    assert SessionFactory(device="cuda", cuda=lambda: WORKING).candidates(BOTH) == ("cuda",)
    assert (BOTH.graph_for("cuda").format, BOTH.graph_for("cpu").format) == ("fp16", "int8")


def test_auto_falls_back_and_says_why(tmp_path: Path) -> None:
    sessions = SessionFactory(device="auto", cuda=lambda: WORKING)
    opened = sessions.open(BOTH, tiny_embedder.write_model(tmp_path, form="int8"), threads=1)
    assert opened.provider == "cpu"
    assert "missing.onnx" in opened.notes[0]


def test_a_model_without_a_form_for_cuda_runs_on_the_processor_by_policy(tmp_path: Path) -> None:
    sessions = SessionFactory(device="cuda", cuda=lambda: WORKING)
    opened = sessions.open(ONLY_CPU, tiny_embedder.write_model(tmp_path), threads=1)
    assert (opened.provider, opened.notes) == (
        "cpu",
        ("runs on the CPU by policy: its manifest has no form for CUDA",),
    )


def test_cuda_is_not_probed_for_a_model_that_has_no_form_for_it() -> None:
    def probe() -> Cuda:
        raise AssertionError

    assert SessionFactory(device="auto", cuda=probe).candidates(ONLY_CPU) == ("cpu",)
    assert SessionFactory(device="cpu", cuda=probe).candidates(BOTH) == ("cpu",)


def test_a_missing_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx is missing"):
        SessionFactory(device="cpu").open(ONLY_CPU, tmp_path, threads=1)


def test_libraries_of_the_wheels_come_before_those_of_the_system(tmp_path: Path) -> None:
    folder = tmp_path / "cu13" / "lib"
    folder.mkdir(parents=True)
    (folder / "libcublas.so.13").write_bytes(b"")
    loaded: list[str] = []

    def load(path: str) -> None:
        if path == "libcudnn.so.9":
            raise OSError
        loaded.append(path)

    names = [("libcublas.so.13", "nvidia-cublas"), ("libcuda.so.1", "driver"), ("libcudnn.so.9", "nvidia-cudnn")]
    found = load_libraries(names, roots=[tmp_path], load=load)
    assert [(each.path, each.required) for each in found] == [
        (str(folder / "libcublas.so.13"), True),
        ("libcuda.so.1", True),
        (None, False),
    ]
    assert loaded == [str(folder / "libcublas.so.13"), "libcuda.so.1"]


@pytest.mark.parametrize(
    ("version", "windows", "file"), [("12.8", False, "libcufft.so.11"), ("13.0", True, "cublas64_13.dll")]
)
def test_the_names_follow_the_version_of_cuda(version: str, file: str, *, windows: bool) -> None:
    assert file in {name for name, _ in names_of_libraries(version, windows=windows)}
