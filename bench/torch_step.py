"""The PyTorch side of bench/accelerator.py, in an interpreter that has PyTorch and torchvision: prints images/s as JSON."""

import functools
import json
import sys
import time

import torch
from torchvision.models import VisionTransformer, resnet50

VIT = functools.partial(VisionTransformer, image_size=224, patch_size=16, num_layers=12, num_classes=1000)
MODELS = {
    "resnet50": resnet50,
    "vit_small_patch16_224": functools.partial(VIT, num_heads=6, hidden_dim=384, mlp_dim=1536),
    "vit_base_patch16_224": functools.partial(VIT, num_heads=12, hidden_dim=768, mlp_dim=3072),
}
WARM_UP = 3  # steps, of which the first compiles


def main() -> None:
    wanted = json.loads(sys.argv[1])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(0)
    model = MODELS[wanted["model"]]().to(device, memory_format=torch.channels_last)
    shape = wanted["batch_size"], 3, wanted["crop"], wanted["crop"]
    images = torch.randn(shape, device=device).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (wanted["batch_size"],), device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    model.train(wanted["kind"] == "training")
    forward = torch.compile(model)

    def train() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(forward(images), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    @torch.no_grad()
    def evaluate() -> None:
        with torch.autocast(device, torch.bfloat16):
            forward(images).topk(20)

    step = {"training": train, "evaluation": evaluate}[wanted["kind"]]
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    for _ in range(WARM_UP):
        step()
    speeds = []
    for _ in range(wanted["rounds"]):
        wait()
        begun = time.perf_counter()
        for _ in range(wanted["steps"]):
            step()
        wait()
        speeds.append(wanted["batch_size"] * wanted["steps"] / (time.perf_counter() - begun))
    print(json.dumps(speeds))


if __name__ == "__main__":
    main()
