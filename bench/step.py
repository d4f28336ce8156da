#!/usr/bin/env python3
"""The training step of bench/step.mimo in PyTorch, for scripts/bench to set beside mimo's.

    step.py [--threads N] [--steps N] [--compile | --onednn] RECORDS

Prints one line, tab-separated: what ran, and the median milliseconds of a step (forward, backward, clipping,
AdamW) after a warm-up. RECORDS is the emoji data set's train.json: each batch has the captions' lengths of 64
records drawn by chance, padded to its longest; words and pixels are random.

What PyTorch is given: parameters and optimizer in float32 as in mimo; attention, RMSNorm and AdamW in the fused
forms of the library; one product for queries, keys and values and one for gate and up; logits only where a
target is, as in mimo; gradients set to None; batches that lie ready in memory as floats (mimo reads, decodes
and normalises its images within the step). PyTorch multiplies matrices with MKL, which knows Intel's processors;
--onednn sends its linear layers through oneDNN instead, the library that mimo uses. The exit status is 3 where
PyTorch is not installed.
"""
import argparse
import json
import random
import re
import statistics
import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    sys.exit(3)

WIDTH, HEADS, LAYERS = 128, 4, 3
ENCODER_FFN, LANGUAGE_FFN = 4 * WIDTH, 3 * WIDTH
VOCABULARY = 2048
IMAGE, PATCH = 32, 8
IMAGE_TOKENS = (IMAGE // PATCH) ** 2
SAMPLES = 64
SEQUENCE = 32
WARM_UP = 10
BATCHES = 16


def split_heads(x):
    """[batch, length, 3 * width] to queries, keys and values of [batch, heads, length, width / heads]."""
    batch, length, _ = x.shape
    return x.view(batch, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)


def merge_heads(x):
    batch, _, length, _ = x.shape
    return x.transpose(1, 2).reshape(batch, length, WIDTH)


class OneDnnProduct(torch.autograd.Function):
    @staticmethod
    def multiply(x, weight, bias=None):
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None
        return OneDnnProduct.multiply(x, weight, bias)

    @staticmethod
    def backward(ctx, dy):
        x, weight = ctx.saved_tensors
        dy = dy.contiguous()
        rows, x_rows = dy.view(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
        dx = OneDnnProduct.multiply(rows, weight.t()).view(x.shape)
        dweight = OneDnnProduct.multiply(rows.t(), x_rows.t())
        return dx, dweight, rows.sum(0) if ctx.has_bias else None


class Linear(nn.Linear):
    uses_onednn = False

    def forward(self, x):
        if Linear.uses_onednn:
            return OneDnnProduct.apply(x, self.weight, self.bias)
        return super().forward(x)


class EncoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = Linear(WIDTH, 3 * WIDTH), Linear(WIDTH, WIDTH)
        self.up, self.down = Linear(WIDTH, ENCODER_FFN), Linear(ENCODER_FFN, WIDTH)

    def forward(self, x):
        q, k, v = split_heads(self.qkv(self.norm1(x)))
        x = x + self.out(merge_heads(F.scaled_dot_product_attention(q, k, v)))
        up = self.up(self.norm2(x))
        return x + self.down(up * torch.sigmoid(1.702 * up))


class Encoder(nn.Module):
    """CLIP's vision transformer up to its last layer; the class token is left out of what it returns."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.class_token = nn.Parameter(torch.randn(WIDTH) * 0.02)
        self.positions = nn.Parameter(torch.randn(IMAGE_TOKENS + 1, WIDTH) * 0.02)
        self.pre_norm = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(LAYERS))

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(images), 1, WIDTH), x], 1) + self.positions
        x = self.pre_norm(x)
        for layer in self.layers:
            x = layer(x)
        return x[:, 1:]


class LanguageLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(WIDTH, 1e-5), nn.RMSNorm(WIDTH, 1e-5)
        self.qkv = Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = Linear(WIDTH, WIDTH, bias=False)
        self.gate_up = Linear(WIDTH, 2 * LANGUAGE_FFN, bias=False)
        self.down = Linear(LANGUAGE_FFN, WIDTH, bias=False)

    def forward(self, x, cosine, sine):
        qk, v = split_heads(self.qkv(self.norm1(x))).split([2, 1])
        low, high = qk.chunk(2, -1)
        q, k = qk * cosine + torch.cat([-high, low], -1) * sine
        attention = F.scaled_dot_product_attention(q, k, v[0], is_causal=True)
        x = x + self.out(merge_heads(attention))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.layers = nn.ModuleList(LanguageLayer() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(WIDTH, 1e-5)
        self.head = Linear(WIDTH, VOCABULARY, bias=False)
        rates = 10000.0 ** -(torch.arange(0, WIDTH // HEADS, 2) / (WIDTH // HEADS))
        angles = torch.arange(SEQUENCE)[:, None] * rates.repeat(2)
        self.register_buffer("cosine", angles.cos())
        self.register_buffer("sine", angles.sin())

    def forward(self, ids, image_rows, targets):
        """Logits of the rows in `targets` (of the batch laid out flat); image rows follow the first token."""
        x = self.embedding(ids)
        x = torch.cat([x[:, :1], image_rows, x[:, 1 + IMAGE_TOKENS :]], 1)
        cosine, sine = self.cosine[: x.shape[1]], self.sine[: x.shape[1]]
        for layer in self.layers:
            x = layer(x, cosine, sine)
        return self.head(self.norm(x.reshape(-1, WIDTH).index_select(0, targets)))


class Captioner(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.projector = nn.Sequential(Linear(WIDTH, WIDTH), nn.GELU(), Linear(WIDTH, WIDTH))
        self.language = Language()

    def forward(self, images, ids, targets, labels):
        logits = self.language(ids, self.projector(self.encoder(images)), targets)
        return F.cross_entropy(logits, labels)


def caption_lengths(path):
    with open(path, encoding="utf-8") as file:
        records = json.load(file)
    answers = (record["conversations"][-1]["value"] for record in records)
    return [len(re.findall(r"[\w']+|[^\w\s]", answer)) for answer in answers]


def make_batch(lengths, draw):
    """One token to begin, the image, the caption; the caption's words and the end are the targets."""
    words = draw.choices(lengths, k=SAMPLES)
    length = 1 + IMAGE_TOKENS + max(words)
    ids = torch.randint(VOCABULARY, (SAMPLES, length))
    targets = [b * length + IMAGE_TOKENS + i for b in range(SAMPLES) for i in range(words[b] + 1)]
    labels = torch.randint(VOCABULARY, (len(targets),))
    return torch.randn(SAMPLES, 3, IMAGE, IMAGE), ids, torch.tensor(targets), labels


def make_optimizer(model):
    """Weight decay on matrices only: no norms, biases or embeddings."""
    matrices = {m.weight for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))}
    others = [p for p in model.parameters() if p not in matrices]
    groups = [{"params": list(matrices), "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=2e-3, betas=(0.9, 0.95), eps=1e-8, fused=True)


def train_step(forward, model, optimizer, batch):
    optimizer.zero_grad(set_to_none=True)
    forward(*batch).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def measure(arguments):
    torch.manual_seed(1)
    draw, lengths = random.Random(1), caption_lengths(arguments.records)
    batches = [make_batch(lengths, draw) for _ in range(BATCHES)]
    model = Captioner()
    forward = torch.compile(model, dynamic=True) if arguments.compile else model
    optimizer = make_optimizer(model)
    times = []
    for step in range(WARM_UP + arguments.steps):
        start = time.perf_counter()
        train_step(forward, model, optimizer, batches[step % BATCHES])
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[WARM_UP:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--compile", action="store_true", help="through torch.compile")
    how.add_argument("--onednn", action="store_true", help="linear layers through oneDNN")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    Linear.uses_onednn = arguments.onednn
    mode = "compiled" if arguments.compile else "oneDNN" if arguments.onednn else "eager"
    threads = f"{arguments.threads} thread" + "s" * (arguments.threads > 1)
    print(f"PyTorch {torch.__version__.split('+')[0]}, {mode}, {threads}\t{measure(arguments):.3f}")


if __name__ == "__main__":
    main()
