#!/usr/bin/env python3
"""Makes tiny_llava/: a LLaVA of 64,704 parameters in the layout of the Hugging Face hub, four records
of data, and what Hugging Face's own model computes for them in float64 (expected.json).

    python3 make_tiny_llava.py

README.md says what the files hold and which packages this needs.
"""

import json
import math
import platform
from pathlib import Path

import numpy
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
from transformers.models.llama import modeling_llama

FOLDER = Path(__file__).resolve().parent / "tiny_llava"
SEED = 20240229
STEPS = 5
ELEMENTS = 3  # of each tensor that are written down: the first, the middle one, the last
BEGIN, END, IMAGE_TOKEN, IMAGE_TOKENS = 256, 257, 299, 16
IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)
OPTIMIZER = {"lr": 1e-3, "betas": [0.9, 0.95], "epsilon": 1e-8, "weight_decay": 0.1, "clip_grad": 1.0}

# (images, question, answer); the question of a record with images is not used
RECORDS = [
    (["red.png"], "What is this?", "a red square"),
    (["green.png", "noise.png"], "Compare them.", "noise, na\u00efve"),
    ([], "Say hello.", "hello there"),
    (["blue.png"], "Which colour?", "blue"),
]


# -- the model -----------------------------------------------------------------------------------------


def rms_norm_forward(self, x):
    variance = x.pow(2).mean(-1, keepdim=True)
    return self.weight * (x * torch.rsqrt(variance + self.variance_epsilon))


def rotary_forward(self, x, position_ids):
    dim = x.shape[-1] // self.config.num_attention_heads
    exponents = torch.arange(0, dim, 2, dtype=torch.float64) / dim
    angles = position_ids[..., None].double() * self.config.rope_parameters["rope_theta"] ** -exponents
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def compute_in_float64():
    """Two places of the Llama code compute in float32 whatever the model's type is. They get the same
    formulas without the casts; attention is SDPA's, which has none."""
    modeling_llama.LlamaRMSNorm.forward = rms_norm_forward
    modeling_llama.LlamaRotaryEmbedding.forward = rotary_forward


class RefuseFloat32(TorchDispatchMode):
    """Proof that nothing else is computed in less than float64."""

    def __torch_dispatch__(self, function, kinds, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
                assert tensor.dtype == torch.float64, f"{function} computes in {tensor.dtype}"
        return result


def make_config():
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        image_size=16, patch_size=4, projection_dim=32, hidden_act="quick_gelu", layer_norm_eps=1e-5)
    text = LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=300, max_position_embeddings=64, rms_norm_eps=1e-5,
        rope_theta=10000.0, tie_word_embeddings=False, bos_token_id=BEGIN, eos_token_id=END)
    return LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=IMAGE_TOKEN,
        image_seq_length=IMAGE_TOKENS, vision_feature_layer=-2, vision_feature_select_strategy="default",
        projector_hidden_act="gelu", tie_word_embeddings=False, architectures=["LlavaForConditionalGeneration"])


def hub_name(name):
    """The name that LLaVA 1.5 checkpoints on the hub have for a parameter of today's classes."""
    for new, old in (("model.vision_tower.", "vision_tower.vision_model."),
                     ("model.multi_modal_projector.", "multi_modal_projector."),
                     ("model.language_model.", "language_model.model."),
                     ("lm_head.", "language_model.lm_head.")):
        if name.startswith(new):
            return old + name[len(new):]
    raise ValueError(name)


def is_vocabulary(name):
    return "embed_tokens" in name or "lm_head" in name


def is_norm(name):
    return "norm" in name and name.endswith("weight")


def decays(name):
    """Matrices decay; norms, biases and embeddings (class, position, token) do not."""
    return not (is_norm(name) or name.endswith("bias") or "class_embedding" in name
                or "position_embedding" in name or "embed_tokens" in name)


def is_in_use(name):
    """Feature layer -2 of three: the last layer and the final norm compute nothing that is used."""
    return "vision_model.encoder.layers.2." not in name and "post_layernorm" not in name


def make_tensors(model):
    """Random values of every parameter by hub name, each exact in the type that it is stored in. The
    two vocabulary tables are bfloat16, the rest float32."""
    generator = torch.Generator().manual_seed(SEED)
    tensors = {}
    for name, parameter in sorted((hub_name(n), p) for n, p in model.named_parameters()):
        values = torch.randn(parameter.shape, generator=generator, dtype=torch.float32) * 0.2
        if is_norm(name):
            values = 1 + values
        tensors[name] = values.bfloat16() if is_vocabulary(name) else values
    return tensors


def make_model():
    """Writes the folder's weights and reads them back through from_pretrained: names and layout are
    what Hugging Face takes for a LLaVA checkpoint, or this fails."""
    config = make_config()
    tensors = make_tensors(LlavaForConditionalGeneration(config))
    save_file(tensors, FOLDER / "model.safetensors", metadata={"format": "pt"})
    config.to_json_file(FOLDER / "config.json")
    model = LlavaForConditionalGeneration.from_pretrained(
        FOLDER, dtype=torch.float64, attn_implementation="sdpa")
    parameters = {hub_name(n): p for n, p in model.named_parameters()}
    assert parameters.keys() == tensors.keys()
    for name, values in tensors.items():
        assert torch.equal(parameters[name], values.double()), name
    return model.train(), parameters


# -- the data ------------------------------------------------------------------------------------------


def make_image(name, index):
    """A colour with a gradient over it, and some noise."""
    random = numpy.random.default_rng(SEED + index)
    base = {"red.png": (200, 30, 20), "green.png": (20, 180, 60), "blue.png": (30, 40, 220)}
    pixels = numpy.array(base.get(name, (128, 128, 128)), dtype=float)[None, None, :]
    pixels = pixels + numpy.arange(16)[:, None, None] * 2.0 - numpy.arange(16)[None, :, None]
    pixels = pixels + random.normal(0, 60 if name == "noise.png" else 8, (16, 16, 3))
    Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8)).save(FOLDER / name)


def make_data():
    records = []
    for index, (images, question, answer) in enumerate(RECORDS):
        for image in images:
            make_image(image, index)
        record = {"id": f"record-{index}"}
        if images:
            record["image"] = images[0] if len(images) == 1 else images
        record["conversations"] = [
            {"from": "human", "value": "<image>\n" * len(images) + question},
            {"from": "gpt", "value": answer}]
        records.append(record)
    text = json.dumps(records, indent=1, ensure_ascii=False)
    (FOLDER / "data.json").write_text(text + "\n", encoding="utf-8")


def read_pixels(name):
    """CLIP's normalisation; channels first, as CLIP takes them."""
    values = torch.from_numpy(numpy.array(Image.open(FOLDER / name))).double() / 255
    values = (values - torch.tensor(IMAGE_MEAN, dtype=torch.float64)) / torch.tensor(
        IMAGE_STD, dtype=torch.float64)
    return values.permute(2, 0, 1)


def tokenize(images, question, answer):
    """Template plain with tokenizer bytes: the tokens, and how many of the last ones are targets."""
    prompt = [IMAGE_TOKEN] * (IMAGE_TOKENS * len(images)) if images else list(question.encode())
    target = [*answer.encode(), END]
    return [BEGIN, *prompt, *target], len(target)


# -- what is expected ----------------------------------------------------------------------------------


def forward(model, record):
    """The logits that predict the record's targets, and the targets. No padding: one record at once."""
    ids, count = tokenize(*record)
    pixels = torch.stack([read_pixels(name) for name in record[0]]) if record[0] else None
    logits = model(input_ids=torch.tensor([ids]), pixel_values=pixels).logits[0]
    return logits[-count - 1:-1], torch.tensor(ids[-count:])


def sum_loss(model, record):
    logits, targets = forward(model, record)
    return torch.nn.functional.cross_entropy(logits, targets, reduction="sum"), len(targets)


def accumulate(model):
    """Gradients of the batch's loss, the sum over its targets divided by their number; the losses."""
    losses, counts = [], []
    total = sum(tokenize(*record)[1] for record in RECORDS)
    for record in RECORDS:
        with RefuseFloat32():
            loss, count = sum_loss(model, record)
            (loss / total).backward()
        losses.append(loss.item())
        counts.append(count)
    return losses, counts


def describe(tensor):
    flat = tensor.detach().flatten()
    places = [0, flat.numel() // 2, flat.numel() - 1][:ELEMENTS]
    return {"norm": flat.norm().item(), "elements": {str(i): flat[i].item() for i in places}}


def describe_all(tensors):
    return {name: describe(tensor) for name, tensor in sorted(tensors.items())}


def describe_logits(model):
    with torch.no_grad():
        logits, targets = forward(model, RECORDS[0])
    return {"targets": targets.tolist(),
            "target_logits": logits.gather(1, targets[:, None])[:, 0].tolist(),
            "sums": logits.sum(1).tolist(),
            "log_sum_exp": logits.logsumexp(1).tolist()}


def make_optimizer(parameters):
    groups = [{"params": [p for n, p in parameters.items() if decays(n) == flag],
               "weight_decay": OPTIMIZER["weight_decay"] if flag else 0.0} for flag in (True, False)]
    return torch.optim.AdamW(groups, lr=OPTIMIZER["lr"], betas=OPTIMIZER["betas"],
                             eps=OPTIMIZER["epsilon"], foreach=False)


def train(model, parameters):
    """STEPS steps on the same batch."""
    optimizer = make_optimizer(parameters)
    expected = {"logits_of_record_0": describe_logits(model), "steps": []}
    for step in range(STEPS):
        optimizer.zero_grad()
        losses, counts = accumulate(model)
        if step == 0:
            expected["records"] = [{"loss": loss / count, "tokens": count}
                                   for loss, count in zip(losses, counts)]
            expected["gradients"] = describe_all({n: p.grad for n, p in parameters.items()})
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), OPTIMIZER["clip_grad"], foreach=False)
        expected["steps"].append({"step": step + 1, "loss": math.fsum(losses) / sum(counts),
                                  "grad_norm": norm.item()})
        optimizer.step()
        if step == 0:
            expected["parameters_after_step_1"] = describe_all(parameters)
    return expected


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    FOLDER.mkdir(exist_ok=True)
    compute_in_float64()
    make_data()
    model, parameters = make_model()
    parameters = {name: p for name, p in parameters.items() if is_in_use(name)}
    expected = {"made_with": {"python": platform.python_version(), "torch": torch.__version__,
                              "transformers": transformers.__version__},
                "optimizer": OPTIMIZER,
                "parameter_count": sum(p.numel() for p in parameters.values()),
                "decays": sorted(filter(decays, parameters))}
    expected.update(train(model, parameters))
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
