"""VAEs of images, and the video VAEs that Qwen-Image and Wan use."""

import torch
from torch import nn

from folders import jsonable_config
from graphs import Spec


class VaeEncoder(nn.Module):
    """sample [b,3,H,W] -> latent_parameters [b,2C,h,w] (mean, log-variance; not scaled)"""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, sample):
        h = self.vae.encoder(sample)
        return self.vae.quant_conv(h) if getattr(self.vae, "quant_conv", None) is not None else h


class VaeDecoder(nn.Module):
    """latent_sample [b,C,h,w] (already divided by the scaling factor) -> sample [b,3,H,W]"""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample):
        return self.vae.decode(latent_sample, return_dict=False)[0]


def vae_specs(vae, h=8, w=12):
    c = vae.config.latent_channels
    f = 2 ** (len(vae.config.block_out_channels) - 1)
    cfg = jsonable_config(vae)
    img = lambda b, y, x: {"sample": torch.randn(b, vae.config.in_channels, y * f, x * f)}
    lat = lambda b, y, x: {"latent_sample": torch.randn(b, c, y, x)}
    return {
        "vae_encoder": Spec(
            VaeEncoder(vae),
            img(1, h, w),
            ["latent_parameters"],
            {
                "sample": {0: "batch", 2: "height", 3: "width"},
                "latent_parameters": {0: "batch", 2: "latent_height", 3: "latent_width"},
            },
            img(2, w, h),
            cfg,
        ),
        "vae_decoder": Spec(
            VaeDecoder(vae),
            lat(1, h, w),
            ["sample"],
            {
                "latent_sample": {0: "batch", 2: "latent_height", 3: "latent_width"},
                "sample": {0: "batch", 2: "height", 3: "width"},
            },
            lat(2, w, h),
            cfg,
        ),
    }


class VideoVaeEncoder(nn.Module):
    """sample [b,3,1,H,W] -> latent_parameters [b,2C,1,h,w] (mean, log-variance; not normalized)"""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, sample):
        return self.vae._encode(sample)


class VideoVaeDecoder(nn.Module):
    """latent_sample [b,C,f,h,w] (z * latents_std + latents_mean done by the caller) -> sample [b,3,F,H,W].
    The number of frames is fixed at export (the causal cache is unrolled); 1 for images."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample):
        return self.vae._decode(latent_sample, return_dict=False)[0]


def exact_to_nearest(model):
    """'nearest-exact' has no ONNX operator here; for whole factors it equals 'nearest'."""
    for m in model.modules():
        if isinstance(m, nn.Upsample) and m.mode == "nearest-exact":
            m.mode = "nearest"


def video_vae_specs(vae, factor, z, frames=1, encoder=True):
    exact_to_nearest(vae)
    cfg = jsonable_config(vae)
    cfg["export_latent_frames"] = frames
    ax = {
        "sample": {0: "batch", 3: "height", 4: "width"},
        "latent_sample": {0: "batch", 3: "latent_height", 4: "latent_width"},
        "latent_parameters": {0: "batch", 3: "latent_height", 4: "latent_width"},
    }
    lat = lambda b, h, w: {"latent_sample": torch.randn(b, z, frames, h, w)}
    img = lambda b, h, w: {"sample": torch.rand(b, 3, 1, h * factor, w * factor) * 2 - 1}
    out = {
        "vae_decoder": Spec(
            VideoVaeDecoder(vae),
            lat(1, 4, 6),
            ["sample"],
            {k: ax[k] for k in ("latent_sample", "sample")},
            lat(2, 6, 4),
            cfg,
        )
    }
    if encoder:
        out["vae_encoder"] = Spec(
            VideoVaeEncoder(vae),
            img(1, 4, 6),
            ["latent_parameters"],
            {k: ax[k] for k in ("sample", "latent_parameters")},
            img(2, 6, 4),
            cfg,
        )
    return out
