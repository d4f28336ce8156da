#!/usr/bin/env python3
"""The training steps of bench/cuda.mimo in PyTorch, for `scripts/bench --backend cuda` to set beside mimo's.

    cuda.py MODEL --micro-batch N --micro-steps N [--steps N] [--compile]

MODEL is gpt2_xl or llava_layers. Prints one line, tab-separated: what ran, and the median milliseconds of a step
(all micro-steps forward and backward, clipping, AdamW) after a warm-up. Tokens and pixels are random.

What PyTorch is given is what its users take for speed: bf16 by autocast over float32 weights, fused attention
(scaled_dot_product_attention, whose fastest kernel it chooses), fused AdamW, one product for queries, keys and
values and one for gate and up, float32 products in TF32, gradients set to None, batches that lie on the GPU
already (mimo sends its tokens and images there within the step); with --compile, torch.compile besides. The exit
status is 3 where PyTorch or a GPU is missing.
"""
import argparse
import statistics
import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    sys.exit(3)

WARM_UP = 5


def attend(qkv, heads, is_causal):
    batch, length, width = qkv.shape
    q, k, v = qkv.view(batch, length, 3, heads, width // (3 * heads)).permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v, is_causal=is_causal).transpose(1, 2).reshape(batch, length, -1)


class GptLayer(nn.Module):
    """Pre-LayerNorm with biases: GPT-2's, and with another activation CLIP's."""

    def __init__(self, width, heads, is_causal, activation):
        super().__init__()
        self.heads, self.is_causal, self.activation = heads, is_causal, activation
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.out(attend(self.qkv(self.norm1(x)), self.heads, self.is_causal))
        return x + self.down(self.activation(self.up(self.norm2(x))))


def gelu_tanh(x):
    return F.gelu(x, approximate="tanh")


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


class Gpt2Xl(nn.Module):
    width, heads, layers, vocabulary, length = 1600, 25, 48, 50304, 1024

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(self.vocabulary, self.width)
        self.positions = nn.Embedding(self.length, self.width)
        self.layers = nn.ModuleList(GptLayer(self.width, self.heads, True, gelu_tanh) for _ in range(self.layers))
        self.norm = nn.LayerNorm(self.width)

    def make_batch(self, samples, device):
        return (torch.randint(self.vocabulary, (samples, self.length + 1), device=device),)

    def forward(self, ids):
        x = self.tokens(ids[:, :-1]) + self.positions.weight
        for layer in self.layers:
            x = layer(x)
        logits = F.linear(self.norm(x), self.tokens.weight)
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


class Clip(nn.Module):
    """Up to the penultimate layer, without the class token, as LLaVA reads it."""

    width, heads, layers, image, patch = 1024, 16, 23, 336, 14

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, self.width, self.patch, self.patch, bias=False)
        self.class_token = nn.Parameter(torch.randn(self.width) * 0.02)
        self.positions = nn.Parameter(torch.randn((self.image // self.patch) ** 2 + 1, self.width) * 0.02)
        self.norm = nn.LayerNorm(self.width)
        self.layers = nn.ModuleList(GptLayer(self.width, self.heads, False, quick_gelu) for _ in range(self.layers))

    def forward(self, pixels):
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(x), 1, -1), x], 1) + self.positions
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x)
        return x[:, 1:]


class LlamaLayer(nn.Module):
    def __init__(self, width, ffn, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.RMSNorm(width, 1e-5), nn.RMSNorm(width, 1e-5)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.gate_up, self.down = nn.Linear(width, 2 * ffn, bias=False), nn.Linear(ffn, width, bias=False)

    def rotate(self, qkv, cosine, sine):
        batch, length, width = qkv.shape
        q, k, v = qkv.view(batch, length, 3, self.heads, -1).unbind(2)
        qk = torch.stack([q, k], 2)
        low, high = qk.chunk(2, -1)
        qk = qk * cosine + torch.cat([-high, low], -1) * sine
        return torch.cat([qk, v[:, :, None]], 2).to(qkv.dtype).view(batch, length, width)

    def forward(self, x, cosine, sine):
        x = x + self.out(attend(self.rotate(self.qkv(self.norm1(x)), cosine, sine), self.heads, True))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class LlavaLayers(nn.Module):
    width, ffn, heads, layers, vocabulary, length = 4096, 11008, 32, 8, 32064, 2048

    def __init__(self):
        super().__init__()
        self.clip = Clip()
        self.projector = nn.Sequential(nn.Linear(Clip.width, self.width), nn.GELU(), nn.Linear(self.width, self.width))
        self.tokens = nn.Embedding(self.vocabulary, self.width)
        self.layers = nn.ModuleList(LlamaLayer(self.width, self.ffn, self.heads) for _ in range(self.layers))
        self.norm = nn.RMSNorm(self.width, 1e-5)
        self.head = nn.Linear(self.width, self.vocabulary, bias=False)
        head_dim = self.width // self.heads
        rates = 10000.0 ** -(torch.arange(0, head_dim, 2) / head_dim)
        angles = (torch.arange(self.length)[:, None] * rates.repeat(2))[:, None, None]
        self.register_buffer("cosine", angles.cos())
        self.register_buffer("sine", angles.sin())

    def make_batch(self, samples, device):
        ids = torch.randint(self.vocabulary, (samples, self.length + 1), device=device)
        return ids, torch.randn(samples, 3, Clip.image, Clip.image, device=device)

    def forward(self, ids, pixels):
        images = self.projector(self.clip(pixels))
        x = self.tokens(ids[:, :-1])
        x = torch.cat([x[:, :1], images, x[:, 1 + images.shape[1] :]], 1)
        for layer in self.layers:
            x = layer(x, self.cosine, self.sine)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


MODELS = {"gpt2_xl": Gpt2Xl, "llava_layers": LlavaLayers}


def run_step(model, forward, optimizer, batches):
    for batch in batches:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = forward(*batch) / len(batches)
        loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--micro-batch", type=int, required=True)
    parser.add_argument("--micro-steps", type=int, required=True)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit(3)
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = True
    model = MODELS[options.model]().to("cuda")
    forward = torch.compile(model) if options.compile else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    batches = [model.make_batch(options.micro_batch, "cuda") for _ in range(options.micro_steps)]
    times = []
    for _ in range(options.steps):
        begin = time.perf_counter()
        run_step(model, forward, optimizer, batches)
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - begin))
    how = "compiled" if options.compile else "eager"
    print(f"PyTorch {torch.__version__}, {how}\t{statistics.median(times[WARM_UP:]):.2f}")


main()
