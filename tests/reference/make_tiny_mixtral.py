#!/usr/bin/env python3
"""Makes tiny_mixtral/: a Mixtral in the layout of the Hugging Face hub, four records of data, and what
Hugging Face's own model computes for them in float64, with LANGUAGE.md's balance loss (expected.json).

    python3 make_tiny_mixtral.py

README.md says what the files hold and which packages this needs.
"""

import json
import math
import platform
import re
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy, linear, one_hot
from transformers import MixtralConfig, MixtralForCausalLM
from transformers.models.mixtral import modeling_mixtral

from make_tiny_gpt import ANSWER_TOKENS, RECORDS, tokenize
from make_tiny_llava import (BEGIN, END, OPTIMIZER, SEED, STEPS, RefuseFloat32, describe_all, is_norm,
                             rms_norm_forward, rotary_forward)

FOLDER = Path(__file__).resolve().parent / "tiny_mixtral"
BALANCE = 0.05  # aux_loss_coefficient


# -- the model -----------------------------------------------------------------------------------------


def router_forward(self, hidden_states):
    """MixtralTopKRouter's, without its cast to float32."""
    logits = linear(hidden_states.reshape(-1, self.hidden_dim), self.weight)
    values, indices = torch.topk(logits.softmax(dim=-1), self.top_k, dim=-1)
    return logits, values / values.sum(dim=-1, keepdim=True), indices


def stay_in_float64():
    modeling_mixtral.MixtralRMSNorm.forward = rms_norm_forward
    modeling_mixtral.MixtralRotaryEmbedding.forward = rotary_forward
    modeling_mixtral.MixtralTopKRouter.forward = router_forward


def make_config():
    return MixtralConfig(
        hidden_size=32, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=300, max_position_embeddings=40, rms_norm_eps=1e-5,
        rope_theta=10000.0, sliding_window=None, num_local_experts=6, num_experts_per_tok=2,
        tie_word_embeddings=False, bos_token_id=BEGIN, eos_token_id=END, architectures=["MixtralForCausalLM"])


def by_hub_names(tensors):
    """Today's classes hold all experts of a layer in two tensors; folders on the hub, and checkpoints of
    mimo-exec, hold three matrices of each."""
    hub = {}
    for name, tensor in tensors.items():
        name = name.replace(".mlp.", ".block_sparse_moe.")
        kind = re.search(r"experts\.(gate_up_proj|down_proj)$", name)
        if kind is None:
            hub[name] = tensor
            continue
        for expert, matrix in enumerate(tensor):
            parts = {"w2": matrix} if kind[1] == "down_proj" else dict(zip(("w1", "w3"), matrix.chunk(2)))
            hub.update({name[:kind.start(1)] + f"{expert}.{part}.weight": value for part, value in parts.items()})
    return hub


def make_tensors(model):
    """Random values of every parameter. Of the head the rows of printable characters are large: they alone
    are chosen in answers."""
    generator = torch.Generator().manual_seed(SEED)
    tensors = {}
    for name, parameter in sorted(by_hub_names(dict(model.named_parameters())).items()):
        values = torch.randn(parameter.shape, generator=generator, dtype=torch.float32) * 0.2
        tensors[name] = 1 + values if is_norm(name) else values
    tensors["lm_head.weight"][:32] *= 0.01
    tensors["lm_head.weight"][127:] *= 0.01
    return tensors


def make_model():
    """Writes the folder's weights and reads them back through from_pretrained."""
    config = make_config()
    tensors = make_tensors(MixtralForCausalLM(config))
    save_file(tensors, FOLDER / "model.safetensors", metadata={"format": "pt"})
    config.to_json_file(FOLDER / "config.json")
    model = MixtralForCausalLM.from_pretrained(FOLDER, dtype=torch.float64, attn_implementation="sdpa",
                                               experts_implementation="eager")
    parameters = dict(model.named_parameters())
    read = by_hub_names(parameters)
    assert read.keys() == tensors.keys()
    for name, values in tensors.items():
        assert torch.equal(read[name], values.double()), name
    return model.train(), parameters


def decays(name):
    return not (is_norm(name) or "embed_tokens" in name)


# -- the data ------------------------------------------------------------------------------------------


def make_data():
    records = [{"id": f"record-{index}",
                "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": text}]}
               for index, (question, text) in enumerate(RECORDS)]
    text = json.dumps(records, indent=1, ensure_ascii=False)
    (FOLDER / "data.json").write_text(text + "\n", encoding="utf-8")


# -- what is expected ----------------------------------------------------------------------------------


def balance_loss(logits, indices):
    """E · Σ f · P of one sample and layer."""
    rows, experts = logits.shape
    shares = one_hot(indices, experts).sum(dim=(0, 1)).double() / (rows * indices.shape[1])
    return experts * (shares * logits.softmax(dim=-1).mean(dim=0)).sum()


class Routers:
    """What the routers say while a record runs."""

    def __init__(self, model):
        self.layers = [layer.mlp.gate for layer in model.model.layers]
        self.outputs = []
        for gate in self.layers:
            gate.register_forward_hook(lambda gate, inputs, output: self.outputs.append(output))

    def take_balance(self):
        """The mean over the layers."""
        losses = [balance_loss(logits, indices) for logits, _, indices in self.outputs]
        assert len(losses) == len(self.layers)
        self.outputs.clear()
        return sum(losses) / len(losses)


def sum_loss(model, record):
    """No padding: one record at once. The last target is no input: nothing comes behind it, and to the
    balance loss it would be a row."""
    prompt, targets = tokenize(*record)
    logits = model(input_ids=torch.tensor([prompt + targets[:-1]]), use_cache=False).logits[0, len(prompt) - 1:]
    return cross_entropy(logits, torch.tensor(targets), reduction="sum"), len(targets)


def accumulate(model, routers):
    """Gradients of the objective: the sum over the batch's targets divided by their number, and the mean of
    the records' balance losses. The losses."""
    losses, balances, counts = [], [], []
    total = sum(len(tokenize(*record)[1]) for record in RECORDS)
    for record in RECORDS:
        with RefuseFloat32():
            loss, count = sum_loss(model, record)
            balance = routers.take_balance()
            (loss / total + BALANCE * balance / len(RECORDS)).backward()
        losses.append(loss.item())
        balances.append(balance.item())
        counts.append(count)
    return losses, balances, counts


def answer(model, routers, index, record):
    """A line of mimo-exec --generate."""
    tokens, _ = tokenize(*record)
    prompt = len(tokens)
    with torch.no_grad():
        while len(tokens) < prompt + ANSWER_TOKENS and tokens[-1] != END:
            tokens.append(model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1].argmax().item())
    routers.outputs.clear()
    text = bytes(tokens[prompt:]).decode("ascii")
    assert text.isprintable()
    return {"record": index, "id": f"record-{index}", "answer": text, "tokens": len(tokens) - prompt}


def make_optimizer(parameters):
    groups = [{"params": [p for n, p in parameters.items() if decays(n) == flag],
               "weight_decay": OPTIMIZER["weight_decay"] if flag else 0.0} for flag in (True, False)]
    return torch.optim.AdamW(groups, lr=OPTIMIZER["lr"], betas=OPTIMIZER["betas"],
                             eps=OPTIMIZER["epsilon"], foreach=False)


def by_our_names(tensors):
    return {f"language_model.{name}": tensor for name, tensor in by_hub_names(tensors).items()}


def train(model, routers, parameters):
    """STEPS steps on the same batch."""
    optimizer = make_optimizer(parameters)
    expected = {"steps": []}
    for step in range(STEPS):
        optimizer.zero_grad()
        losses, balances, counts = accumulate(model, routers)
        if step == 0:
            expected["records"] = [{"loss": loss / count, "tokens": count}
                                   for loss, count in zip(losses, counts)]
            expected["gradients"] = describe_all(by_our_names({n: p.grad for n, p in parameters.items()}))
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), OPTIMIZER["clip_grad"], foreach=False)
        expected["steps"].append({"step": step + 1, "loss": math.fsum(losses) / sum(counts),
                                  "aux_loss": math.fsum(balances) / len(balances), "grad_norm": norm.item()})
        optimizer.step()
        if step == 0:
            expected["parameters_after_step_1"] = describe_all(by_our_names(parameters))
    return expected


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    FOLDER.mkdir(exist_ok=True)
    stay_in_float64()
    make_data()
    model, parameters = make_model()
    routers = Routers(model)
    expected = {"made_with": {"python": platform.python_version(), "torch": torch.__version__,
                              "transformers": transformers.__version__},
                "optimizer": OPTIMIZER,
                "parameter_count": sum(p.numel() for p in parameters.values())}
    answers = [answer(model, routers, index, record) for index, record in enumerate(RECORDS)]
    (FOLDER / "answers.jsonl").write_text(
        "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in answers))
    expected.update(train(model, routers, parameters))
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
