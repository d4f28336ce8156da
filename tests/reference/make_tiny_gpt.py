#!/usr/bin/env python3
"""Makes tiny_gpt/: a GPT-2 in the layout of the Hugging Face hub, four records of data, and what
Hugging Face's own model computes for them in float64 (expected.json).

    python3 make_tiny_gpt.py

README.md says what the files hold and which packages this needs.
"""

import json
import math
import platform
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

from make_tiny_llava import BEGIN, END, OPTIMIZER, SEED, STEPS, RefuseFloat32, describe_all

FOLDER = Path(__file__).resolve().parent / "tiny_gpt"
ANSWER_TOKENS = 12  # of each record, chosen greedily
RECORDS = [
    ("What is this?", "a red square"),
    ("Compare them.", "noise, na\u00efve"),
    ("Say hello.", "hello there"),
    ("Which colour?", "blue"),
]


# -- the model -----------------------------------------------------------------------------------------


def make_config():
    return GPT2Config(
        n_layer=3, n_embd=32, n_head=4, n_inner=48, vocab_size=300, n_positions=40,
        activation_function="gelu_new", layer_norm_epsilon=1e-5, attn_pdrop=0, embd_pdrop=0,
        resid_pdrop=0, tie_word_embeddings=True, bos_token_id=BEGIN, eos_token_id=END,
        architectures=["GPT2LMHeadModel"])


def is_norm(name):
    return ".ln_" in name and name.endswith("weight")


def make_tensors(model):
    """Random values of every parameter. Of the tied table the rows of printable characters are large:
    they alone are chosen in answers."""
    generator = torch.Generator().manual_seed(SEED)
    tensors = {}
    for name, parameter in sorted(model.named_parameters()):
        values = torch.randn(parameter.shape, generator=generator, dtype=torch.float32) * 0.2
        tensors[name] = 1 + values if is_norm(name) else values
    table = tensors["transformer.wte.weight"]
    table[:32] *= 0.01
    table[127:] *= 0.01
    return tensors


def make_model():
    """Writes the folder's weights and reads them back through from_pretrained."""
    config = make_config()
    tensors = make_tensors(GPT2LMHeadModel(config))
    save_file(tensors, FOLDER / "model.safetensors", metadata={"format": "pt"})
    config.to_json_file(FOLDER / "config.json")
    model = GPT2LMHeadModel.from_pretrained(
        FOLDER, dtype=torch.float64, attn_implementation="sdpa")
    parameters = dict(model.named_parameters())
    assert parameters.keys() == tensors.keys()
    for name, values in tensors.items():
        assert torch.equal(parameters[name], values.double()), name
    return model.train(), parameters


def by_our_names(tensors):
    """q, k and v apart, and matrices as [output, input]: as a checkpoint of mimo-exec has them."""
    ours = {}
    for name, tensor in tensors.items():
        if ".h." in name and tensor.dim() == 2:
            tensor = tensor.T
        if ".c_attn." in name:
            for part, piece in zip("qkv", tensor.chunk(3)):
                ours[name.replace("c_attn", part)] = piece
        else:
            ours[name] = tensor
    return {f"language_model.{name}": tensor for name, tensor in ours.items()}


def decays(name, parameter):
    """Matrices decay; norms, biases and embeddings do not."""
    return parameter.dim() == 2 and ".h." in name


# -- the data ------------------------------------------------------------------------------------------


def make_data():
    records = [{"id": f"record-{index}",
                "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]}
               for index, (question, answer) in enumerate(RECORDS)]
    text = json.dumps(records, indent=1, ensure_ascii=False)
    (FOLDER / "data.json").write_text(text + "\n", encoding="utf-8")


def tokenize(question, answer):
    """Template plain with tokenizer bytes: the tokens of the prompt and the targets."""
    return [BEGIN, *question.encode()], [*answer.encode(), END]


# -- what is expected ----------------------------------------------------------------------------------


def sum_loss(model, record):
    """No padding: one record at once."""
    prompt, targets = tokenize(*record)
    logits = model(input_ids=torch.tensor([prompt + targets])).logits[0, len(prompt) - 1:-1]
    return torch.nn.functional.cross_entropy(logits, torch.tensor(targets), reduction="sum"), len(targets)


def accumulate(model):
    """Gradients of the batch's loss, the sum over its targets divided by their number; the losses."""
    losses, counts = [], []
    total = sum(len(tokenize(*record)[1]) for record in RECORDS)
    for record in RECORDS:
        with RefuseFloat32():
            loss, count = sum_loss(model, record)
            (loss / total).backward()
        losses.append(loss.item())
        counts.append(count)
    return losses, counts


def answer(model, index, record):
    """A line of mimo-exec --generate."""
    tokens, _ = tokenize(*record)
    prompt = len(tokens)
    with torch.no_grad():
        while len(tokens) < prompt + ANSWER_TOKENS and tokens[-1] != END:
            tokens.append(model(input_ids=torch.tensor([tokens])).logits[0, -1].argmax().item())
    text = bytes(tokens[prompt:]).decode("ascii")
    assert text.isprintable()
    return {"record": index, "id": f"record-{index}", "answer": text, "tokens": len(tokens) - prompt}


def make_optimizer(parameters):
    groups = [{"params": [p for n, p in parameters.items() if decays(n, p) == flag],
               "weight_decay": OPTIMIZER["weight_decay"] if flag else 0.0} for flag in (True, False)]
    return torch.optim.AdamW(groups, lr=OPTIMIZER["lr"], betas=OPTIMIZER["betas"],
                             eps=OPTIMIZER["epsilon"], foreach=False)


def train(model, parameters):
    """STEPS steps on the same batch."""
    optimizer = make_optimizer(parameters)
    expected = {"steps": []}
    for step in range(STEPS):
        optimizer.zero_grad()
        losses, counts = accumulate(model)
        if step == 0:
            expected["records"] = [{"loss": loss / count, "tokens": count}
                                   for loss, count in zip(losses, counts)]
            expected["gradients"] = describe_all(by_our_names({n: p.grad for n, p in parameters.items()}))
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), OPTIMIZER["clip_grad"], foreach=False)
        expected["steps"].append({"step": step + 1, "loss": math.fsum(losses) / sum(counts),
                                  "grad_norm": norm.item()})
        optimizer.step()
        if step == 0:
            expected["parameters_after_step_1"] = describe_all(by_our_names(parameters))
    return expected


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    FOLDER.mkdir(exist_ok=True)
    make_data()
    model, parameters = make_model()
    expected = {"made_with": {"python": platform.python_version(), "torch": torch.__version__,
                              "transformers": transformers.__version__},
                "optimizer": OPTIMIZER,
                "parameter_count": sum(p.numel() for p in parameters.values())}
    answers = [answer(model, index, record) for index, record in enumerate(RECORDS)]
    (FOLDER / "answers.jsonl").write_text(
        "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in answers))
    expected.update(train(model, parameters))
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
