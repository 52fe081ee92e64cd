"""ResNet v1.5 in plain NumPy, over tensors under torchvision's names: an oracle without the package's code."""

import numpy as np


def random_tensors(*, block, depths, widths, stem_size, num_classes, seed=0):
    random = np.random.default_rng(seed)
    tensors = {}

    def convolution(name, inputs, outputs, size):
        scale = (inputs * size * size) ** -0.5
        tensors[f"{name}.weight"] = random.normal(0, scale, (outputs, inputs, size, size))

    def batch_norm(name, width):
        tensors[f"{name}.weight"] = random.uniform(0.5, 1.5, width)
        tensors[f"{name}.bias"] = random.normal(0, 0.3, width)
        tensors[f"{name}.running_mean"] = random.normal(0, 0.3, width)
        tensors[f"{name}.running_var"] = random.uniform(0.5, 2, width)
        tensors[f"{name}.num_batches_tracked"] = np.array(7)

    convolution("conv1", 3, widths[0], stem_size)
    batch_norm("bn1", widths[0])
    inputs = widths[0]
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        outputs = width * (4 if block == "bottleneck" else 1)
        for index in range(depth):
            name = f"layer{stage + 1}.{index}"
            sizes = [1, 3, 1] if block == "bottleneck" else [3, 3]
            middle = [width] * (len(sizes) - 1)
            channels = [inputs, *middle, outputs]
            for number, size in enumerate(sizes, start=1):
                convolution(f"{name}.conv{number}", channels[number - 1], channels[number], size)
                batch_norm(f"{name}.bn{number}", channels[number])
            if index == 0 and (stage > 0 or inputs != outputs):
                convolution(f"{name}.downsample.0", inputs, outputs, 1)
                batch_norm(f"{name}.downsample.1", outputs)
            inputs = outputs
    tensors["fc.weight"] = random.normal(0, 0.3, (num_classes, inputs))
    tensors["fc.bias"] = random.normal(0, 0.3, num_classes)
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def logits(tensors, images, *, block, depths, stem):  # [B, H, W, 3] -> [B, K]
    stride = 2 if stem == "imagenet" else 4
    features = relu(batch_norm(tensors, "bn1", convolve(images.astype(np.float64), tensors["conv1.weight"], stride)))
    if stem == "imagenet":
        features = max_pool(features)
    for stage, depth in enumerate(depths):
        for index in range(depth):
            name = f"layer{stage + 1}.{index}"
            stride = 2 if stage > 0 and index == 0 else 1
            features = relu(
                residual(tensors, name, features, stride, block) + shortcut(tensors, name, features, stride)
            )
    return features.mean(axis=(1, 2)) @ tensors["fc.weight"].T + tensors["fc.bias"]


def residual(tensors, name, features, stride, block):
    strides = [1, stride, 1] if block == "bottleneck" else [stride, 1]
    for number, step in enumerate(strides, start=1):
        features = convolve(features, tensors[f"{name}.conv{number}.weight"], step)
        features = batch_norm(tensors, f"{name}.bn{number}", features)
        if number < len(strides):
            features = relu(features)
    return features


def shortcut(tensors, name, features, stride):
    if f"{name}.downsample.0.weight" not in tensors:
        return features
    features = convolve(features, tensors[f"{name}.downsample.0.weight"], stride)
    return batch_norm(tensors, f"{name}.downsample.1", features)


def convolve(images, weight, stride):  # [B, H, W, C], [C', C, S, S] -> [B, H', W', C']
    size = weight.shape[-1]
    height, width = -(-images.shape[1] // stride), -(-images.shape[2] // stride)
    edge = size // 2
    padded = np.pad(images, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    result = np.empty((len(images), height, width, len(weight)))
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            window = padded[:, top : top + size, left : left + size]
            result[:, row, column] = np.einsum("byxc,ocyx->bo", window, weight)
    return result


def batch_norm(tensors, name, features):
    mean, variance = tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"]
    normal = (features - mean) / np.sqrt(variance + 1e-5)
    return normal * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def max_pool(features):  # 3 x 3, stride 2
    padded = np.pad(features, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    rows, columns = range(0, features.shape[1], 2), range(0, features.shape[2], 2)
    return np.stack(
        [
            np.stack([padded[:, row : row + 3, column : column + 3].max(axis=(1, 2)) for column in columns], axis=1)
            for row in rows
        ],
        axis=1,
    )


def relu(features):
    return np.maximum(features, 0)
