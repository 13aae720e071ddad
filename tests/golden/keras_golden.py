#!/usr/bin/env python3
"""Copies what Keras itself wrote into the golden file of its tests.

    tests/golden/keras_golden.py SOURCE keras_golden.h5

SOURCE has a group `keras` of cases that Keras 3.16.0 made (keras-team/keras@3422977a, the numpy
backend): a Dense layer with a bias, quantized by Dense.quantize, saved, loaded and called on the
identity. The layout is that of weight_only_golden.h5, without inputs: each case with its variables
(`order` names them in the order of `layers/dense/vars`), `dequantized`, the unpacked `codes` of
gptq, and for some the whole .keras file as bytes. `dtype` and `quantization_config` are those of the
layer in config.json, as Python writes them. Needs Debian 12's python3-numpy and python3-h5py; the
tests need neither.
"""
import argparse
import json

import h5py
import numpy as np


def store(group, name, values):
    values = np.asarray(values)
    settings = {"compression": "gzip", "compression_opts": 9} if values.nbytes > 2048 else {}
    group.create_dataset(name, data=values, track_times=False, **settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("golden")
    options = parser.parse_args()
    with h5py.File(options.source) as source, h5py.File(options.golden, "w", libver="latest") as golden:
        golden.attrs["about"] = source["keras"].attrs["source"]
        golden.create_group("inputs")
        cases = golden.create_group("cases")
        for name, case in source["keras"].items():
            layer = json.loads(case.attrs["layer_config"])["config"]
            target = cases.create_group(name)
            target.attrs["mode"] = case.attrs["mode"]
            target.attrs["bits"] = int(case.attrs["bits"])
            target.attrs["block"] = int(case.attrs["block"])
            target.attrs["symmetric"] = int(case.attrs["symmetric"])
            target.attrs["order"] = " ".join(case.attrs["order"])
            target.attrs["dtype"] = json.dumps(layer["dtype"])
            target.attrs["quantization_config"] = json.dumps(layer["quantization_config"])
            for variable, values in case["vars"].items():
                store(target, variable, values[:])
            for extra in ("dequantized", "codes", "keras_file"):
                if extra in case:
                    store(target, extra, case[extra][:])


main()
