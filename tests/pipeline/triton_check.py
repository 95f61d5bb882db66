"""Run with TRITON_INTERPRET=1: the Triton kernel and torch give the same bits."""

import torch

from pipeline.kernels import plain, triton_columns

for rows, count in [(20, 32), (33, 48)]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(rows, 100, generator=generator)
    corner = torch.triu(torch.randn(count, count, generator=generator) * 0.1) + torch.eye(count)
    mask = torch.rand(rows, count, generator=generator) < 0.5
    scale = torch.rand(rows, 2, generator=generator) * 0.2 + 0.01
    zero = torch.randint(0, 15, (rows, 2), generator=generator).float()
    grid = scale, zero, torch.arange(count) // 16 % 2, 15
    for name, arguments in (("solve_masked", (mask,)), ("solve_grouped", (2, 4)), ("solve_quantised", grid)):
        here, there = weight[:, :count].clone(), weight.clone()
        expected = getattr(plain, name)(here, corner, *arguments)
        found = getattr(triton_columns, name)(there[:, :count], corner, *arguments)
        pairs = zip(expected, found, strict=True) if isinstance(found, tuple) else [(expected, found)]
        assert all(torch.equal(a, b) for a, b in pairs), name
        assert torch.equal(here, there[:, :count]), name
        assert torch.equal(weight[:, count:], there[:, count:]), name
