"""Fit the projection that makes token states small: their mean, and directions along which signs keep them apart."""

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from texts import MAX_TOKENS, feed
from tokenizers import Tokenizer

TEXTS_PER_FOLDER = 250
PAGE_CHARACTERS = 900
"""About 220 tokens of Markdown, which is the size of a passage."""

BATCH = 4
SUFFIXES = (".md", ".mdx")

STATES_PER_ROTATION = 8
"""The rotation is fitted to one in so many states."""

ROTATIONS = 50
"""As many rounds as Gong and Lazebnik (CVPR 2011, section 2.2) ran; the error no longer falls after some thirty."""

States = npt.NDArray[np.float32]


def main() -> None:
    """Fit and write the projection; print how much of the variance it keeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="training sets (train.jsonl) and folders of Markdown")
    parser.add_argument("--embedder", type=Path, default=Path("models/mini/embedder"))
    parser.add_argument("--target", type=Path, default=Path("models/mini/late/projection.npy"))
    parser.add_argument("--width", type=int, default=128)
    options = parser.parse_args()
    states = encode(options.embedder, [text for folder in options.folders for text in sample(folder)])
    rows, kept = fit(states, width=options.width)
    options.target.parent.mkdir(parents=True, exist_ok=True)
    np.save(options.target, rows.astype(np.float16))
    digest = hashlib.sha256(options.target.read_bytes()).hexdigest()
    print(f"{len(states):,} states; {options.width} dimensions keep {kept:.3f} of their variance; sha256 {digest}")


def sample(folder: Path) -> list[str]:
    """Choose texts of a folder by the hash of their content."""
    texts = list(_rows(folder / "train.jsonl") if (folder / "train.jsonl").exists() else _pages(folder))
    return sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())[:TEXTS_PER_FOLDER]


def _rows(file: Path) -> Iterator[str]:
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield f"{row.get('title', '')}\n{row['text']}".strip()


def _pages(folder: Path) -> Iterator[str]:
    """Yield the beginning and the middle of each page."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in SUFFIXES:
            page = path.read_text(encoding="utf-8", errors="replace")
            yield page[:PAGE_CHARACTERS]
            yield page[len(page) // 2 :][:PAGE_CHARACTERS]


def encode(embedder: Path, texts: Sequence[str]) -> States:
    """Compute the states [tokens of all texts, dimension], unit length."""
    tokenizer = Tokenizer.from_file(str(embedder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    session = onnxruntime.InferenceSession(str(embedder / "model.onnx"), providers=["CPUExecutionProvider"])
    texts = sorted((text for text in texts if text.strip()), key=len)
    found: list[States] = []
    for start in range(0, len(texts), BATCH):
        inputs = feed(tokenizer, texts[start : start + BATCH])
        hidden = np.asarray(session.run(None, inputs)[0])
        found.append(hidden[inputs["attention_mask"] == 1])
    states = np.concatenate(found)
    return states / np.linalg.norm(states, axis=1, keepdims=True)


def fit(states: States, *, width: int) -> tuple[States, float]:
    """Fit the projection and measure the share of the variance that it keeps.

    The projection is [1 + width, dimension], with the mean above the directions.
    """
    mean = states.mean(axis=0)
    centred = states - mean
    variances, directions = np.linalg.eigh(centred.T @ centred / len(states))
    order = np.argsort(-variances)[:width]
    basis = directions[:, order]
    basis *= np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(width)])  # the sign of an eigenvector is arbitrary
    turned = basis @ rotation(centred[::STATES_PER_ROTATION] @ basis)
    return np.vstack((mean, turned.T)).astype(np.float32), float(variances[order].sum() / variances.sum())


def rotation(values: States) -> States:
    """Fit a rotation [width, width] that turns values [states, width] towards the corners of a cube.

    Reduced to their signs, the rotated values then lose little. The method is iterative quantisation (Gong and
    Lazebnik, CVPR 2011): it alternates between taking the signs and finding the best rotation for them (orthogonal
    Procrustes).
    """
    width = values.shape[1]
    turn: States = np.linalg.qr(np.random.default_rng(0).standard_normal((width, width)))[0].astype(np.float32)
    for _ in range(ROTATIONS):
        left, _, right = np.linalg.svd(values.T @ np.sign(values @ turn))
        turn = (left @ right).astype(np.float32)
    return turn


if __name__ == "__main__":
    main()
