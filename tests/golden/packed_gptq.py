#!/usr/bin/env python3
"""Copies what the real packers made of known codes into packed_gptq.h5, for tests of our writers.

    tests/golden/packed_gptq.py EXPORT_GOLDEN_PYTHON.h5 [OUT.h5]

The source holds, for each case, the codes, zero points and scales that went into the packer of the
project itself, and what came out: GPTQModel@f4c327a1 and AutoGPTQ@9f7d3707 (gptq_v1, gptq_v2,
gptq_p), casper-hansen/AutoAWQ@88e4c76b (awq_gemm), neural-compressor@9b47d09b (inc_optimum,
inc_float). Left out: cases with a permuted g_idx, which no export of ours has; biases, which pass
through an export as they are; inc_raw with integers, which neural-compressor cannot load again.

Layout: attribute `cases` of the root, a name a line; a group FORMAT/CASE each, with attributes bits,
group_size, sym and dtype, input/{codes, zeros, scales} by rows of outputs, and packed/NAME, where
float16 is kept as the uint16 of its bits. Needs numpy and h5py; the tests need neither.
"""
import json
import sys

import h5py
import numpy as np

FORMATS = ["gptq_v1", "gptq_v2", "gptq_p", "awq_gemm", "inc_optimum", "inc_float"]


def is_permuted(case):
    if "g_idx" not in case["packed"]:
        return False
    index = case["packed/g_idx"][:]
    group = int(case.attrs["group_size"])
    size = len(index) if group < 0 else group
    return not np.array_equal(index, np.arange(len(index)) // size)


def put(out, name, values):
    if values.dtype == np.float16:
        values = values.view(np.uint16)
    if values.nbytes < 1024:
        out.create_dataset(name, data=values)
    else:
        out.create_dataset(name, data=values, chunks=values.shape, compression="gzip",
                           compression_opts=9, shuffle=True)


def main():
    source = h5py.File(sys.argv[1], "r")
    path = sys.argv[2] if len(sys.argv) > 2 else __file__.replace(".py", ".h5")
    cases = []
    with h5py.File(path, "w", libver="latest") as out:
        for kind in FORMATS:
            for name, case in source[kind].items():
                if is_permuted(case):
                    print("left out: permuted", kind, name)
                    continue
                config = json.loads(case.attrs["config"])
                group = out.create_group(f"{kind}/{name}")
                group.attrs["bits"] = int(case.attrs["bits"])
                group.attrs["group_size"] = int(case.attrs["group_size"])
                group.attrs["sym"] = int(case.attrs["sym"])
                group.attrs["dtype"] = config.get("dtype", "int")
                for part in ("codes", "zeros", "scales"):
                    if part in case["input"]:
                        values = case["input"][part][:]
                        put(group, f"input/{part}",
                            values if part == "scales" else values.astype(np.int16))
                for part, values in case["packed"].items():
                    if part != "bias":
                        put(group, f"packed/{part}", values[:])
                cases.append(f"{kind}/{name}")
        out.attrs["cases"] = "\n".join(cases)
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
