"""Attention and rotary positions in operators that torch.onnx can trace with free sizes."""

import torch
from torch import nn


class PlainRMSNorm(nn.Module):
    """torch.nn.RMSNorm in operators that the tracer's exporter knows."""

    def __init__(self, m):
        super().__init__()
        self.weight, self.eps = m.weight, m.eps

    def forward(self, x):
        eps = self.eps if self.eps is not None else torch.finfo(x.dtype).eps
        y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)
        return y * self.weight if self.weight is not None else y


def swap_rms(model):
    for m in list(model.modules()):
        for name, child in list(m.named_children()):
            if isinstance(child, nn.RMSNorm):
                setattr(m, name, PlainRMSNorm(child))
    return model


def swap_attention(model, processor):
    for m in model.modules():
        if hasattr(m, "set_processor") and hasattr(m, "heads"):
            m.set_processor(processor)


def attend(q, k, v, mask=None):
    """q, k, v [b,seq,heads,d] -> [b,seq,heads*d]"""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    o = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return o.transpose(1, 2).flatten(2)


def rotate_pairs(x, cos, sin):
    """Interleaved complex rotation in real arithmetic: x [b,seq,heads,d], cos/sin broadcastable to [b,seq,heads,d/2].

    (No sizes are read here: the exporter folds the shape of an unflattened tensor into constants.)"""
    r, i = x[..., 0::2].float(), x[..., 1::2].float()
    return torch.stack([r * cos - i * sin, r * sin + i * cos], dim=-1).flatten(3).to(x.dtype)


def rotate_repeated(x, freqs_cis, use_real=True, use_real_unbind_dim=-1, sequence_dim=2):
    """Stands in for diffusers' apply_rotary_emb (cos and sin [seq,d] with every value twice)."""
    cos, sin = freqs_cis
    if sequence_dim == 1:
        return rotate_pairs(x, cos[None, :, None, 0::2], sin[None, :, None, 0::2])
    return rotate_pairs(x, cos[None, None, :, 0::2], sin[None, None, :, 0::2])
