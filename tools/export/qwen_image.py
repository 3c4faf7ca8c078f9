"""Qwen-Image, Qwen-Image-Edit and Edit-Plus."""

import torch
from torch import nn

from attention import attend, rotate_pairs, swap_attention, swap_rms
from folders import jsonable_config
from graphs import Spec
from qwen_vision import QwenVision, window_feed
from text_encoders import TEXT_AXES, causal_bias, text_feeds
from vaes import video_vae_specs


class QwenImageAttention:
    def __call__(
        self,
        attn,
        hidden_states,
        encoder_hidden_states=None,
        encoder_hidden_states_mask=None,
        attention_mask=None,
        image_rotary_emb=None,
    ):
        mask = None
        if encoder_hidden_states_mask is not None:
            seen = torch.cat([encoder_hidden_states_mask > 0, hidden_states[:, :, 0] == hidden_states[:, :, 0]], dim=1)
            mask = torch.where(
                seen,
                torch.zeros((), dtype=hidden_states.dtype),
                torch.full((), torch.finfo(hidden_states.dtype).min, dtype=hidden_states.dtype),
            )[:, None, None]
        img = [f(hidden_states).unflatten(-1, (attn.heads, -1)) for f in (attn.to_q, attn.to_k, attn.to_v)]
        txt = [
            f(encoder_hidden_states).unflatten(-1, (attn.heads, -1))
            for f in (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
        ]
        for part, nq, nk, (cos, sin) in (
            (img, attn.norm_q, attn.norm_k, image_rotary_emb[0]),
            (txt, attn.norm_added_q, attn.norm_added_k, image_rotary_emb[1]),
        ):
            for j, norm in ((0, nq), (1, nk)):
                x = norm(part[j]) if norm is not None else part[j]
                part[j] = rotate_pairs(x, cos[None, :, None], sin[None, :, None])
        n = encoder_hidden_states.shape[1]
        o = attend(*(torch.cat([t, i], dim=1) for t, i in zip(txt, img)), mask)
        return attn.to_out[0](o[:, n:]), attn.to_add_out(o[:, :n])


class QwenImageTransformer(nn.Module):
    """hidden_states [b,S,64], encoder_hidden_states [b,T,d], encoder_hidden_states_mask int64 [b,T], timestep [b] (0..1),
    img_ids [S,3], txt_ids [T,3] -> out_hidden_states [b,S,64].

    img_ids of token (row r, column c) of image k (0 = the one being made, then the references in order), grid h x w
    (2x2-packed latents): (k, r - (h - h//2), c - (w - w//2)). txt_ids of token i: m + i in all three columns, where m is
    the largest of h//2, w//2 over all images."""

    def __init__(self, t):
        super().__init__()
        self.t = t
        swap_rms(t)
        swap_attention(t, QwenImageAttention())
        for i, d in enumerate(t.config.axes_dims_rope):
            f = 1.0 / torch.pow(t.pos_embed.theta, torch.arange(0, d, 2).to(torch.float32).div(d))
            self.register_buffer(f"f{i}", f, persistent=False)

    def rope(self, ids):
        a = torch.cat([ids[:, i : i + 1].float() * getattr(self, f"f{i}").float()[None] for i in range(3)], dim=-1)
        return torch.cos(a), torch.sin(a)

    def forward(self, hidden_states, encoder_hidden_states, encoder_hidden_states_mask, timestep, img_ids, txt_ids):
        t = self.t
        x = t.img_in(hidden_states)
        ctx = t.txt_in(t.txt_norm(encoder_hidden_states))
        index = None
        if t.zero_cond_t:
            timestep = torch.cat([timestep, timestep * 0], dim=0)
            index = (img_ids[:, 0] > 0).to(torch.int32)[None]
        temb = t.time_text_embed(timestep, x)
        rope = (self.rope(img_ids), self.rope(txt_ids))
        for block in t.transformer_blocks:
            ctx, x = block(
                hidden_states=x,
                encoder_hidden_states=ctx,
                encoder_hidden_states_mask=encoder_hidden_states_mask,
                temb=temb,
                image_rotary_emb=rope,
                modulate_index=index,
            )
        if t.zero_cond_t:
            temb = temb.chunk(2, dim=0)[0]
        return t.proj_out(t.norm_out(x, temb))


class QwenVLText(nn.Module):
    """Text part of Qwen2.5-VL. input_ids, attention_mask int64 [b,seq] -> prompt_embeds [b,seq,d] (last state, normed).
    Edit models also take position_ids int64 [3,b,seq] and image_embeds [M,d]: row j stands for the j-th <|image_pad|>.
    """

    def __init__(self, model):
        super().__init__()
        self.lm = model.model.language_model
        self.image_token = model.config.image_token_id

    def forward(self, input_ids, attention_mask, position_ids=None, image_embeds=None):
        lm = self.lm
        x = lm.embed_tokens(input_ids)
        if position_ids is None:
            position_ids = (
                torch.arange(input_ids.shape[1])[None, None]
                + torch.zeros_like(input_ids)[None]
                + torch.zeros(3, 1, 1, dtype=torch.int64)
            )
        if image_embeds is not None:
            is_image = input_ids == self.image_token
            j = torch.cumsum(is_image.to(torch.int64), dim=1) - 1
            j = torch.where(is_image, j, j * 0)
            x = torch.where(is_image[..., None], image_embeds[j], x)
        rope = lm.rotary_emb(x, position_ids)
        bias = causal_bias(attention_mask, x.dtype)
        for layer in lm.layers:
            r = layer(
                x,
                attention_mask=bias,
                position_ids=position_ids[0],
                past_key_values=None,
                use_cache=False,
                position_embeddings=rope,
            )
            x = r[0] if isinstance(r, tuple) else r
        return lm.norm(x)


def qwen_image(pipe, args, edit=False):
    t, vae, te = pipe.transformer, pipe.vae, pipe.text_encoder
    d, c = t.config.joint_attention_dim, t.config.in_channels
    cfg = jsonable_config(t)
    for m in te.modules():
        if hasattr(m, "config") and hasattr(m.config, "_attn_implementation"):
            m.config._attn_implementation = "eager"

    def feed(b, s, n):
        mask = torch.ones(b, n, dtype=torch.int64)
        mask[:, n - 3 :] = 0
        ids = torch.randint(-6, 6, (s, 3)).float()
        ids[:, 0] = torch.arange(s) % 2
        return {
            "hidden_states": torch.randn(b, s, c),
            "encoder_hidden_states": torch.randn(b, n, d),
            "encoder_hidden_states_mask": mask,
            "timestep": torch.full((b,), 0.4),
            "img_ids": ids,
            "txt_ids": torch.arange(n)[:, None].repeat(1, 3).float() + 6,
        }

    axes = {
        "hidden_states": {0: "batch", 1: "tokens"},
        "encoder_hidden_states": {0: "batch", 1: "sequence"},
        "encoder_hidden_states_mask": {0: "batch", 1: "sequence"},
        "timestep": {0: "batch"},
        "img_ids": {0: "tokens"},
        "txt_ids": {0: "sequence"},
        "out_hidden_states": {0: "batch", 1: "tokens"},
    }
    tcfg = jsonable_config(te)
    vocab = te.model.language_model.config.vocab_size
    out = {"prompt_embeds": {0: "batch", 1: "sequence"}}
    specs = {}
    if edit:

        def tfeed(n, m):
            ids = torch.randint(0, vocab, (1, n))
            ids[ids == te.config.image_token_id] = 0
            ids[0, 3 : 3 + m] = te.config.image_token_id
            return {
                "input_ids": ids,
                "attention_mask": torch.ones(1, n, dtype=torch.int64),
                "position_ids": torch.arange(n)[None, None].repeat(3, 1, 1) + torch.tensor([0, 1, 2])[:, None, None],
                "image_embeds": torch.randn(m, d),
            }

        specs["text_encoder"] = Spec(
            QwenVLText(te),
            tfeed(24, 6),
            ["prompt_embeds"],
            {
                "input_ids": {1: "sequence"},
                "attention_mask": {1: "sequence"},
                "position_ids": {2: "sequence"},
                "image_embeds": {0: "image_tokens"},
                "prompt_embeds": {1: "sequence"},
            },
            tfeed(40, 20),
            tcfg,
        )
        v = te.model.visual
        px = lambda n: torch.randn(n, v.config.in_channels * v.config.temporal_patch_size * v.config.patch_size**2)
        specs["vision_encoder"] = Spec(
            QwenVision(v),
            window_feed(v, 12, 8, px(96)),
            ["image_embeds"],
            {
                "pixel_values": {0: "patches"},
                "position_ids": {0: "patches"},
                "window_index": {0: "groups"},
                "window_ids": {0: "groups"},
                "image_embeds": {0: "groups"},
            },
            window_feed(v, 8, 20, px(160)),
            jsonable_config(v),
        )
    else:
        specs["text_encoder"] = Spec(
            QwenVLText(te),
            text_feeds(vocab, 1, 24, 18),
            ["prompt_embeds"],
            {**TEXT_AXES, **out},
            text_feeds(vocab, 2, 37, 30),
            tcfg,
        )
    specs["transformer"] = Spec(
        QwenImageTransformer(t), feed(1, 40, 20), ["out_hidden_states"], axes, feed(2, 24, 33), cfg
    )
    specs.update(video_vae_specs(vae, 2 ** len(vae.temperal_downsample), vae.config.z_dim))
    return specs


def qwen_edit(pipe, args):
    return qwen_image(pipe, args, edit=True)
