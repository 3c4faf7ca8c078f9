"""FLUX.2 klein; the batch normalization of its latents goes into the VAE graphs."""

import math

import torch
from torch import nn

from attention import rotate_repeated, swap_rms
from folders import jsonable_config
from graphs import Spec
from text_encoders import decoder_spec


class Flux2PosEmbed(nn.Module):
    """Angles in double, reduced to one turn before the float32 sine: exact for any position, few double operators."""

    def __init__(self, pe):
        super().__init__()
        self.n = len(pe.axes_dim)
        for i, d in enumerate(pe.axes_dim):
            self.register_buffer(
                f"f{i}", 1.0 / pe.theta ** (torch.arange(0, d, 2, dtype=torch.float64) / d), persistent=False
            )

    def forward(self, ids):
        cos, sin = [], []
        for i in range(self.n):
            a = ids[:, i].double()[:, None] * getattr(self, f"f{i}")[None]
            turn = 2 * math.pi
            a = (a - turn * torch.floor(a / turn)).float()
            for f, out in ((torch.cos, cos), (torch.sin, sin)):
                y = f(a)
                out.append(torch.stack([y, y], dim=-1).flatten(-2))
        return torch.cat(cos, dim=-1), torch.cat(sin, dim=-1)


class Flux2Transformer(nn.Module):
    """hidden_states [b,S,128], encoder_hidden_states [b,T,d], timestep [b] (sigma 0..1), img_ids [S,4], txt_ids [T,4]
    (+ guidance [b] if the model has it) -> out_hidden_states [b,S,128]"""

    def __init__(self, t):
        super().__init__()
        self.t = t
        t.pos_embed = Flux2PosEmbed(t.pos_embed)
        swap_rms(t)
        self.guided = bool(t.config.guidance_embeds)

    def forward(self, hidden_states, encoder_hidden_states, timestep, img_ids, txt_ids, guidance=None):
        return self.t(
            hidden_states=hidden_states,
            encoder_hidden_states=encoder_hidden_states,
            timestep=timestep,
            img_ids=img_ids,
            txt_ids=txt_ids,
            guidance=guidance,
            return_dict=False,
        )[0]


class Flux2VaeEncoder(nn.Module):
    """sample [b,3,H,W] -> latent_sample [b,128,H/16,W/16]: the mean, 2x2-patchified and batch-normalized"""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, sample):
        v = self.vae
        h = v.encoder(sample)
        h = v.quant_conv(h) if v.quant_conv is not None else h
        z = h[:, : v.config.latent_channels]
        b, c, y, x = z.shape
        z = z.reshape(b, c, y // 2, 2, x // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(b, c * 4, y // 2, x // 2)
        std = torch.sqrt(v.bn.running_var + v.config.batch_norm_eps)
        return (z - v.bn.running_mean[None, :, None, None].to(z.dtype)) / std[None, :, None, None].to(z.dtype)


class Flux2VaeDecoder(nn.Module):
    """latent_sample [b,128,h,w] as the denoiser leaves it -> sample [b,3,16h,16w]"""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample):
        v, z = self.vae, latent_sample
        std = torch.sqrt(v.bn.running_var + v.config.batch_norm_eps)
        z = z * std[None, :, None, None].to(z.dtype) + v.bn.running_mean[None, :, None, None].to(z.dtype)
        b, c, y, x = z.shape
        z = z.reshape(b, c // 4, 2, 2, y, x).permute(0, 1, 4, 2, 5, 3).reshape(b, c // 4, y * 2, x * 2)
        return v.decode(z, return_dict=False)[0]


def flux2(pipe, args):
    import diffusers.models.transformers.transformer_flux2 as module

    module.apply_rotary_emb = rotate_repeated
    t, vae = pipe.transformer, pipe.vae
    d, c = t.config.joint_attention_dim, t.config.in_channels
    cfg, vcfg = jsonable_config(t), jsonable_config(vae)
    vcfg["export_batch_norm_folded"] = True
    f = 2 ** len(vae.config.block_out_channels)

    def feed(b, s, n):
        q = {
            "hidden_states": torch.randn(b, s, c),
            "encoder_hidden_states": torch.randn(b, n, d),
            "timestep": torch.full((b,), 0.4),
            "img_ids": torch.randint(0, 30, (s, 4)).float(),
            "txt_ids": torch.randint(0, 500, (n, 4)).float(),
        }
        if t.config.guidance_embeds:
            q["guidance"] = torch.full((b,), 4.0)
        return q

    axes = {
        "hidden_states": {0: "batch", 1: "tokens"},
        "encoder_hidden_states": {0: "batch", 1: "sequence"},
        "timestep": {0: "batch"},
        "img_ids": {0: "tokens"},
        "txt_ids": {0: "sequence"},
        "out_hidden_states": {0: "batch", 1: "tokens"},
    }
    if t.config.guidance_embeds:
        axes["guidance"] = {0: "batch"}
    vae_axes = {
        "sample": {0: "batch", 2: "height", 3: "width"},
        "latent_sample": {0: "batch", 2: "latent_height", 3: "latent_width"},
    }
    layers = [int(k) for k in args.text_layers.split(",")]
    return {
        "text_encoder": decoder_spec(pipe.text_encoder, layers, "prompt_embeds"),
        "transformer": Spec(Flux2Transformer(t), feed(1, 40, 20), ["out_hidden_states"], axes, feed(2, 24, 33), cfg),
        "vae_encoder": Spec(
            Flux2VaeEncoder(vae),
            {"sample": torch.randn(1, 3, 4 * f, 6 * f)},
            ["latent_sample"],
            vae_axes,
            {"sample": torch.randn(2, 3, 5 * f, 3 * f)},
            vcfg,
        ),
        "vae_decoder": Spec(
            Flux2VaeDecoder(vae),
            {"latent_sample": torch.randn(1, c, 4, 6)},
            ["sample"],
            vae_axes,
            {"latent_sample": torch.randn(2, c, 5, 3)},
            vcfg,
        ),
    }
