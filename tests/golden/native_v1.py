#!/usr/bin/env python3
"""Makes native_v1.h5: a native file of version 1, as `quantize` wrote it before codes were packed.

    native_v1.py QUANTOSCOPE_CLI OUT

QUANTOSCOPE_CLI is a build of the last version that writes format_version 1. Every tensor has its
`dequantized` values, as that program decoded them, but `plain/weight`, from which they are removed;
`codes/weight` is what `encode` wrote, with codes of 32 bits. Needs numpy and h5py.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np


def main():
    cli, out = sys.argv[1], pathlib.Path(sys.argv[2])
    rng = np.random.default_rng(20)
    shapes = {
        "block/weight": (6, 70),
        "conv/kernel": (2, 3, 4, 5),
        "dense/kernel": (40, 6),
        "plain/weight": (4, 33),
        "nf/weight": (4, 70),
        "eight/weight": (3, 33),
        "own/weight": (3, 20),
        "word/weight": (3, 17),
        "codes/weight": (2, 8),
    }
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        with h5py.File(at / "model.h5", "w") as model:
            for name, shape in shapes.items():
                model[name] = rng.normal(0, 0.05, shape).astype("float32")
            model["scale"] = np.full((2, 1), 1e-5, "float32")
            model["zero"] = np.full((2, 1), 3, "float32")
        (at / "levels.json").write_text(
            json.dumps({"name": "mine", "levels": [-1, -0.25, 0.1, 0.5, 1.5], "codes": [4, -3, 0, 9, 7]}))
        specs = {
            "block/weight": {"bits": 3, "scheme": "sym", "clip": "search-groups"},
            "conv/kernel": {"bits": 5, "group_size": 7},
            "dense/kernel": {"bits": 4, "group_size": 32, "double_quant": True},
            "plain/weight": {"bits": 8, "scheme": "sym", "full_range": True, "group_size": -1},
            "nf/weight": {"dtype": "nf4"},
            "eight/weight": {"dtype": "fp8_e4m3fn"},
            "word/weight": {"bits": 1, "group_size": 7, "clip": "search-rows"},
        }
        plan = {"format": "quantoscope-plan", "version": 1, "default": {},
                "tensors": {name: {"spec": spec} for name, spec in specs.items()}}
        (at / "plan.json").write_text(json.dumps(plan))

        def run(*options):
            subprocess.run([cli, *map(str, options)], check=True, cwd=at)

        run("quantize", "model.h5", *specs, "--plan", "plan.json", "--with-dequantized", "--out", "v1.h5")
        run("quantize", "model.h5", "own/weight", "--dtype", "codebook", "--codebook", "levels.json",
            "--group-size", 8, "--with-dequantized", "--out", "own.h5")
        run("encode", "model.h5", "codes/weight", "--scale", "model.h5::scale", "--zero-point",
            "model.h5::zero", "--group-size", -1, "--out", "codes.h5")
        out.unlink(missing_ok=True)
        with h5py.File(at / "v1.h5") as v1, h5py.File(out, "w") as joined:
            for name, value in v1.attrs.items():
                joined.attrs[name] = value
            v1.copy("tensors", joined)
            for name in ("own", "codes"):
                with h5py.File(at / f"{name}.h5") as other:
                    other.copy(f"tensors/{name}", joined["tensors"])
            del joined["tensors/plain/weight/dequantized"]


if __name__ == "__main__":
    main()
