#!/usr/bin/env python3
"""Copies the golden cases of formats that pack codes into words of 32 bits.

    tests/golden/packed_words.py EXPORT_GOLDEN_FILE FILE

Writes packed_words.h5, which is committed: FORMAT/CASE with packed/NAME as the files of the format
have them, the zeros that upstream's own code was given, and dequantized, what that code made of the
file, in the type that it makes. Attributes: config (the JSON beside the file); dtype of each packed
array, and of dequantized; codes_sha256, of the codes that upstream was given, as int16;
dequantized_sha256, of the values as float32, since large ones are left out; cases of each FORMAT,
one a line; upstream and function, whose code packed and unpacked. The source is the file of cases
that these programs wrote (AutoGPTQ, GPTQModel, AutoAWQ, neural-compressor, auto-round, at the
commits that `upstream` names). Needs python3-h5py; the tests need none of it.
"""
import hashlib
import sys

import h5py

FORMATS = ("gptq_v1", "gptq_v2", "gptq_p", "awq_gemm", "inc_optimum", "inc_raw", "inc_float",
           "autoround_native")


LARGE = 15000  # elements


def put(group, name, values, dtype):
    packed = {} if values.nbytes < 1000 else {"compression": "gzip", "compression_opts": 9}
    data = group.create_dataset(name, data=values, **packed)
    data.attrs["dtype"] = dtype


def sha256(values, dtype):
    return hashlib.sha256(values.astype(dtype).tobytes()).hexdigest()


def copy(case, to):
    for key in ("config", "upstream", "function"):
        to.attrs[key] = case.attrs[key]
    for name, array in case["packed"].items():
        put(to, "packed/" + name, array[()], str(array.dtype))
    to.attrs["codes_sha256"] = sha256(case["input/codes"][()], "<i2")
    if "zeros" in case["input"]:
        put(to, "zeros", case["input/zeros"][()], "int16")
    dtype = case.attrs["dequantized_dtype"]
    values = case["dequantized"][()]
    narrow = values.astype(dtype)
    assert (narrow.astype(values.dtype) == values).all()
    to.attrs["dequantized_dtype"] = dtype
    # Some are products of matrices, whose zeros have lost their sign: so have all here.
    to.attrs["dequantized_sha256"] = sha256(values + 0, "<f4")
    if values.size <= LARGE:
        put(to, "dequantized", narrow, dtype)


def main():
    source, target = sys.argv[1:]
    with h5py.File(source) as golden, h5py.File(target, "w", libver="latest") as file:
        for name in FORMATS:
            group = file.create_group(name)
            group.attrs["cases"] = "\n".join(golden[name])
            for case in golden[name]:
                copy(golden[name][case], group.create_group(case))


if __name__ == "__main__":
    main()
