"""Z-Image and Z-Image-Turbo."""

import torch
from torch import nn

from attention import attend, rotate_pairs, swap_attention
from folders import jsonable_config
from graphs import Spec
from text_encoders import decoder_spec
from vaes import vae_specs


class ZImageAttention:
    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, freqs_cis=None):
        q, k, v = (f(hidden_states).unflatten(-1, (attn.heads, -1)) for f in (attn.to_q, attn.to_k, attn.to_v))
        q = attn.norm_q(q) if attn.norm_q is not None else q
        k = attn.norm_k(k) if attn.norm_k is not None else k
        cos, sin = (x[None, :, None] for x in freqs_cis)
        return attn.to_out[0](attend(rotate_pairs(q, cos, sin), rotate_pairs(k, cos, sin), v))


class ZImageTransformer(nn.Module):
    """hidden_states [1,16,h,w], encoder_hidden_states [1,T,d] (only real tokens, T free), timestep [1] in 0..1 (already
    (1000-t)/1000) -> out_hidden_states [1,16,h,w] (sign as the network gives it: negate before the scheduler).
    Padding of both sequences to a multiple of 32 with the learned pad tokens happens inside."""

    MULTIPLE = 32

    def __init__(self, t):
        super().__init__()
        self.t = t
        swap_attention(t, ZImageAttention())
        for i, f in enumerate(t.rope_embedder.precompute_freqs_cis(t.axes_dims, t.axes_lens, theta=t.rope_theta)):
            self.register_buffer(f"cos{i}", f.real.contiguous(), persistent=False)
            self.register_buffer(f"sin{i}", f.imag.contiguous(), persistent=False)

    def rope(self, ids):
        cos = torch.cat([getattr(self, f"cos{i}")[ids[:, i]] for i in range(3)], dim=-1)
        sin = torch.cat([getattr(self, f"sin{i}")[ids[:, i]] for i in range(3)], dim=-1)
        return cos, sin

    def pad(self, x, token):
        n = x.shape[1]
        total = (n + self.MULTIPLE - 1) // self.MULTIPLE * self.MULTIPLE
        i = torch.arange(total, device=x.device)
        real = i < n
        x = x[:, torch.where(real, i, i * 0)]
        return torch.where(real[None, :, None], x, token[None].to(x.dtype)), i, real

    def forward(self, hidden_states, encoder_hidden_states, timestep):
        t = self.t
        p = 2
        b, c, h, w = hidden_states.shape
        rows, cols = h // p, w // p
        adaln = t.t_embedder(timestep * t.t_scale).to(hidden_states.dtype)
        x = hidden_states.reshape(b, c, rows, p, cols, p).permute(0, 2, 4, 3, 5, 1).reshape(b, rows * cols, p * p * c)
        x, xi, real = self.pad(t.all_x_embedder["2-1"](x), t.x_pad_token)
        ctx, ci, _ = self.pad(t.cap_embedder(encoder_hidden_states), t.cap_pad_token)
        zero = ci * 0
        ctx_rope = self.rope(torch.stack([ci + 1, zero, zero], dim=1))
        frame = ctx.shape[1] + 1
        x_ids = torch.stack([xi * 0 + frame, xi // cols, xi % cols], dim=1)
        x_rope = self.rope(torch.where(real[:, None], x_ids, x_ids * 0))
        for layer in t.noise_refiner:
            x = layer(x, None, x_rope, adaln)
        for layer in t.context_refiner:
            ctx = layer(ctx, None, ctx_rope)
        u = torch.cat([x, ctx], dim=1)
        rope = tuple(torch.cat([a, b_], dim=0) for a, b_ in zip(x_rope, ctx_rope))
        for layer in t.layers:
            u = layer(u, None, rope, adaln)
        u = t.all_final_layer["2-1"](u, c=adaln)
        u = u[:, : rows * cols].reshape(b, rows, cols, p, p, t.out_channels).permute(0, 5, 1, 3, 2, 4)
        return u.reshape(b, t.out_channels, h, w)


def z_image(pipe, args):
    t = pipe.transformer
    d, c = t.config.cap_feat_dim, t.config.in_channels
    cfg = jsonable_config(t)
    feed = lambda h, w, n: {
        "hidden_states": torch.randn(1, c, h, w),
        "encoder_hidden_states": torch.randn(1, n, d),
        "timestep": torch.tensor([0.3]),
    }
    axes = {
        "hidden_states": {2: "height", 3: "width"},
        "encoder_hidden_states": {1: "sequence"},
        "out_hidden_states": {2: "height", 3: "width"},
    }
    return {
        "text_encoder": decoder_spec(pipe.text_encoder, [-2], "prompt_embeds"),
        **vae_specs(pipe.vae),
        "transformer": Spec(ZImageTransformer(t), feed(8, 12, 20), ["out_hidden_states"], axes, feed(16, 8, 45), cfg),
    }
