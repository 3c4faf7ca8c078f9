"""Stable Diffusion's latent x4 upscaler."""

import torch
from torch import nn

from folders import jsonable_config
from graphs import Spec
from vaes import vae_specs


class LabeledUnet(nn.Module):
    """sample [b,7,h,w], timestep, encoder_hidden_states [b,77,d], class_labels int64 [b] (the noise level) -> out_sample [b,4,h,w]"""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep, encoder_hidden_states, class_labels):
        return self.unet(sample, timestep, encoder_hidden_states, class_labels=class_labels, return_dict=False)[0]


class ClipText(nn.Module):
    """input_ids int64 [b,77] -> last_hidden_state, and the states before each layer and after the last one, without the final norm"""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids):
        out = self.encoder(input_ids=input_ids, output_hidden_states=True)
        return (out.last_hidden_state, *out.hidden_states)


def unet_spec(unet):
    levels = len(unet.config.block_out_channels)

    def feeds(b, h, w):
        side = 2 ** (levels - 1)
        return {
            "sample": torch.randn(b, unet.config.in_channels, h * side, w * side),
            "timestep": torch.tensor(501.0),
            "encoder_hidden_states": torch.randn(b, 77, unet.config.cross_attention_dim),
            "class_labels": torch.full((b,), 20),
        }

    axes = {
        "sample": {0: "batch", 2: "height", 3: "width"},
        "encoder_hidden_states": {0: "batch", 1: "sequence"},
        "class_labels": {0: "batch"},
        "out_sample": {0: "batch", 2: "height", 3: "width"},
    }
    return Spec(LabeledUnet(unet), feeds(1, 4, 6), ["out_sample"], axes, feeds(2, 6, 4), jsonable_config(unet))


def clip_spec(encoder):
    layers = encoder.config.num_hidden_layers
    outputs = ["last_hidden_state", *(f"hidden_states.{layer}" for layer in range(layers + 1))]
    feeds = lambda b: {"input_ids": torch.randint(0, encoder.config.vocab_size, (b, 77))}
    axes = {"input_ids": {0: "batch"}, **{name: {0: "batch"} for name in outputs}}
    return Spec(ClipText(encoder), feeds(1), outputs, axes, feeds(2), jsonable_config(encoder))


def upscale(pipe, args):
    return {"text_encoder": clip_spec(pipe.text_encoder), "unet": unet_spec(pipe.unet), **vae_specs(pipe.vae)}
