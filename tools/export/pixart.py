"""PixArt-α and PixArt-Σ."""

import torch
from torch import nn

from folders import jsonable_config
from graphs import Spec
from text_encoders import t5_masked_spec
from vaes import vae_specs


class PixArtPosEmbed(nn.Module):
    """PatchEmbed with sine positions computed in the graph for any size (diffusers makes them in NumPy)."""

    def __init__(self, pe, dim):
        super().__init__()
        self.proj, self.dim = pe.proj, dim
        self.base, self.scale = pe.base_size, pe.interpolation_scale
        omega = 1.0 / 10000 ** (torch.arange(dim // 4, dtype=torch.float64) / (dim / 4.0))
        self.register_buffer("omega", omega.float(), persistent=False)

    def axis(self, n):
        # diffusers: arange(n) / (n / base_size) / interpolation_scale, then outer product with omega
        p = torch.arange(n, dtype=torch.float32) / (n / self.base) / self.scale
        o = p[:, None] * self.omega[None]
        return torch.cat([torch.sin(o), torch.cos(o)], dim=1)

    def forward(self, latent):
        x = self.proj(latent)
        h, w = x.shape[-2], x.shape[-1]
        x = x.flatten(2).transpose(1, 2)
        ew, eh = self.axis(w), self.axis(h)
        d = self.dim // 2
        pos = torch.cat([ew[None].expand(h, w, d), eh[:, None].expand(h, w, d)], dim=-1).reshape(1, h * w, self.dim)
        return (x + pos).to(latent.dtype)


class PixArtTransformer(nn.Module):
    """hidden_states [b,4,h,w], encoder_hidden_states [b,T,d], encoder_attention_mask int64 [b,T], timestep [b]
    (+ resolution [b,2], aspect_ratio [b,1] if the model has micro-conditions) -> out_hidden_states [b,8,h,w]"""

    def __init__(self, t):
        super().__init__()
        self.t = t
        t.pos_embed = PixArtPosEmbed(t.pos_embed, t.inner_dim)
        self.extra = bool(t.use_additional_conditions)

    def forward(
        self, hidden_states, encoder_hidden_states, encoder_attention_mask, timestep, resolution=None, aspect_ratio=None
    ):
        t, p = self.t, self.t.config.patch_size
        bias = (1 - encoder_attention_mask.to(hidden_states.dtype)) * -10000.0
        bias = bias.unsqueeze(1)
        b = hidden_states.shape[0]
        h, w = hidden_states.shape[-2] // p, hidden_states.shape[-1] // p
        x = t.pos_embed(hidden_states)
        cond = {"resolution": resolution, "aspect_ratio": aspect_ratio}
        temb, emb = t.adaln_single(timestep, cond, batch_size=b, hidden_dtype=x.dtype)
        ctx = t.caption_projection(encoder_hidden_states)
        for block in t.transformer_blocks:
            x = block(
                x,
                attention_mask=None,
                encoder_hidden_states=ctx,
                encoder_attention_mask=bias,
                timestep=temb,
                cross_attention_kwargs=None,
                class_labels=None,
            )
        shift, scale = (t.scale_shift_table[None] + emb[:, None]).chunk(2, dim=1)
        x = t.norm_out(x) * (1 + scale) + shift
        x = t.proj_out(x)
        x = x.reshape(b, h, w, p, p, t.out_channels).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(b, t.out_channels, h * p, w * p)


def pixart(pipe, args):
    t = pipe.transformer
    cfg = jsonable_config(t)
    extra = bool(t.use_additional_conditions)
    d = t.config.caption_channels

    def feed(b, h, w, n):
        m = torch.ones(b, n, dtype=torch.int64)
        m[:, n // 2 :] = 0
        f = {
            "hidden_states": torch.randn(b, t.config.in_channels, h, w),
            "encoder_hidden_states": torch.randn(b, n, d),
            "encoder_attention_mask": m,
            "timestep": torch.full((b,), 500.0),
        }
        if extra:
            f.update(resolution=torch.tensor([[512.0, 768.0]] * b), aspect_ratio=torch.tensor([[0.67]] * b))
        return f

    axes = {
        "hidden_states": {0: "batch", 2: "height", 3: "width"},
        "encoder_hidden_states": {0: "batch", 1: "sequence"},
        "encoder_attention_mask": {0: "batch", 1: "sequence"},
        "timestep": {0: "batch"},
        "out_hidden_states": {0: "batch", 2: "height", 3: "width"},
        "resolution": {0: "batch"},
        "aspect_ratio": {0: "batch"},
    }
    specs = {"text_encoder": t5_masked_spec(pipe.text_encoder), **vae_specs(pipe.vae)}
    f1 = feed(1, 8, 12, 20)
    specs["transformer"] = Spec(
        PixArtTransformer(t),
        f1,
        ["out_hidden_states"],
        {k: v for k, v in axes.items() if k in f1 or k == "out_hidden_states"},
        feed(2, 10, 6, 33),
        cfg,
    )
    return specs
