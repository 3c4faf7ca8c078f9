"""The vision tower of Qwen2.5-VL, for edits."""

import torch
from torch import nn

from attention import attend


class QwenVision(nn.Module):
    """One image per run. pixel_values [N,1176] (as the processor gives them: 2x2 groups of patches), position_ids int64 [N,2]
    (row, column of each patch, same order), window_index int64 [N/4] (order of the groups by window), window_ids int64 [N/4]
    (window number of each group, in that order) -> image_embeds [N/4,d]"""

    def __init__(self, visual):
        super().__init__()
        self.v = visual
        self.heads = visual.config.num_heads

    def forward(self, pixel_values, position_ids, window_index, window_ids):
        v = self.v
        unit = v.spatial_merge_unit
        x = v.patch_embed(pixel_values)
        d = v.config.hidden_size
        inv = v.rotary_pos_emb.inv_freq.float()
        rope = (position_ids.float()[:, :, None] * inv[None, None]).flatten(1)
        rd = 2 * inv.shape[0]
        x = x.reshape(-1, unit, d)[window_index].reshape(-1, d)
        rope = rope.reshape(-1, unit, rd)[window_index].reshape(-1, rd)
        emb = torch.cat([rope, rope], dim=-1)
        cos, sin = emb.cos()[:, None], emb.sin()[:, None]
        wid = window_ids[:, None].repeat(1, unit).reshape(-1)
        far = torch.full((), torch.finfo(x.dtype).min, dtype=x.dtype)
        window = torch.where(wid[:, None] == wid[None], torch.zeros((), dtype=x.dtype), far)[None, None]

        def half(y):
            a, b = y.chunk(2, dim=-1)
            return torch.cat([-b, a], dim=-1)

        for i, block in enumerate(v.blocks):
            h = block.norm1(x)
            q, k, w = block.attn.qkv(h).reshape(-1, 3, self.heads, d // self.heads).unbind(1)
            q, k = ((y.float() * cos + half(y.float()) * sin).to(x.dtype) for y in (q, k))
            h = attend(q[None], k[None], w[None], None if i in v.fullatt_block_indexes else window)[0]
            x = x + block.attn.proj(h)
            x = x + block.mlp(block.norm2(x))
        x = v.merger(x)
        return x[torch.argsort(window_index)]


def window_feed(v, rows, cols, pixels):
    """Inputs of QwenVision for a grid of rows x cols patches (also the reference for what a caller must compute)."""
    m, side = v.spatial_merge_size, v.window_size // v.spatial_merge_size // v.patch_size
    gh, gw = rows // m, cols // m
    pos = [[R * m + r, C * m + c] for R in range(gh) for C in range(gw) for r in range(m) for c in range(m)]
    index, ids, k = [], [], 0
    for wy in range(0, gh, side):
        for wx in range(0, gw, side):
            cell = [y * gw + x for y in range(wy, min(wy + side, gh)) for x in range(wx, min(wx + side, gw))]
            index += cell
            ids += [k] * len(cell)
            k += 1
    return {
        "pixel_values": pixels,
        "position_ids": torch.tensor(pos),
        "window_index": torch.tensor(index),
        "window_ids": torch.tensor(ids),
    }
