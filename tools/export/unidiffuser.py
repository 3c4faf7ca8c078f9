"""UniDiffuser: seven graphs."""

import torch
from torch import nn

from folders import jsonable_config
from graphs import Spec
from text_encoders import causal_bias
from vaes import vae_specs


class ClipText(nn.Module):
    """input_ids int64 [b,77] -> last_hidden_state [b,77,d] (final layer norm applied)"""

    def __init__(self, te):
        super().__init__()
        self.m = te.text_model

    def forward(self, input_ids):
        m = self.m
        x = m.embeddings(input_ids)
        bias = causal_bias(torch.ones_like(input_ids), x.dtype)
        for layer in m.encoder.layers:
            r = layer(x, bias, None)
            x = r[0] if isinstance(r, tuple) else r
        return m.final_layer_norm(x)


class ClipImage(nn.Module):
    """pixel_values [b,3,S,S] -> image_embeds [b,d]"""

    def __init__(self, ie):
        super().__init__()
        self.ie = ie

    def forward(self, pixel_values):
        return self.ie(pixel_values, return_dict=False)[0]


class UniUnet(nn.Module):
    """latent_image_embeds [b,4,s,s], image_embeds [b,1,c], prompt_embeds [b,77,d], timestep_img, timestep_text, data_type int64 [b]
    -> img_vae_out, img_clip_out, text_out (same shapes). s is fixed by the model's position table."""

    def __init__(self, unet):
        super().__init__()
        self.u = unet

    def forward(self, latent_image_embeds, image_embeds, prompt_embeds, timestep_img, timestep_text, data_type=None):
        return self.u(
            latent_image_embeds, image_embeds, prompt_embeds, timestep_img, timestep_text, data_type=data_type
        )


class PrefixEncoder(nn.Module):
    """prompt_embeds [b,77,d] -> prefix_hidden [b,77,k]: the reduced text latents the unet works on"""

    def __init__(self, td):
        super().__init__()
        self.f = td.encode_prefix

    def forward(self, prompt_embeds):
        return self.f(prompt_embeds)


class TextDecoder(nn.Module):
    """prefix_hidden [b,77,k], input_ids int64 [b,n] (tokens so far, n may be 0) -> logits [b,vocab] of the next token"""

    def __init__(self, td):
        super().__init__()
        self.td = td

    def forward(self, prefix_hidden, input_ids):
        lm = self.td.transformer
        g = lm.transformer
        x = torch.cat([self.td.decode_prefix(prefix_hidden), g.wte(input_ids)], dim=1)
        x = x + g.wpe(torch.arange(x.shape[1]))[None]
        for block in g.h:
            r = block(x)
            x = r[0] if isinstance(r, tuple) else r
        return lm.lm_head(g.ln_f(x))[:, -1]


def unidiffuser(pipe, args):
    u, td, te, ie = pipe.unet, pipe.text_decoder, pipe.text_encoder, pipe.image_encoder
    for m in (te, ie, td.transformer):
        m.config._attn_implementation = "eager"
        for x in m.modules():
            if hasattr(x, "config") and hasattr(x.config, "_attn_implementation"):
                x.config._attn_implementation = "eager"
    n, d, k = te.config.max_position_embeddings, te.config.hidden_size, td.prefix_hidden_dim or te.config.hidden_size
    s, c = u.sample_size, ie.config.projection_dim

    def feed(b):
        f = {
            "latent_image_embeds": torch.randn(b, u.in_channels, s, s),
            "image_embeds": torch.randn(b, 1, c),
            "prompt_embeds": torch.randn(b, n, k),
            "timestep_img": torch.full((b,), 400),
            "timestep_text": torch.full((b,), 1000),
        }
        if u.use_data_type_embedding:
            f["data_type"] = torch.ones(b, dtype=torch.int64)
        return f

    b0 = lambda *names: {x: {0: "batch"} for x in names}
    outs = ["img_vae_out", "img_clip_out", "text_out"]
    dec = lambda b, m: {
        "prefix_hidden": torch.randn(b, n, k),
        "input_ids": torch.randint(0, td.transformer.config.vocab_size, (b, m)),
    }
    size = ie.config.image_size
    specs = {
        "text_encoder": Spec(
            ClipText(te),
            {"input_ids": torch.randint(0, te.config.vocab_size, (1, n))},
            ["last_hidden_state"],
            b0("input_ids", "last_hidden_state"),
            {"input_ids": torch.randint(0, te.config.vocab_size, (2, n))},
            jsonable_config(te),
        ),
        "image_encoder": Spec(
            ClipImage(ie),
            {"pixel_values": torch.randn(1, 3, size, size)},
            ["image_embeds"],
            b0("pixel_values", "image_embeds"),
            {"pixel_values": torch.randn(2, 3, size, size)},
            jsonable_config(ie),
        ),
        "unet": Spec(UniUnet(u), feed(1), outs, b0(*feed(1), *outs), feed(2), jsonable_config(u)),
        "text_decoder_prefix": Spec(
            PrefixEncoder(td),
            {"prompt_embeds": torch.randn(1, n, d)},
            ["prefix_hidden"],
            b0("prompt_embeds", "prefix_hidden"),
            {"prompt_embeds": torch.randn(2, n, d)},
            jsonable_config(td),
        ),
        "text_decoder": Spec(
            TextDecoder(td),
            dec(1, 3),
            ["logits"],
            {"prefix_hidden": {0: "batch"}, "input_ids": {0: "batch", 1: "tokens"}, "logits": {0: "batch"}},
            dec(5, 0),
            jsonable_config(td),
        ),
    }
    specs.update(vae_specs(pipe.vae, s, s))
    return specs
