#!/usr/bin/env python3
"""Writes what the tests of the exports to compressed-tensors, bitsandbytes and MLX stand on.

    tests/golden/packed_ct_bnb_mlx.py PYTHON_GOLDEN ENGINES_GOLDEN packed_ct_bnb_mlx.h5

Both inputs were made by the real software: compressed-tensors 0.18 (ac8e2ba8; its cast to float8
emulated), bitsandbytes 0.50 (95f9af30) and MLX 0.32 (846d1762), each of which packed weights and
decoded them again. Left out are forms that our exports never have: words of whole codes (before
compressed-tensors 0.17), activation order, one scale a tensor or a square block, and int8 for
quantized inputs; of other cases, scales of inputs. Needs python3-numpy and python3-h5py; the tests need neither.

A case is a group with the codes and parameters that are packed, as upstream counts them, and the
bytes of each array:
    codes            int16 [out, in]
    scales           float32, of groups; of bitsandbytes the largest magnitudes of its blocks
    zeros, offsets   int16, float32; where there are such
    weight           float32 [out, in], what upstream packed; of mxfp8
    packed/NAME      uint8, the elements as stored, little-endian
    dequantized      float32, or the bits of 16-bit numbers, as upstream decodes the arrays: the
                     first rows
Attributes: out, in, bits, group_size, sym, dtype (of the model), value_type (of dequantized),
arrays (a line each: NAME TYPE SHAPE...), config (the JSON that upstream's loader took; not of MLX);
of the file: cases, a line each.
"""
import json
import sys

import h5py
import numpy as np

TYPES = {"int32": "I32", "int64": "I64", "uint8": "U8", "uint32": "U32", "float16": "F16",
         "float32": "F32", "float8_e4m3fn": "F8_E4M3", "bfloat16": "BF16"}
ROWS = 8  # of decoded weights that a case keeps


def bfloat16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def rounded_bfloat16(values):
    bits = values.view(np.uint32).astype(np.uint64)
    bits += 0x7fff + ((bits >> np.uint64(16)) & np.uint64(1))
    return bfloat16((bits >> np.uint64(16)).astype(np.uint16))


def e4m3(patterns):
    p = patterns.astype(np.int32)
    exponent, mantissa = (p >> 3) & 15, (p & 7) / 8
    value = np.where(exponent == 0, mantissa * 2.0 ** -6, (1 + mantissa) * 2.0 ** (exponent - 7.0))
    return np.where(p >> 7, -value, value).astype(np.float32)


def type_of(dataset):
    return dataset.attrs.get("dtype", str(dataset.dtype))


def write(group, name, values):
    options = dict(compression="gzip", compression_opts=9, shuffle=True) if values.size > 64 else {}
    group.create_dataset(name, data=values, **options)


def put(out, name, parts, arrays, dequantized, value_type, attributes):
    group = out.create_group(name)
    for key, values in parts.items():
        write(group, key, values)
    lines = []
    for key, (values, kind) in arrays.items():
        raw = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        write(group, "packed/" + key, raw)
        lines.append(" ".join([key, TYPES[kind], *map(str, values.shape)]))
    write(group, "dequantized", dequantized[:ROWS])
    group.attrs["arrays"] = "\n".join(lines)
    group.attrs["value_type"] = value_type
    for key, value in attributes.items():
        group.attrs[key] = value
    return name


def in_type(values, value_type):
    """Numbers of a 16-bit type as their bits."""
    if value_type == "float16":
        return values.astype(np.float16).view(np.uint16)
    if value_type == "bfloat16":
        return (values.view(np.uint32) >> 16).astype(np.uint16)
    return values


def ordinary(case, packed, attributes, file, name, prefix=""):
    """A case of the first file; `attributes` are added to what it says."""
    attributes = dict(out=int(case.attrs["out_features"]), **{"in": int(case.attrs["in_features"])},
                      bits=int(case.attrs["bits"]), group_size=int(case.attrs["group_size"]),
                      sym=int(case.attrs["sym"]), config=case.attrs["config"], **attributes)
    value_type = case.attrs["dequantized_dtype"]
    arrays = {(key if key == "weight" or not prefix else prefix + key):
              (case["packed"][key][()], type_of(case["packed"][key]))
              for key in case["packed"] if not key.startswith("input_")}
    return put(file, name, packed, arrays, in_type(case["dequantized"][()], value_type), value_type,
               attributes)


def compressed_tensors(golden, file):
    for kind in ["ct_pack_quantized", "ct_nvfp4_pack_quantized", "ct_mxfp4_pack_quantized",
                 "ct_mxfp8_quantized", "ct_float_quantized"]:
        for name, case in golden[kind].items():
            if name.startswith(("legacy", "block", "tensor")) or "actorder" in name or \
                    "tensor" in name:
                continue
            scale = case["packed/weight_scale"]
            parts = {"codes": case["input/codes"][()]}
            if kind == "ct_mxfp8_quantized":
                parts["weight"] = case["input/weight"][()]
            if kind == "ct_nvfp4_pack_quantized":
                parts["scales"] = e4m3(scale[()]) / case["packed/weight_global_scale"][()]
            elif type_of(scale) == "uint8":
                parts["scales"] = np.ldexp(np.float32(1), scale[()].astype(np.int32) - 127)
            else:
                parts["scales"] = case["input/scales"][()]
            if "zeros" in case["input"] and not case.attrs["sym"]:
                parts["zeros"] = case["input/zeros"][()]
            model = type_of(scale)
            model = model if model in ("float16", "bfloat16") else "float32"
            yield ordinary(case, parts, {"dtype": model}, file, kind + "/" + name)


def bitsandbytes(golden, file):
    for kind in ["bnb_nf4", "bnb_fp4"]:
        for name, case in golden[kind].items():
            state = json.loads(case["packed/quant_state.bitsandbytes__" + kind[4:]][()].tobytes())
            block = state["blocksize"]
            weight = np.abs(case["input/weight"][()].reshape(-1))
            whole = np.pad(weight, (0, -len(weight) % block)).reshape(-1, block)
            parts = {"codes": case["input/codes"][()], "scales": whole.max(1)}
            attributes = {"dtype": state["dtype"], "nested": int("nested_offset" in state)}
            yield ordinary(case, parts, attributes, file, kind + "/" + name, "weight.")


def codes_of_words(words, bits, count):
    stream = np.unpackbits(words.astype("<u4").view(np.uint8), axis=1, bitorder="little")
    bit = stream[:, :count * bits].reshape(len(words), count, bits)
    return (bit * (1 << np.arange(bits))).sum(2).astype(np.int16)


def mlx(golden, file):
    for name, case in golden["mlx"].items():
        mode, bits = case.attrs["mode"], int(case.attrs["bits"])
        if mode == "nvfp4":
            continue
        dtype = case.attrs["dtype"]
        rows, cols = case["x"].shape
        scales = case["scales"][()]
        arrays = {"weight": (case["weight"][()], "uint32")}
        if mode == "affine":
            read = bfloat16 if dtype == "bfloat16" else lambda v: v.astype(np.float32)
            parts = {"scales": read(scales), "offsets": read(case["biases"][()])}
            arrays["scales"] = (scales, dtype)
            arrays["biases"] = (case["biases"][()], dtype)
        else:
            parts = {"scales": np.ldexp(np.float32(1), scales.astype(np.int32) - 127)}
            arrays["scales"] = (scales, "uint8")
        if mode == "mxfp8":
            x = case["x"][()]
            parts["weight"] = rounded_bfloat16(x) if dtype == "bfloat16" else x
        parts["codes"] = codes_of_words(case["weight"][()], bits, cols)
        values = case["dequantized"][()]
        values = values.view(np.uint16) if values.dtype.itemsize == 2 else values
        yield put(file, "mlx/" + name, parts, arrays, values, dtype,
                  {"out": rows, "in": cols, "bits": bits, "sym": 0, "dtype": dtype,
                   "group_size": int(case.attrs["group_size"])})


def main():
    python, engines, path = sys.argv[1:]
    with h5py.File(python) as first, h5py.File(engines) as second, \
            h5py.File(path, "w", libver="latest") as file:
        cases = [*compressed_tensors(first, file), *bitsandbytes(first, file), *mlx(second, file)]
        file.attrs["cases"] = "\n".join(cases)


main()
