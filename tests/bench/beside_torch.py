#!/usr/bin/env python3
"""Runs engine_bench, and the same formulas written plainly in torch, and prints one table.

    tests/bench/beside_torch.py build/dev/tests/engine_bench [--torch-rows 512] [--no-torch]
    tests/bench/beside_torch.py build/dev/tests/engine_bench --only-threads [--jobs REGEX]

Needs torch (Debian's python3-torch is what the table in README.md was made with). Torch runs in
processes of its own, as it is shipped, and with a malloc that keeps its memory, which takes page
faults out of its times. Both sides work on 4096x4096 of N(0, 0.02) with 2 threads; torch's
searches with codebooks, which take a minute each, on --torch-rows rows, scaled. Torch's times are
the shortest of a few repetitions (one of a search), ours the medians of several repetitions that
are interleaved with those of all other jobs. It takes about six minutes. The last table tells what
each job gains by a second thread, and loses where there are more threads than cores.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time

TUNED = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "1073741824",
}
ROWS_OF_TENSOR = 4096
COLS = 4096
RATIOS = [1 - i / 200 for i in range(40)]
NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
       -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
       0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
       0.7229568362236023, 1.0]
FP4 = [-12.0, -8.0, -6.0, -4.0, -3.0, -2.0, -0.0625, 0.0, 0.0625, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0]

# job of engine_bench -> (torch job, its arguments)
TORCH = {
    "search/4/g128": ("search", (4, 128)),
    "search/4/g32": ("search", (4, 32)),
    "search/nf4/g128": ("search_book", ("nf4", 128)),
    "search/fp4/g128": ("search_book", ("fp4", 128)),
    "search/3/g128": ("search", (3, 128)),
    "search/8/g128": ("search", (8, 128)),
    "search_groups/4/g128": ("search_groups", (4, 128)),
    "search_groups/4/g32": ("search_groups", (4, 32)),
    "qdq/4/g128": ("qdq", (4, 128)),
    "qdq/nf4/g128": ("qdq_book", ("nf4", 128)),
    "qdq/fp4/g128": ("qdq_book", ("fp4", 128)),
    "error_sums/4/g128": ("sums", (4, 128)),
    "error_histogram/4/g128": ("histogram", (4, 128)),
    "analysis/4/g128": ("analysis", (4, 128)),
}

# (title, jobs, what each may take in read passes: None without a bar)
ROWS = [
    ("clip search, 40 ratios, int4 asym g128, answer exact", ["search/4/g128"], [12]),
    ("the same, group 32", ["search/4/g32"], [14]),
    ("clip search nf4 / fp4", ["search/nf4/g128", "search/fp4/g128"], [12, 12]),
    ("per-group best ratio, group 128 / 32", ["search_groups/4/g128", "search_groups/4/g32"],
     [13, 20]),
    ("quantize-dequantize int4, in place", ["qdq/4/g128"], [1.8]),
    ("quantize-dequantize nf4 / fp4", ["qdq/nf4/g128", "qdq/fp4/g128"], [2.5, 2.5]),
    ("fused sums for MSE, SQNR, cosine, mean and max error / with a 512-bin histogram",
     ["error_sums/4/g128", "error_histogram/4/g128"], [1.8, 4]),
    ("3-bit / 8-bit search", ["search/3/g128", "search/8/g128"], [27, 27]),
    ("whole analysis: health, statistics, both histograms", ["analysis/4/g128"], [None]),
]

# (title, [(numerator, denominator)], bar, whether more is better)
RATIOS_OF = [
    ("2 threads over 1, compute bound: clip search int4 g128 / 8-bit / per group g128",
     [("search/4/g128@1", "search/4/g128"), ("search/8/g128@1", "search/8/g128"),
      ("search_groups/4/g128@1", "search_groups/4/g128")], 1.8, True),
    ("AVX2 over the best kernels, int: search int4 g128 / g32 / 8-bit, quantize-dequantize int4",
     [("AVX2/" + job, job) for job in ("search/4/g128", "search/4/g32", "search/8/g128",
                                       "qdq/4/g128")], 1.3, False),
    ("the same, codebooks: search nf4 / fp4, quantize-dequantize nf4 / fp4",
     [("AVX2/" + job, job) for job in ("search/nf4/g128", "search/fp4/g128", "qdq/nf4/g128",
                                       "qdq/fp4/g128")], 4, False),
    ("optimal policy, int4 g128, over the clip search", [("optimal/4/g128", "search/4/g128")], 60,
     False),
]


# What waits for memory rather than for arithmetic gains less by a second thread.
MEMORY_BOUND = re.compile("(AVX2/)?(read|qdq/.*)")
LEAST_GAIN = 1.8
MOST_LOSS = 1.1


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

    def sums_of(w, e):
        signal, noise = w.pow(2).sum(), e.pow(2).sum()
        return (noise / w.numel(), 10 * torch.log10(signal / noise), e.mean(), e.abs().max(),
                torch.nn.functional.cosine_similarity(w.flatten(), (w - e).flatten(), dim=0))

    def sums(w, bits, group):
        return sums_of(w, w - qdq(w, bits, group))

    def histogram(w, bits, group):
        e = w - qdq(w, bits, group)
        limit = e.abs().max().item()
        return sums_of(w, e), torch.histc(e, 512, -limit, limit)

    def analysis(w, bits, group):
        e = w - qdq(w, bits, group)
        limit = e.abs().max().item()
        return (torch.isfinite(w).all(), w.mean(), w.std(), torch.histc(w, 512),
                torch.histc(e, 512, -limit, limit), sums_of(w, e))

    return {
        "qdq": qdq,
        "qdq_book": qdq_book,
        "search": lambda w, *spec: search_with(qdq, w, *spec),
        "search_book": lambda w, *spec: search_with(qdq_book, w, *spec),
        "search_groups": search_groups,
        "sums": sums,
        "histogram": histogram,
        "analysis": analysis,
    }


def measure_torch(options):
    """In a process of its own: seconds of each job, as a line of JSON."""
    import torch

    torch.set_num_threads(2)
    torch.manual_seed(1)
    w = torch.randn(ROWS_OF_TENSOR, COLS) * 0.02
    jobs = torch_jobs(torch)
    seconds = {}
    for name, (job, arguments) in TORCH.items():
        rows = options.torch_rows if job == "search_book" else ROWS_OF_TENSOR
        times = []
        for _ in range(1 if job.startswith("search") else 5):
            begin = time.perf_counter()
            jobs[job](w[:rows], *arguments)
            times.append(time.perf_counter() - begin)
        seconds[name] = min(times) * ROWS_OF_TENSOR / rows
    print(json.dumps({"version": torch.__version__, "seconds": seconds}))


def python_with_torch():
    """This interpreter, or Debian's, which is the one that knows Debian's packages."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode == 0:
            return python
    sys.exit("beside_torch.py: no torch here (Debian: python3-torch); --no-torch leaves it out")


def run_torch(options, python, environment):
    command = [python, __file__, options.bench, "--torch", "--torch-rows",
               str(options.torch_rows)]
    done = subprocess.run(command, env={**os.environ, **environment}, check=True,
                          stdout=subprocess.PIPE, text=True)
    time.sleep(1)  # torch's threads spin for a while
    return json.loads(done.stdout)


def run_ours(options):
    """ns/element by job with 2 threads, job@1 and job@8 with others; and the kernels' name."""
    environment = {name: value for name, value in os.environ.items()
                   if name != "QUANTOSCOPE_BENCH_ROWS"}
    done = subprocess.run([options.bench, "--benchmark_format=json",
                           f"--benchmark_filter={options.jobs}",
                           "--benchmark_min_time=0.1",
                           f"--benchmark_repetitions={max(2, options.repetitions)}",
                           "--benchmark_enable_random_interleaving=true",
                           "--benchmark_report_aggregates_only=true"],
                          env=environment, check=True, stdout=subprocess.PIPE, text=True)
    answer = json.loads(done.stdout)
    times = {}
    for row in answer["benchmarks"]:
        if row.get("aggregate_name") != "median" or row.get("error_occurred"):
            continue
        name, threads = row["run_name"].split("/threads:")
        elements = ROWS_OF_TENSOR * COLS * (2 if name == "read" else 1)
        threads = threads.split("/")[0]
        suffix = "" if threads == "2" else "@" + threads
        times[name + suffix] = row["real_time"] * 1e6 / elements
    return times, answer["context"]["kernels"]


def processor():
    with open("/proc/cpuinfo", encoding="ascii") as lines:
        facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {name.strip(): value.strip() for name, value in facts.items()}
    return (f"{facts['model name']}, family {facts['cpu family']} model {facts['model']}, "
            f"{os.cpu_count()} cores at {float(facts['cpu MHz']) / 1000:.1f} GHz")


def marked(value, bar, more_is_better=False):
    text = f"{value:.3g}"
    if bar is None:
        return text
    held = value >= bar if more_is_better else value <= bar
    return text if held else f"**{text}, missed**"


def print_table(ours, kernels, torch):
    read = ours["read"]
    print(f"{processor()}; {kernels} kernels; a read pass takes {read:.3f} ns/element with 2 "
          f"threads, {ours['read@1']:.3f} with one.\n")
    columns = "".join(f" times torch {t['version']} {name} |" for name, t in torch.items())
    print(f"| job | within | read passes | ns/element |{columns}")
    print("|---|---|---|---|" + "---|" * len(torch))
    for title, jobs, bars in ROWS:
        passes = " / ".join(marked(ours[j] / read, bar) for j, bar in zip(jobs, bars))
        within = " / ".join(f"{bar}" for bar in dict.fromkeys(bars) if bar is not None)
        cells = [title, within, passes, " / ".join(f"{ours[j]:.3f}" for j in jobs)]
        cells += [" / ".join(f"{t['seconds'][j] * 1e9 / (ours[j] * ROWS_OF_TENSOR * COLS):.0f}"
                             for j in jobs) for t in torch.values()]
        print("| " + " | ".join(cells) + " |")
    print("\n| ratio | bar | found |\n|---|---|---|")
    for title, pairs, bar, more in RATIOS_OF:
        known = [(a, b) for a, b in pairs if a in ours and b in ours]
        found = " / ".join(marked(ours[a] / ours[b], bar, more) for a, b in known)
        print(f"| {title} | {'at least' if more else 'at most'} {bar} | {found} |")


def print_threads(ours, kernels):
    print(f"{processor()}; {kernels} kernels.\n")
    print(f"| job | ns/element: 1 thread | 2 | 8 | 2 threads over 1, at least {LEAST_GAIN} | "
          f"time of 8 over 2, at most {MOST_LOSS} |\n|---|---|---|---|---|---|")
    for job, two in ours.items():
        one, eight = ours.get(job + "@1"), ours.get(job + "@8")
        if one is None or eight is None:
            continue
        gain = marked(one / two, None if MEMORY_BOUND.fullmatch(job) else LEAST_GAIN, True)
        print(f"| {job} | {one:.3f} | {two:.3f} | {eight:.3f} | {gain} | "
              f"{marked(eight / two, MOST_LOSS)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", help="the engine_bench program")
    parser.add_argument("--torch-rows", type=int, default=512,
                        help="rows for torch's nf4 and fp4 searches; their times are scaled")
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--no-torch", action="store_true", help="leave torch out")
    parser.add_argument("--only-threads", action="store_true",
                        help="our jobs alone, with 1, 2 and 8 threads")
    parser.add_argument("--jobs", default=".", help="the jobs whose names this finds, with "
                        "--only-threads")
    parser.add_argument("--torch", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch:
        measure_torch(options)
        return
    if options.only_threads:
        print_threads(*run_ours(options))
        return
    options.jobs = "."
    python = None if options.no_torch else python_with_torch()
    ours, kernels = run_ours(options)
    torch = {}
    if python:
        torch = {"as shipped": run_torch(options, python, {}),
                 "with tuned malloc": run_torch(options, python, TUNED)}
    print_table(ours, kernels, torch)
    print()
    print_threads(ours, kernels)
    if torch:
        print(f"\nTorch's nf4 and fp4 searches ran on {options.torch_rows} of {ROWS_OF_TENSOR} "
              "rows; their times are scaled.")


if __name__ == "__main__":
    main()
