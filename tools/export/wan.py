"""Wan text to video."""

import torch
from torch import nn

from attention import attend, rotate_pairs, swap_attention, swap_rms
from folders import jsonable_config
from graphs import Spec
from text_encoders import t5_masked_spec
from vaes import video_vae_specs


class WanAttention:
    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, rotary_emb=None, **kw):
        ctx = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = attn.to_q(hidden_states), attn.to_k(ctx), attn.to_v(ctx)
        q, k = attn.norm_q(q), attn.norm_k(k)
        q, k, v = (x.unflatten(2, (attn.heads, -1)) for x in (q, k, v))
        if rotary_emb is not None:
            q, k = rotate_pairs(q, *rotary_emb), rotate_pairs(k, *rotary_emb)
        return attn.to_out[0](attend(q, k, v))


class WanTransformer(nn.Module):
    """hidden_states [b,16,f,h,w], timestep [b] (0..1000), encoder_hidden_states [b,512,d] -> out_hidden_states [b,16,f,h,w]"""

    def __init__(self, t):
        super().__init__()
        self.t = t
        swap_rms(t)
        swap_attention(t, WanAttention())
        for m in t.modules():
            if hasattr(m, "set_processor"):
                m.set_processor(WanAttention())
        head = t.config.attention_head_dim
        hw = 2 * (head // 6)
        for i, d in enumerate((head - 2 * hw, hw, hw)):
            f = 1.0 / (10000.0 ** (torch.arange(0, d, 2, dtype=torch.float64)[: d // 2] / d))
            a = torch.outer(torch.arange(t.config.rope_max_seq_len, dtype=torch.float64), f)
            self.register_buffer(f"cos{i}", a.cos().float(), persistent=False)
            self.register_buffer(f"sin{i}", a.sin().float(), persistent=False)

    def forward(self, hidden_states, timestep, encoder_hidden_states):
        t = self.t
        pt, ph, pw = t.config.patch_size
        b, c, f, h, w = hidden_states.shape
        F_, H_, W_ = f // pt, h // ph, w // pw
        i = torch.arange(F_ * H_ * W_)
        ids = (i // (H_ * W_), i // W_ % H_, i % W_)
        rope = tuple(
            torch.cat([getattr(self, f"{n}{k}")[ids[k]] for k in range(3)], dim=-1)[None, :, None]
            for n in ("cos", "sin")
        )
        x = t.patch_embedding(hidden_states).flatten(2).transpose(1, 2)
        temb, proj, ctx, _ = t.condition_embedder(timestep, encoder_hidden_states, None, timestep_seq_len=None)
        proj = proj.unflatten(1, (6, -1))
        for block in t.blocks:
            x = block(x, ctx, proj, rope)
        shift, scale = (t.scale_shift_table.to(temb.dtype) + temb.unsqueeze(1)).chunk(2, dim=1)
        x = (t.norm_out(x.float()) * (1 + scale) + shift).to(hidden_states.dtype)
        x = t.proj_out(x)
        x = x.reshape(b, F_, H_, W_, pt, ph, pw, t.config.out_channels).permute(0, 7, 1, 4, 2, 5, 3, 6)
        return x.reshape(b, t.config.out_channels, f, h, w)


def wan(pipe, args):
    t, vae, te = pipe.transformer, pipe.vae, pipe.text_encoder
    d, c = t.config.text_dim, t.config.in_channels
    feed = lambda b, f, h, w, n: {
        "hidden_states": torch.randn(b, c, f, h, w),
        "timestep": torch.full((b,), 600.0),
        "encoder_hidden_states": torch.randn(b, n, d),
    }
    axes = {
        "hidden_states": {0: "batch", 2: "frames", 3: "height", 4: "width"},
        "timestep": {0: "batch"},
        "encoder_hidden_states": {0: "batch", 1: "sequence"},
        "out_hidden_states": {0: "batch", 2: "frames", 3: "height", 4: "width"},
    }
    specs = {
        "text_encoder": t5_masked_spec(te),
        "transformer": Spec(
            WanTransformer(t),
            feed(1, 2, 4, 6, 20),
            ["out_hidden_states"],
            axes,
            feed(2, 3, 6, 4, 33),
            jsonable_config(t),
        ),
    }
    if getattr(pipe, "transformer_2", None) is not None:
        specs["transformer_2"] = Spec(
            WanTransformer(pipe.transformer_2),
            feed(1, 2, 4, 6, 20),
            ["out_hidden_states"],
            axes,
            feed(2, 3, 6, 4, 33),
            jsonable_config(pipe.transformer_2),
        )
    specs.update(
        video_vae_specs(
            vae, vae.config.scale_factor_spatial, vae.config.z_dim, frames=args.latent_frames, encoder=False
        )
    )
    return specs
