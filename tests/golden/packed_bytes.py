#!/usr/bin/env python3
"""Writes packed_bytes.h5: quantized tensors as other people's software wrote and decoded them.

    tests/golden/packed_bytes.py EXPORT_GOLDEN_PYTHON.h5 EXPORT_GOLDEN_ENGINES.h5

The two files were made by running that software: compressed-tensors (vllm-project/compressed-tensors
at ac8e2ba8, and at 2dd1b627 for the layout before 0.17; the cast to float8 was emulated),
bitsandbytes (bitsandbytes-foundation/bitsandbytes at 95f9af30) and MLX (ml-explore/mlx at 846d1762,
its CPU backend). Their cases are copied, with the names that the arrays have in a safetensors file:

    FORMAT/CASE/parts/NAME  an array beside the module's name; attribute dtype, as safetensors has it
    FORMAT/CASE/dequantized what the software decoded it to; attribute dtype
    FORMAT/CASE/codes, zeros  what was packed, where it was; signed, or indices of levels

Floats of 16 and 8 bits are stored as their bits. Attributes of a case: config, the text of a
config.json, group_size and bits.
"""
import json
import sys
import zlib

import h5py
import numpy as np

PYTHON_FORMATS = ["ct_pack_quantized", "ct_int_quantized", "ct_nvfp4_pack_quantized",
                  "ct_mxfp4_pack_quantized", "ct_float_quantized", "ct_mxfp8_quantized",
                  "bnb_nf4", "bnb_fp4"]
SAFETENSORS_NAMES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32", "int8": "I8",
                     "uint8": "U8", "int32": "I32", "uint32": "U32", "int64": "I64",
                     "float8_e4m3fn": "F8_E4M3"}


def smaller_shuffled(values):
    """Whether the bytes of values compress better in the order of HDF5's filter "shuffle"."""
    rows = np.ascontiguousarray(values).reshape(-1).view(np.uint8).reshape(values.size, -1)
    return len(zlib.compress(rows.T.tobytes(), 9)) < len(zlib.compress(rows.tobytes(), 9))


def store(group, name, values):
    options = {}
    if values.size > 64:
        options = {"compression": "gzip", "compression_opts": 9, "chunks": values.shape,
                   "shuffle": smaller_shuffled(values)}
    return group.create_dataset(name, data=values, **options)


def write(group, name, values, dtype):
    if values.dtype == np.float16:
        values = values.view(np.uint16)
    store(group, name, values).attrs["dtype"] = SAFETENSORS_NAMES[dtype]


def dtype_of(dataset):
    return dataset.attrs.get("dtype", dataset.dtype.name)


def bits_of(values, dtype):
    """float32 that `dtype` holds exactly, as it is stored."""
    if dtype == "float16":
        return values.astype(np.float16)
    return (values.view(np.uint32) >> 16).astype(np.uint16) if dtype == "bfloat16" else values


def copy_python(case, to):
    is_bits_and_bytes = "absmax" in case["packed"]
    for name, part in case["packed"].items():
        full = "weight." + name if is_bits_and_bytes and name != "weight" else name
        write(to, "parts/" + full, part[()], dtype_of(part))
    dtype = case.attrs["dequantized_dtype"]
    write(to, "dequantized", bits_of(case["dequantized"][()], dtype), dtype)
    if to.parent.name in ("/ct_float_quantized", "/ct_mxfp8_quantized"):
        return  # the codes are the weight, as it is
    for name in ("codes", "zeros"):
        if name in case["input"]:
            store(to, name, case["input"][name][()].astype(np.int16))
    to.attrs["config"] = json.dumps({"quantization_config": json.loads(case.attrs["config"])})


def copy_mlx(case, to):
    float_type = case.attrs["dtype"]
    for name in ("weight", "scales", "biases"):
        if name in case:
            part = case[name]
            stored = dtype_of(part)
            write(to, "parts/" + name, part[()], float_type if stored == "uint16" else stored)
    write(to, "dequantized", case["dequantized"][()], float_type)
    settings = {"group_size": int(case.attrs["group_size"]), "bits": int(case.attrs["bits"])}
    if case.attrs["mode"] != "affine":
        settings["mode"] = case.attrs["mode"]
    to.attrs["config"] = json.dumps({"quantization": settings})


def main():
    with h5py.File(sys.argv[1]) as python, h5py.File(sys.argv[2]) as engines, \
            h5py.File(__file__.replace(".py", ".h5"), "w", libver="latest") as out:
        for name in PYTHON_FORMATS:
            for case in python[name]:
                to = out.create_group(f"{name}/{case}")
                copy_python(python[name][case], to)
        for case in engines["mlx"]:
            copy_mlx(engines["mlx"][case], out.create_group(f"mlx/{case}"))
        for name, source in [(n, python[n]) for n in PYTHON_FORMATS] + [("mlx", engines["mlx"])]:
            for case in source:
                for key in ("bits", "group_size"):
                    out[name][case].attrs[key] = int(source[case].attrs[key])


main()
