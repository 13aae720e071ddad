#!/usr/bin/env python3
"""Writes golden cases of the weight-only functions on 16-bit weights.

    tests/golden/half_golden.py FILE [--cases N] [--seed S]

The published formulas (core/quant/README.md) with the operations of a tensor library in the type of
the weights: bfloat16 by PyTorch, float16 by NumPy, since PyTorch 1.13 has no float16 on CPUs. Needs
Debian 12's python3-torch, python3-numpy and python3-h5py; the tests need none of them.

Without --cases it writes half_golden.h5, which is committed; with it that many random cases, for

    QUANTOSCOPE_HALF_GOLDEN=FILE build/dev/tests/quant_tests half_golden_test

which tells how many of them differ. The layout is that of weight_only_golden.h5; inputs are float32
numbers that the type of the case holds exactly. A case names its type, and what it chooses other
than DEFAULTS below. Searches have the mean
of the float32 squares in float64 (loss), the first ratio of its smallest (best_ratio_float64), and
that of PyTorch's or NumPy's own float32 mean (best_ratio_reference).
"""
import argparse
import itertools

import h5py
import numpy as np
import torch

TABLES = {
    "nf4": ([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
             -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
             0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
             0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0],
            [7, 1, 2, 3, 4, 5, 6, 0, -8, -7, -6, -5, -4, -3, -2, -1]),
    "fp4": ([-12, -8, -6, -4, -3, -2, -0.0625, 0, 0.0625, 2, 3, 4, 6, 8, 12],
            [-5, -6, -3, -4, -1, -2, -7, 0, 1, 6, 7, 4, 5, 2, 3]),
    "fp4_e2m1": ([-1, -2 / 3, -1 / 2, -1 / 3, -1 / 4, -1 / 6, -1 / 96, 0,
                  1 / 96, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1],
                 list(range(-1, -8, -1)) + list(range(8))),
}
TABLES["fp4_e2m1_bnb"] = TABLES["fp4"]


class BFloat16:
    """PyTorch's tensors: what the reference itself works with."""

    name = "bfloat16"

    def weights(self, values):
        return torch.from_numpy(values.copy()).to(torch.bfloat16)

    def wide(self, values):
        return torch.from_numpy(values.copy())

    def floats(self, x):
        return x.float().numpy().copy()

    def zeros(self, n):
        return torch.zeros(n)

    def least(self, x):
        return x.min(1)[0]

    def most(self, x):
        return x.max(1)[0]

    def round_(self, x):
        x.round_()

    def rounded(self, x):
        return torch.round(x)

    def clamp_(self, x, low, high):
        x.clamp_(low, high)

    def add_where_(self, x, condition, value):
        x += torch.where(condition, value, 0)

    minimum, maximum, where = torch.minimum, torch.maximum, torch.where

    def like_zeros(self, x):
        return torch.zeros_like(x)

    def copy(self, x):
        return x.clone()

    def scalar(self, value, like):
        return torch.tensor(value, dtype=like.dtype)

    def joined(self, parts):
        return torch.cat(parts, dim=1)

    def float32_mean(self, errors):
        return float(errors.float().pow(2).mean())


class Float16:
    """NumPy's arrays: computed in float32, rounded to float16."""

    name = "float16"

    def weights(self, values):
        return values.astype(np.float16)

    def wide(self, values):
        return values.copy()

    def floats(self, x):
        return x.astype(np.float32)

    def zeros(self, n):
        return np.zeros(n, np.float32)

    def least(self, x):
        return x.min(1)

    def most(self, x):
        return x.max(1)

    def round_(self, x):
        np.rint(x, out=x)

    def rounded(self, x):
        return np.rint(x)

    def clamp_(self, x, low, high):
        x[x < low] = low  # keeps a -0 at a bound of 0, as PyTorch does
        x[x > high] = high

    def add_where_(self, x, condition, value):
        x += np.where(condition, np.float32(value), np.float32(0))

    minimum, maximum, where = np.minimum, np.maximum, np.where

    def like_zeros(self, x):
        return np.zeros_like(x)

    def copy(self, x):
        return x.copy()

    def scalar(self, value, like):
        return like.dtype.type(value)

    def joined(self, parts):
        return np.concatenate(parts, axis=1)

    def float32_mean(self, errors):
        return float(np.mean(np.square(errors.astype(np.float32)), dtype=np.float32))


# minimum and maximum are functions of a module, not methods.
for library in (BFloat16, Float16):
    for name in ("minimum", "maximum", "where"):
        setattr(library, name, staticmethod(getattr(library, name)))


def asym(lib, x, bits, ratio):
    top = 2**bits - 1
    zeros = lib.zeros(x.shape[0])  # float32: so are the extremes, the scale and the zero point
    low = lib.minimum(lib.least(x), zeros) * ratio
    high = lib.maximum(lib.most(x), zeros) * ratio
    none = (low == 0) & (high == 0)
    low[none] = -1
    high[none] = 1
    scale = (high - low) / top
    zero = lib.rounded(-low / scale)[:, None]
    scale = scale[:, None]
    x /= scale
    lib.round_(x)
    x += zero
    lib.clamp_(x, 0, top)
    return x, scale, zero


def sym(lib, x, bits, ratio, full_range):
    top, bottom = (1, 0) if bits == 1 else (2 ** (bits - 1) - 1, -(2 ** (bits - 1)))
    high, low = abs(lib.most(x)), abs(lib.least(x))
    largest = lib.maximum(high, low) * ratio
    largest[largest == 0] = 1
    if full_range:
        scale = largest / -bottom
        scale = lib.where(high > low, -scale, scale)
    else:
        scale = largest / top
    scale = scale[:, None]
    x /= scale
    lib.round_(x)
    lib.clamp_(x, bottom, top)
    return x, scale, None


def table(lib, x, dtype, ratio, given=None):
    """Gives levels and codes."""
    levels, codes = TABLES[dtype]
    scale = given
    if scale is None:
        scale = (lib.most(abs(x)) * ratio / max(levels))[:, None]
    x /= scale
    middles = [(a + b) / 2 for a, b in zip(levels, levels[1:])]
    found, coded = lib.like_zeros(x), lib.like_zeros(x)
    for i, (level, code) in enumerate(zip(levels, codes)):
        if i == 0:
            hit = x <= middles[0]
        elif i == len(levels) - 1:
            hit = x > middles[-1]
        else:
            hit = (middles[i - 1] < x) & (x <= middles[i])
        lib.add_where_(found, hit, level)
        lib.add_where_(coded, hit, code)
    return found, coded, scale


def spans(cols, group_size):
    if group_size == -1 or group_size > cols:
        group_size = cols
    return [(at, min(at + group_size, cols)) for at in range(0, cols, group_size)]


def quantized(lib, x, case):
    """Levels that scales multiply, codes, scales and zero points, group by group."""
    levels, codes, scales, zeros = [], [], [], []
    dtype, ratio = case["dtype"], case["quantile"]
    for begin, end in spans(x.shape[1], case["group_size"]):
        group = lib.copy(x[:, begin:end])
        if dtype != "int":
            found, coded, scale = table(lib, group, dtype, ratio)
            zero = None
        else:
            if case["scheme"] == "sym":
                coded, scale, zero = sym(lib, group, case["bits"], ratio, case["full_range"])
            else:
                coded, scale, zero = asym(lib, group, case["bits"], ratio)
            found = lib.copy(coded)
            if zero is not None:
                found -= zero
        levels.append(found)
        codes.append(coded)
        scales.append(scale)
        zeros.append(zero)
    scale = lib.joined(scales)
    zero = None if zeros[0] is None else lib.joined(zeros)
    return lib.joined(levels), lib.joined(codes), scale, zero


def second_quantized(lib, scale, case):
    """The scales quantized themselves, as one row."""
    row = lib.copy(scale).reshape(1, -1)
    mean = None
    if case["double_quant_scheme"] == "asym":
        mean = lib.scalar(float(lib.floats(row).astype(np.float64).mean()), row)
        row -= mean
    inner = dict(dtype=case["double_quant_dtype"], bits=case["double_quant_bits"],
                 group_size=case["double_quant_group_size"], scheme="sym", quantile=1.0,
                 full_range=False)
    levels, _, second, _ = quantized(lib, row, inner)
    row = multiplied(levels, second, row.shape[1], inner["group_size"])
    if mean is not None:
        row += mean
    return row.reshape(scale.shape)


def multiplied(levels, scale, cols, group_size):
    for g, (begin, end) in enumerate(spans(cols, group_size)):
        levels[:, begin:end] *= scale[:, g:g + 1]
    return levels


def quant_tensor(lib, values, case):
    x = lib.weights(values)
    levels, codes, scale, zero = quantized(lib, x, case)
    if case["double_quant"]:
        scale = second_quantized(lib, scale, case)
    out = {"int": codes, "scale": scale}
    if zero is not None:
        out["zp"] = zero
    out["qdq"] = multiplied(lib.copy(levels), scale, x.shape[1], case["group_size"])
    return {key: lib.floats(value) for key, value in out.items()}, {}


def search_clip(lib, values, case):
    x = lib.weights(values)
    ratios = [1 - i / 200 for i in range(40)]
    exact, rounded = [], []
    for ratio in ratios:
        levels, _, scale, _ = quantized(lib, x, dict(case, quantile=ratio))
        errors = x - multiplied(levels, scale, x.shape[1], case["group_size"])
        exact.append(float(np.square(lib.floats(errors).astype(np.float64)).mean()))
        rounded.append(lib.float32_mean(errors))
    best = {"best_ratio_float64": ratios[int(np.argmin(exact))],
            "best_ratio_reference": ratios[int(np.argmin(rounded))]}
    return {"loss": np.array(exact, np.float64)}, best


def quant_weight_w_scale(lib, values, case):
    x = lib.weights(values)
    _, _, scale, zero = quantized(lib, x, dict(case, quantile=0.9))
    parts = []
    for g, (begin, end) in enumerate(spans(x.shape[1], case["group_size"])):
        group = lib.copy(x[:, begin:end])
        by = scale[:, g:g + 1]
        if case["dtype"] != "int":
            group = table(lib, group, case["dtype"], 1.0, by)[1]
        else:
            group /= by
            if zero is not None:
                group += zero[:, g:g + 1]
            lib.round_(group)
        parts.append(group)
    out = {"scale": scale, "int": lib.joined(parts)}
    if zero is not None:
        out["zp"] = zero
    return {key: lib.floats(value) for key, value in out.items()}, {}


FUNCTIONS = {f.__name__: f for f in (quant_tensor, search_clip, quant_weight_w_scale)}
LIBRARIES = (BFloat16(), Float16())
DEFAULTS = dict(bits=4, group_size=32, scheme="asym", quantile=1.0, dtype="int", full_range=False,
                double_quant=False, double_quant_dtype="int", double_quant_bits=8,
                double_quant_scheme="asym", double_quant_group_size=256)


def make_inputs(random, lib, rows, cols):
    """Values that the type holds."""
    held = lambda values: lib.floats(lib.weights(values.astype(np.float32)))
    normal = random.standard_normal((rows, cols))
    odd = normal * 0.05
    odd[0] = 0  # a row of zeros, and others that are one-sided, have an outlier or -0
    odd[1] = np.abs(odd[1]) + 0.01
    odd[2] = -np.abs(odd[2])
    odd[3, cols // 2] = 3
    odd[4, ::3] = -0.0
    return {"normal": held(normal * 0.02), "odd": held(odd),
            "heavy": held(random.standard_t(3, (rows, cols)) * 0.1),
            "positive": held(np.abs(normal) * 0.3 + 0.001),
            "even": held(np.round(normal * 4) / 8)}


def committed_cases():
    """Every choice at least once, crossed where choices meet."""
    cases = []
    add = lambda function, name, **choices: cases.append((function, name, choices))
    for bits, scheme in itertools.product(range(2, 9), ("asym", "sym")):
        add("quant_tensor", "normal", bits=bits, scheme=scheme, group_size=32)
    for bits in range(2, 9):
        add("quant_tensor", "odd", bits=bits, scheme="sym", full_range=True, group_size=16)
    for bits, scheme in itertools.product((1, 4, 8), ("asym", "sym")):
        add("quant_tensor", "odd", bits=bits, scheme=scheme, group_size=32)
    for group_size, bits, scheme in itertools.product((-1, 24, 128), (4, 8), ("asym", "sym")):
        add("quant_tensor", "heavy", bits=bits, scheme=scheme, group_size=group_size)
    for ratio, scheme in itertools.product((0.995, 0.9, 0.805, 0.5), ("asym", "sym")):
        add("quant_tensor", "heavy", bits=8, scheme=scheme, quantile=ratio)
    for dtype, group_size, ratio in itertools.product(
            ("nf4", "fp4", "fp4_e2m1", "fp4_e2m1_bnb"), (-1, 24), (1.0, 0.9)):
        add("quant_tensor", "odd", dtype=dtype, group_size=group_size, quantile=ratio)
    for scheme, second, bits in itertools.product(("asym", "sym"), ("asym", "sym"), (6, 8)):
        add("quant_tensor", "heavy", scheme=scheme, group_size=8, double_quant=True,
            double_quant_scheme=second, double_quant_bits=bits, double_quant_group_size=20)
    add("quant_tensor", "heavy", dtype="nf4", group_size=8, double_quant=True)
    add("quant_tensor", "heavy", scheme="sym", group_size=8, double_quant=True,
        double_quant_dtype="nf4", double_quant_bits=4)
    for bits, scheme in itertools.product((3, 4, 8), ("asym", "sym")):
        add("search_clip", "heavy", bits=bits, scheme=scheme)
    add("search_clip", "normal", bits=4, scheme="sym", full_range=True)
    for dtype in ("nf4", "fp4"):
        add("search_clip", "heavy", dtype=dtype, group_size=24)
    for group_size, scheme in itertools.product((-1, 24, 32), ("asym", "sym")):
        add("quant_weight_w_scale", "positive", bits=8, scheme=scheme, group_size=group_size)
    for dtype in ("nf4", "fp4_e2m1"):
        add("quant_weight_w_scale", "even", dtype=dtype, group_size=24)
    return cases


def random_cases(random, count):
    pick = lambda *choices: choices[random.integers(len(choices))]
    for _ in range(count):
        dtype = pick("int", "int", "int", "nf4", "fp4", "fp4_e2m1")
        scheme = pick("asym", "sym")
        bits = int(random.integers(1, 9))
        choices = dict(dtype=dtype, scheme=scheme, bits=bits,
                       group_size=pick(-1, 3, 16, 24, 32, 64, 128, 500))
        if dtype != "int":
            choices["bits"] = 4
        if dtype == "int" and scheme == "sym" and bits > 1:
            choices["full_range"] = pick(False, True)
        function = pick("quant_tensor", "quant_tensor", "quant_tensor", "search_clip",
                        "quant_weight_w_scale")
        if function == "quant_tensor":
            choices["quantile"] = pick(1.0, 1 - int(random.integers(40)) / 200,
                                       float(random.uniform(0.3, 1)))
            if random.integers(4) == 0:
                choices.update(double_quant=True, double_quant_scheme=pick("asym", "sym"),
                               double_quant_bits=int(random.integers(2, 9)),
                               double_quant_group_size=pick(-1, 16, 256))
        yield function, pick("normal", "odd", "heavy", "positive", "even"), choices


def write(path, random, cases, sizes):
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["generator"] = "half_golden.py"
        file.attrs["torch"] = str(torch.__version__)
        file.attrs["numpy"] = np.__version__

        def store(group, name, values):
            whole = name in ("int", "zp") and np.abs(values).max() < 32768
            group.create_dataset(name, data=values.astype(np.int16) if whole else values)

        inputs = {}
        for lib, (rows, cols) in itertools.product(LIBRARIES, sizes):
            for name, values in make_inputs(random, lib, rows, cols).items():
                key = f"{lib.name}_{name}_{rows}x{cols}"
                inputs.setdefault((lib.name, name), []).append(key)
                store(file.require_group("inputs"), key, values)
        cases = [(lib, *case) for case in cases for lib in LIBRARIES]
        for number, (lib, function, name, choices) in enumerate(cases):
            keys = inputs[lib.name, name]
            key = keys[random.integers(len(keys))]
            case = dict(DEFAULTS, **choices)
            arrays, numbers = FUNCTIONS[function](lib, file["inputs"][key][:], case)
            group = file.create_group(f"cases/{number:04}")
            group.attrs.update(dict(choices, function=function, input=key, type=lib.name, **numbers))
            for member, values in arrays.items():
                store(group, member, values)
        return len(cases)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--cases", type=int, help="so many random ones of each type")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    random = np.random.default_rng(asked.seed)
    torch.set_num_threads(1)
    np.seterr(all="ignore")  # 0 / 0 in a group of zeros is part of the formulas
    if asked.cases is None:
        count = write(asked.file, random, committed_cases(), [(5, 44)])
    else:
        sizes = [(6, 72), (5, 128), (7, 301), (5, 1), (16, 512)]
        count = write(asked.file, random, random_cases(random, asked.cases), sizes)
    print(f"{count} cases, torch {torch.__version__}, numpy {np.__version__}")


if __name__ == "__main__":
    main()
