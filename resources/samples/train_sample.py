#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the small transformer that Quantoscope ships as a sample model.

The model is a Llama-style decoder: token embedding, four blocks of grouped-query
attention with rotary positions and a gated SiLU MLP, RMSNorm throughout, an untied
output layer and no biases.  It learns English technical prose from the POD files of
Debian's `perl-doc` package, through a 512-token byte-pair vocabulary learnt here too.

The result is written as a PyTorch state dict dump in HDF5: one float16 dataset per
tensor at the root of the file, named and shaped as in the state dict ([out, in] for
linear weights) and created in model order.

    train_sample.py                      train, then write sample_transformer.h5
    train_sample.py --resume             continue an interrupted training
    train_sample.py --export-only        write the file from the last checkpoint
    train_sample.py --evaluate FILE.h5   load a written file and measure its loss

Needs PyTorch, NumPy and h5py.  Every random choice is seeded, and the batch of a step
depends only on the seed and the step number, so a resumed run sees the same batches as
an uninterrupted one.  A resumed run may be given other --steps, to end the schedule
sooner or later.  (Different CPUs, BLAS libraries and numbers of threads may round sums
differently.)
"""

import argparse
import csv
import json
import math
import os
import re
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Config:
    vocab_size: int = 512
    hidden_size: int = 512
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 32
    intermediate_size: int = 256
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0


# ---------------------------------------------------------------------------
# Text
# ---------------------------------------------------------------------------

# Translations, and files that are tables or listings rather than prose.
SKIPPED_PODS = {"perlcn", "perljp", "perlko", "perltw", "perltoc", "perluniprops"}
HELD_OUT_EVERY = 20  # one document in this many is for validation only

POD_ESCAPES = {"lt": "\x01", "gt": "\x02", "verbar": "|", "sol": "/", "amp": "&", "quot": '"'}


def pod_inline(text):
    """Replace POD formatting codes such as C<...> and L<...|...> by their text."""

    def escape(match):
        name = match.group(1)
        if name in POD_ESCAPES:
            return POD_ESCAPES[name]
        try:
            return chr(int(name, 0))
        except (ValueError, OverflowError):
            return ""

    def code(match):
        letter, body = match.group(1), match.group(2).strip()
        if letter in "XZ":  # index entries and null codes print nothing
            return ""
        if letter == "L":
            return body.split("|", 1)[0] if "|" in body else body.strip("/")
        return body

    def wide_code(match):
        # The body of C<< ... >> may hold plain angle brackets: protect them.
        body = match.group(3).replace("<", "\x01").replace(">", "\x02")
        return f"{match.group(1)}<{body}>"

    text = re.sub(r"E<(\w+)>", escape, text)
    text = re.sub(r"([A-Z])(<<+)\s+(.*?)\s+>>+", wide_code, text, flags=re.S)
    innermost = re.compile(r"([A-Z])<([^<>]*)>")
    for _ in range(8):
        text, count = innermost.subn(code, text)
        if not count:
            break
    return text.replace("\x01", "<").replace("\x02", ">")


def pod_to_text(source):
    """The prose of a POD file: headings, items and paragraphs; no code, no markup."""
    paragraphs = []
    in_pod = skipping = False
    for block in re.split(r"\n[ \t]*\n", source.replace("\r\n", "\n")):
        block = block.strip("\n")
        if not block.strip():
            continue
        if block.startswith("="):
            command, _, rest = block[1:].partition(" ")
            command = command.split("\n", 1)[0]
            in_pod = command != "cut"
            if command == "begin":
                skipping = True
            elif command == "end":
                skipping = False
            if not re.fullmatch(r"head\d|item", command):
                continue
            rest = rest.strip()
            if rest.strip("*0123456789. ") == "":
                continue  # a bullet or a number alone
            block = rest
        elif block[0].isspace():
            continue  # verbatim block: code or a table
        if in_pod and not skipping:
            paragraphs.append(" ".join(pod_inline(block).split()))
    return "\n\n".join(p for p in paragraphs if p) + "\n"


def read_pod(path):
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def find_text_directory():
    candidates = sorted(Path("/usr/share/perl").glob("5.*"))
    return candidates[-1] if candidates else Path("/usr/share/perl")


def load_corpus(directory):
    """Training and validation text; whole documents are held out for validation."""
    files = sorted(
        (p for p in Path(directory).rglob("*.pod") if p.stem not in SKIPPED_PODS and not p.is_symlink()),
        key=lambda p: p.relative_to(directory).as_posix(),
    )
    documents = [t for t in (pod_to_text(read_pod(p)) for p in files) if len(t) >= 1000]
    if len(documents) < 2 * HELD_OUT_EVERY:
        raise SystemExit(f"{directory}: too few POD files; is perl-doc installed? See --text-dir.")
    train = [d for i, d in enumerate(documents) if i % HELD_OUT_EVERY != HELD_OUT_EVERY // 2]
    valid = [d for i, d in enumerate(documents) if i % HELD_OUT_EVERY == HELD_OUT_EVERY // 2]
    return "\n".join(train), "\n".join(valid)


# ---------------------------------------------------------------------------
# Byte-pair tokenizer: 256 bytes and 256 merges
# ---------------------------------------------------------------------------

# A piece is a word, a number or a run of punctuation with the space before it, or a
# run of line ends.  Merges never cross pieces.
PIECE = re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:_|[^\w\s])+|\s")


def learn_merges(text, count):
    """Learn `count` merges, most frequent pair first; ties go to the lower token ids."""
    frequency = Counter(PIECE.findall(text))
    words = [(list(w.encode("utf-8")), n) for w, n in sorted(frequency.items())]
    pairs, where = Counter(), defaultdict(set)
    for index, (tokens, n) in enumerate(words):
        for pair in zip(tokens, tokens[1:]):
            pairs[pair] += n
            where[pair].add(index)
    merges = []
    for new_token in range(256, 256 + count):
        best = max(pairs, key=lambda p: (pairs[p], -p[0], -p[1]))
        merges.append(best)
        for index in where.pop(best):
            tokens, n = words[index]
            for pair in zip(tokens, tokens[1:]):
                pairs[pair] -= n
            merge_in_place(tokens, best, new_token)
            for pair in zip(tokens, tokens[1:]):
                pairs[pair] += n
                where[pair].add(index)
        del pairs[best]
    return merges


def merge_in_place(tokens, pair, new_token):
    i = 0
    while i < len(tokens) - 1:
        if (tokens[i], tokens[i + 1]) == pair:
            tokens[i : i + 2] = [new_token]
        i += 1


def encode(text, merges):
    known = {}
    result = []
    for piece in PIECE.findall(text):
        if piece not in known:
            tokens = list(piece.encode("utf-8"))
            for offset, pair in enumerate(merges):
                if len(tokens) < 2:
                    break
                merge_in_place(tokens, pair, 256 + offset)
            known[piece] = tokens
        result.extend(known[piece])
    return np.array(result, dtype=np.int64)


# ---------------------------------------------------------------------------
# Model
# ---------------------------------------------------------------------------


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


def rotary_tables(config, length):
    inverse = config.rope_theta ** (-torch.arange(0, config.head_dim, 2).float() / config.head_dim)
    angles = torch.outer(torch.arange(length).float(), inverse)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.num_attention_heads
        self.kv_heads = config.num_key_value_heads
        self.head_dim = config.head_dim
        width = config.hidden_size
        self.q_proj = nn.Linear(width, self.heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(width, self.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(width, self.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * self.head_dim, width, bias=False)

    def forward(self, x, cos, sin, mask):
        batch, length, _ = x.shape

        def split(y, heads):
            return y.view(batch, length, heads, self.head_dim).transpose(1, 2)

        q = rotate(split(self.q_proj(x), self.heads), cos, sin)
        k = rotate(split(self.k_proj(x), self.kv_heads), cos, sin)
        v = split(self.v_proj(x), self.kv_heads)
        groups = self.heads // self.kv_heads
        k = k.repeat_interleave(groups, dim=1)
        v = v.repeat_interleave(groups, dim=1)
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.head_dim) + mask
        y = F.softmax(scores, dim=-1) @ v
        return self.o_proj(y.transpose(1, 2).reshape(batch, length, -1))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    # The members are declared in the order in which the tensors are to be written.
    def __init__(self, config):
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, cos, sin, mask):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class Transformer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                std = 0.02
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    std /= math.sqrt(2 * config.num_hidden_layers)
                nn.init.normal_(parameter, std=std)

    def forward(self, tokens):
        length = tokens.shape[1]
        cos, sin = rotary_tables(self.config, length)
        mask = torch.full((length, length), -math.inf).triu(1)
        x = self.model.embed_tokens(tokens)
        for layer in self.model.layers:
            x = layer(x, cos, sin, mask)
        return self.lm_head(self.model.norm(x))

    def loss(self, tokens):
        logits = self(tokens[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


# ---------------------------------------------------------------------------
# Training
# ---------------------------------------------------------------------------


def training_batch(tokens, seed, step, batch, context):
    starts = np.random.default_rng([seed, step]).integers(0, len(tokens) - context - 1, size=batch)
    return torch.from_numpy(np.stack([tokens[s : s + context + 1] for s in starts]))


@torch.no_grad()
def validation_loss(model, tokens, batch, context, windows=None):
    """Mean loss over windows side by side, or over `windows` of them evenly spread."""
    starts = np.arange(0, len(tokens) - context - 1, context)
    if windows is not None and windows < len(starts):
        starts = starts[np.linspace(0, len(starts) - 1, windows).astype(int)]
    total = 0.0
    for i in range(0, len(starts), batch):
        chunk = starts[i : i + batch]
        rows = torch.from_numpy(np.stack([tokens[s : s + context + 1] for s in chunk]))
        total += model.loss(rows).item() * len(chunk)
    return total / len(starts)


def learning_rate(step, args):
    """Linear warmup, then half a cosine down to a tenth of the peak."""
    if step <= args.warmup:
        return args.lr * step / args.warmup
    progress = (step - args.warmup) / max(1, args.steps - args.warmup)
    return args.lr * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


def save_atomically(path, write):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    write(partial)
    os.replace(partial, path)


def train(model, data, args):
    train_tokens, valid_tokens, bits_per_byte = data
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": args.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=args.lr,
        betas=(0.9, 0.95),
    )
    curve, first = [], 1
    if args.resume:
        state = torch.load(args.checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        curve, first = state["curve"], state["step"] + 1
        print(f"resuming after step {state['step']}")

    def record(step, train_loss):
        valid = validation_loss(model, valid_tokens, args.batch, args.context, windows=128)
        row = {
            "step": step,
            "tokens": step * args.batch * args.context,
            "train_loss": round(train_loss, 4),
            "validation_loss": round(valid, 4),
            "validation_bits_per_byte": round(bits_per_byte(valid), 4),
        }
        curve.append(row)
        print(json.dumps(row), f"{time.monotonic() - started:.0f} s", flush=True)

    def checkpoint(step):
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "curve": curve, "step": step}
        save_atomically(args.checkpoint, lambda path: torch.save(state, path))

    started = time.monotonic()
    if first == 1:
        with torch.no_grad():
            record(0, model.loss(training_batch(train_tokens, args.seed, 0, args.batch, args.context)).item())
    recent = []
    last = min(args.steps, args.stop_after or args.steps)
    for step in range(first, last + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args)
        loss = model.loss(training_batch(train_tokens, args.seed, step, args.batch, args.context))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recent.append(loss.item())
        if step % args.eval_every == 0 or step == last:
            record(step, sum(recent) / len(recent))  # the mean since the row before
            recent.clear()
            checkpoint(step)
    return curve


# ---------------------------------------------------------------------------
# Output
# ---------------------------------------------------------------------------


def write_hdf5(path, state, config, step):
    """One float16 dataset per tensor at the root, created in the order of the state dict."""

    def write(partial):
        creation = h5py.h5p.create(h5py.h5p.FILE_CREATE)
        creation.set_link_creation_order(h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED)
        creation.set_obj_track_times(False)  # no dates: the same tensors give the same bytes
        with h5py.File(h5py.h5f.create(os.fsencode(partial), fcpl=creation)) as file:
            file.attrs["title"] = "Quantoscope sample: a small Llama-style language model"
            file.attrs["producer"] = "train_sample.py (Quantoscope), PyTorch state dict in HDF5"
            file.attrs["license"] = "GPL-3.0-or-later"
            file.attrs["source"] = "Trained on the prose of the Perl documentation (Debian package perl-doc)"
            file.attrs["config"] = json.dumps(asdict(config))
            file.attrs["training_steps"] = step
            for name, tensor in state.items():
                values = tensor.detach().numpy().astype(np.float16)
                if not np.isfinite(values).all():
                    raise SystemExit(f"{name}: a value does not fit float16")
                file.create_dataset(name, data=values)

    save_atomically(path, write)


def write_curve(path, curve):
    def write(partial):
        with open(partial, "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=curve[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(curve)

    save_atomically(path, write)


def read_hdf5(path):
    with h5py.File(path, "r") as file:
        return {name: torch.from_numpy(file[name][...].astype(np.float32)) for name in file}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, default=HERE / "sample_transformer.h5", help="HDF5 file to write")
    parser.add_argument("--curve", type=Path, help="CSV file of the losses (default: loss_curve.csv beside --out)")
    parser.add_argument("--text-dir", type=Path, default=find_text_directory(), help="folder with POD files")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--stop-after", type=int, help="stop at this step of the schedule")
    parser.add_argument("--batch", type=int, default=8, help="sequences per step")
    parser.add_argument("--context", type=int, default=128, help="tokens per sequence")
    parser.add_argument("--lr", type=float, default=1.5e-3, help="peak learning rate")
    parser.add_argument("--warmup", type=int, default=200, help="steps of linear warmup")
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--eval-every", type=int, default=200, help="steps between rows of the loss curve")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=Path(tempfile.gettempdir()) / "quantoscope_sample_checkpoint.pt",
        help="checkpoint rewritten at every row of the loss curve",
    )
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint")
    parser.add_argument("--export-only", action="store_true", help="write the outputs from the checkpoint and stop")
    parser.add_argument("--evaluate", type=Path, metavar="FILE", help="print the validation loss of FILE and stop")
    args = parser.parse_args()
    if args.curve is None:
        args.curve = args.out.with_name("loss_curve.csv")
    return args


def main():
    args = parse_arguments()
    config = Config()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    if args.export_only:
        state = torch.load(args.checkpoint)
        write_hdf5(args.out, state["model"], config, state["step"])
        write_curve(args.curve, state["curve"])
        return

    train_text, valid_text = load_corpus(args.text_dir)
    merges = learn_merges(train_text, config.vocab_size - 256)
    train_tokens, valid_tokens = encode(train_text, merges), encode(valid_text, merges)
    train_bytes, valid_bytes = len(train_text.encode()), len(valid_text.encode())
    print(f"training text:   {train_bytes} bytes, {len(train_tokens)} tokens")
    print(f"validation text: {valid_bytes} bytes, {len(valid_tokens)} tokens", flush=True)

    def bits_per_byte(nats_per_token):
        return nats_per_token / math.log(2) * len(valid_tokens) / valid_bytes

    model = Transformer(config)
    if args.evaluate:
        model.load_state_dict(read_hdf5(args.evaluate))
        loss = validation_loss(model, valid_tokens, args.batch, args.context)
        print(f"validation loss {loss:.4f} nats per token, {bits_per_byte(loss):.4f} bits per byte")
        return

    print(f"parameters:      {sum(p.numel() for p in model.parameters())}", flush=True)
    curve = train(model, (train_tokens, valid_tokens, bits_per_byte), args)
    write_hdf5(args.out, model.state_dict(), config, curve[-1]["step"])
    write_curve(args.curve, curve)


if __name__ == "__main__":
    main()
