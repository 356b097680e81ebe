# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Milliseconds a training step takes, and how much of what the machine can do that is.

A step is forward, squared error, backward and Adam. Its floating-point operations are counted
by torch, as they are for the two peaks that it is compared with: the product of two square
matrices, and forward and backward of a convolution of 96 features with 3 x 3 pixels, in the
faster memory format. The fastest repeat counts: what else the machine does can only slow a
step down. With one thread of a CPU, milliseconds are those of CPU time. bfloat16 is left out where
a convolution is slower in it than in float32, as it is without hardware for it.
"""

import time
from contextlib import nullcontext

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks._small_networks import NETWORKS as SMALL
from benchmarks.report import Report, options
from selfsupervised.networks import (
    DnCNN,
    FilledUNet,
    Self2SelfPlusUNet,
    Self2SelfUNet,
    UNet,
)

NETWORKS = {
    "Noise2SelfUNet(width=16, depth=3, residual=True), the default": SMALL["default"],
    **{name: make for name, make in SMALL.items() if name != "default"},
    "UNet(width=32, depth=4)": lambda: UNet(width=32, depth=4),
    "UNet()": UNet,
    "DnCNN()": DnCNN,
    "FilledUNet(), the default of Self2Self": FilledUNet,
    "Self2SelfUNet()": Self2SelfUNet,
    "Self2SelfPlusUNet()": Self2SelfPlusUNet,
}
FORMATS = {"NCHW": torch.contiguous_format, "channels last": torch.channels_last}
PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}


def seconds(run, device, repeats):
    """The fastest of some runs, after one that does not count."""
    alone = device == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    times = []
    for _ in range(repeats + 1):
        start = clock()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - start)
    return min(times[1:])


def operations(run):
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def matrix_product(device, dtype):
    size = 8192 if device == "cuda" else 2048
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return lambda: a @ b


def training_step(network, shape, device, precision, memory_format, compiled=False):
    """A function that trains for one step."""
    network = network.to(device, memory_format=memory_format)
    optimizer = torch.optim.Adam(network.parameters())
    forward = torch.compile(network) if compiled else network
    x, target = (
        torch.randn(shape, device=device).to(memory_format=memory_format) for _ in range(2)
    )

    def step():
        context = torch.autocast(device, dtype=precision) if precision else nullcontext()
        optimizer.zero_grad()
        with context:
            y = forward(x)
        nn.functional.mse_loss(y.float(), target).backward()
        optimizer.step()

    return step


def convolution(device, precision, memory_format=torch.contiguous_format, edge=128):
    conv = nn.Conv2d(96, 96, 3, padding=1).to(device, memory_format=memory_format)
    shape = (4, 96, edge, edge)
    x = torch.randn(shape, device=device).to(memory_format=memory_format).requires_grad_()

    def run():
        context = torch.autocast(device, dtype=precision) if precision else nullcontext()
        with context:
            y = conv(x)
        y.backward(y.detach())

    return run


def worthwhile(device):
    """The precisions that are as fast as float32, by a small convolution."""
    taken = {
        name: seconds(convolution(device, precision, edge=16), device, 3)
        for name, precision in PRECISIONS.items()
    }
    return [name for name in PRECISIONS if taken[name] <= taken["float32"]]


def peaks(report, device, precisions, repeats):
    """Floating-point operations a second, by precision: (matrix product, convolution)."""
    found, rows = {}, []
    for name in precisions:
        precision = PRECISIONS[name]
        product = matrix_product(device, precision or torch.float32)
        speeds = [operations(product) / seconds(product, device, repeats)]
        for memory_format in FORMATS.values():
            run = convolution(device, precision, memory_format)
            speeds.append(operations(run) / seconds(run, device, repeats))
        found[name] = speeds[0], max(speeds[1:])
        rows.append([name, *(speed / 1e9 for speed in speeds)])
    report.table(
        "Peaks, in GFLOP/s",
        ["precision", "matrix product", *(f"convolution, {name}" for name in FORMATS)],
        rows,
    )
    return found


def outcome(network, x, device):
    """Output and gradient."""
    network = network.to(device)
    network.zero_grad()
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        y = network(x.to(device))
        y.square().mean().backward()
    gradient = torch.cat([p.grad.flatten() for p in network.parameters()])
    return y.detach().cpu(), gradient.cpu()


def same_on_both(report, shape):
    """Largest relative difference of outputs and gradients between CUDA and CPU."""
    rows = []
    for name, make in NETWORKS.items():
        torch.manual_seed(0)
        network, x = make(), torch.randn(shape)
        results = [outcome(network, x, device) for device in ("cpu", "cuda")]
        rows.append([name, *(float((a - b).norm() / a.norm()) for a, b in zip(*results))])
    report.table(
        "CUDA against CPU in float32 without TF32: relative difference",
        ["network", "output", "gradient"],
        rows,
    )
    return max(max(row[1:]) for row in rows)


def main():
    arguments = options(
        __doc__,
        compile=(0, "1: also compiled by torch.compile"),
        edge=(128, "of the crops, four (on GPUs 32) a step; 64 by default in training"),
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    report = Report("training_speed", arguments.save, part=device)
    where = torch.cuda.get_device_name() if device == "cuda" else torch.get_num_threads()
    report.line(f"{device}: {where}{'' if device == 'cuda' else ' threads'}")
    repeats = 2 if arguments.quick else 10
    edge = 64 if arguments.quick and device == "cpu" else arguments.edge
    shape = (4 if device == "cpu" else 32, 1, edge, edge)
    precisions = worthwhile(device)
    if "bfloat16" not in precisions:
        report.line("bfloat16 is slower than float32 here, and left out")
    best = peaks(report, device, precisions, repeats)
    rows, figures = [], {"bfloat16": len(precisions) == 2}
    for name, make in NETWORKS.items():
        steps = {
            (precision, layout, compiled): training_step(
                make(), shape, device, PRECISIONS[precision], memory_format, compiled
            )
            for precision in precisions
            for layout, memory_format in FORMATS.items()
            for compiled in range(1 + arguments.compile)
        }
        n_operations = operations(next(iter(steps.values())))
        for (precision, layout, compiled), step in steps.items():
            taken = seconds(step, device, repeats)
            speed = n_operations / taken
            shares = [speed / peak for peak in best[precision]]
            form = f"{precision}, {layout}{', compiled' if compiled else ''}"
            rows.append([name, form, 1e3 * taken, speed / 1e9, *shares])
            figures[f"{name}, {form}"] = {
                "ms": round(1e3 * taken, 2),
                "of_convolution": round(shares[1], 3),
            }
    report.table(
        f"A training step on a batch of shape {shape}",
        ["network", "form", "ms", "GFLOP/s", "of matrix product", "of convolution"],
        rows,
    )
    if device == "cuda":
        figures["cuda_against_cpu"] = same_on_both(report, (2, 1, 64, 64))
    report.end(**figures)


if __name__ == "__main__":
    main()
