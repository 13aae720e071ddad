#!/usr/bin/env python3
"""Runs engine_bench, and the same formulas written plainly in torch, and prints one table.

    tests/bench/beside_torch.py build/dev/tests/engine_bench [--rows 4096 --cols 4096] [--skip-codebooks]

Needs torch (Debian's python3-torch is what the table in README.md was made with). Torch runs in
processes of its own, as it is shipped, and with a malloc that keeps its memory, which takes page
faults out of its times. Both sides work on N(0, 0.02) with 2 threads; torch's times are the
shortest of a few repetitions, ours the benchmark's.
"""
import argparse
import json
import os
import subprocess
import sys
import time

TUNED = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "1073741824",
}
RATIOS = [1 - i / 200 for i in range(40)]
NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
       -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
       0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
       0.7229568362236023, 1.0]
FP4 = [-12.0, -8.0, -6.0, -4.0, -3.0, -2.0, -0.0625, 0.0, 0.0625, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0]

# job of engine_bench -> (title, torch job, its arguments)
JOBS = {
    "search/4/g128": ("clip search, 40 ratios, int4 asym g128", "search", (4, 128)),
    "search/4/g32": ("the same, group 32", "search", (4, 32)),
    "search/nf4/g128": ("clip search nf4", "search_book", ("nf4", 128)),
    "search/fp4/g128": ("clip search fp4", "search_book", ("fp4", 128)),
    "search/3/g128": ("clip search, 3 bits", "search", (3, 128)),
    "search/8/g128": ("clip search, 8 bits", "search", (8, 128)),
    "search_groups/4/g128": ("best ratio of each group, g128", "search_groups", (4, 128)),
    "search_groups/4/g32": ("best ratio of each group, g32", "search_groups", (4, 32)),
    "qdq/4/g128": ("quantize-dequantize int4, in place", "qdq", (4, 128)),
    "qdq/nf4/g128": ("quantize-dequantize nf4", "qdq_book", ("nf4", 128)),
    "qdq/fp4/g128": ("quantize-dequantize fp4", "qdq_book", ("fp4", 128)),
    "error_sums/4/g128": ("parameters and error sums in one pass", "sums", (4, 128)),
    "analysis/4/g128": ("analysis: health, statistics, both histograms", "analysis", (4, 128)),
}


def torch_jobs(torch):
    """The formulas: what a torch user would write, nothing of it tuned."""

    def qdq(w, bits, group, ratio=1.0):
        x = w.reshape(-1, group)
        top = 2**bits - 1
        low = torch.clamp(x.min(1, keepdim=True).values, max=0) * ratio
        high = torch.clamp(x.max(1, keepdim=True).values, min=0) * ratio
        scale = (high - low) / top
        zero = torch.round(-low / scale)
        codes = torch.clamp(torch.round(x / scale) + zero, 0, top)
        return ((codes - zero) * scale).reshape(w.shape)

    def qdq_book(w, name, group, ratio=1.0):
        levels = NF4 if name == "nf4" else FP4
        x = w.reshape(-1, group)
        scale = x.abs().max(1, keepdim=True).values * ratio / levels[-1]
        t = x / scale
        y = torch.full_like(t, levels[0])
        for below, above in zip(levels, levels[1:]):
            y = torch.where(t > (below + above) / 2, torch.full_like(t, above), y)
        return (y * scale).reshape(w.shape)

    def search_with(quantize, w, *spec):
        best, found = None, 1.0
        for ratio in RATIOS:
            loss = (w - quantize(w, *spec, ratio)).pow(2).mean().item()
            if best is None or loss < best:
                best, found = loss, ratio
        return found

    def search_groups(w, bits, group):
        best = torch.full((w.numel() // group,), float("inf"))
        found = torch.ones_like(best)
        for ratio in RATIOS:
            loss = (w - qdq(w, bits, group, ratio)).pow(2).reshape(-1, group).sum(1)
            better = loss < best
            best = torch.where(better, loss, best)
            found = torch.where(better, torch.full_like(best, ratio), found)
        return found

    def sums(w, bits, group):
        e = w - qdq(w, bits, group)
        signal, noise = w.pow(2).sum(), e.pow(2).sum()
        return (noise / w.numel(), 10 * torch.log10(signal / noise), e.mean(), e.abs().max(),
                torch.nn.functional.cosine_similarity(w.flatten(), (w - e).flatten(), dim=0))

    def analysis(w, bits, group):
        e = w - qdq(w, bits, group)
        limit = e.abs().max().item()
        return (torch.isfinite(w).all(), w.mean(), w.std(), torch.histc(w, 512),
                torch.histc(e, 512, -limit, limit), sums(w, bits, group))

    return {
        "qdq": qdq,
        "qdq_book": qdq_book,
        "search": lambda w, *spec: search_with(qdq, w, *spec),
        "search_book": lambda w, *spec: search_with(qdq_book, w, *spec),
        "search_groups": search_groups,
        "sums": sums,
        "analysis": analysis,
    }


def measure_torch(options):
    """In a process of its own: seconds of each job, as a line of JSON."""
    import torch

    torch.set_num_threads(2)
    torch.manual_seed(1)
    w = torch.randn(options.rows, options.cols) * 0.02
    jobs = torch_jobs(torch)
    seconds = {}
    for name, (_, job, arguments) in JOBS.items():
        long = job.startswith("search")
        if options.skip_codebooks and job == "search_book":
            continue
        times = []
        for _ in range(1 if long else 5):
            begin = time.perf_counter()
            jobs[job](w, *arguments)
            times.append(time.perf_counter() - begin)
        seconds[name] = min(times)
    print(json.dumps(seconds))


def run_torch(options, environment):
    command = [sys.executable, __file__, options.bench, "--torch", "--rows", str(options.rows),
               "--cols", str(options.cols)]
    if options.skip_codebooks:
        command.append("--skip-codebooks")
    done = subprocess.run(command, env={**os.environ, **environment}, check=True,
                          stdout=subprocess.PIPE, text=True)
    time.sleep(1)  # torch's threads spin for a while
    return json.loads(done.stdout)


def run_ours(options, kernels=None):
    """ns/element of each job with 2 threads, and of the read pass."""
    environment = {**os.environ, "QUANTOSCOPE_BENCH_KERNELS": kernels} if kernels else None
    done = subprocess.run([options.bench, "--benchmark_format=json", "--benchmark_min_time=0.5",
                           "--benchmark_filter=threads:2"],
                          env=environment, check=True, stdout=subprocess.PIPE, text=True)
    # The counter's suffix is a matter of its unit: seconds an element.
    return {row["name"].split("/threads")[0]: row["real_time"] * 1e6
            for row in json.loads(done.stdout)["benchmarks"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", help="the engine_bench program")
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--cols", type=int, default=4096)
    parser.add_argument("--skip-codebooks", action="store_true",
                        help="leave out torch's nf4 and fp4 searches, which take minutes")
    parser.add_argument("--torch", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch:
        measure_torch(options)
        return
    ours = run_ours(options)
    narrow = run_ours(options, "AVX2")
    shipped = run_torch(options, {})
    tuned = run_torch(options, TUNED)
    elements = 4096 * 4096  # what engine_bench works on
    scale = options.rows * options.cols / elements
    read = ours["read"] / (2 * elements)  # of 128 MiB
    print(f"The read pass takes {read:.3f} ns/element.\n")
    print("| job | ns/element | read passes | AVX2 | torch as shipped | torch, tuned malloc |")
    print("|---|---|---|---|---|---|")
    for name, (title, _, _) in JOBS.items():
        each = ours[name] / elements
        times = [f"{t[name] * 1e9 / ours[name] / scale:.0f} x" if name in t else "-"
                 for t in (shipped, tuned)]
        print(f"| {title} | {each:.3f} | {each / read:.1f} | {narrow[name] / ours[name]:.2f} x | "
              f"{times[0]} | {times[1]} |")


if __name__ == "__main__":
    main()
