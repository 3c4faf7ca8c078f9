#!/usr/bin/env python3
"""Adds an IP-Adapter to an exported Stable Diffusion or SDXL model, so that diffgentor's --ip_adapter_image can show it pictures.

export_ip_adapter.py SRC DST --adapter FILE --image-encoder FOLDER

SRC is the diffusers folder that DST was exported from. DST gets another unet, which looks at pictures, and the image_encoder.
"""

import argparse
from pathlib import Path

import torch

from folders import jsonable_config, load_pipeline
from graphs import Spec, export_graph

# Inputs that some UNets have beside the three of all, and whether they come in added_cond_kwargs.
FURTHER = {"text_embeds": True, "time_ids": True, "timestep_cond": False}


class Unet(torch.nn.Module):
    """sample, timestep, encoder_hidden_states [, text_embeds, time_ids | timestep_cond], image_embeds, ip_adapter_scale -> out_sample.

    image_embeds is [b, pictures, width], or [b, pictures, tokens, width] for adapters that read hidden states; it is projected
    inside. ip_adapter_scale [1] is how much the adapter counts.
    """

    def __init__(self, unet, names):
        super().__init__()
        self.unet, self.names = unet, names
        self.attention = [p for p in unet.attn_processors.values() if hasattr(p, "to_k_ip")]

    def forward(self, sample, timestep, encoder_hidden_states, *rest):
        given = dict(zip(self.names[3:], rest))
        for processor in self.attention:
            processor.scale = [given["ip_adapter_scale"]]
        added = {name: given[name] for name in given if FURTHER.get(name)}
        added["image_embeds"] = [given["image_embeds"]]
        further = {name: given[name] for name in given if FURTHER.get(name) is False}
        return self.unet(
            sample, timestep, encoder_hidden_states, added_cond_kwargs=added, return_dict=False, **further
        )[0]


class ImageEncoder(torch.nn.Module):
    """pixel_values [b, 3, side, side] -> image_embeds [b, width], or penultimate_hidden_states [b, tokens, width]."""

    def __init__(self, encoder, reads_states):
        super().__init__()
        self.encoder, self.reads_states = encoder, reads_states

    def forward(self, pixel_values):
        if not self.reads_states:
            return self.encoder(pixel_values).image_embeds
        return self.encoder(pixel_values, output_hidden_states=True).hidden_states[-2]


def export(args):
    from diffusers.models.embeddings import (
        ImageProjection,
        IPAdapterFaceIDImageProjection,
        IPAdapterFaceIDPlusImageProjection,
    )
    from transformers import CLIPVisionModelWithProjection

    pipe = load_pipeline(args.src)
    # Loading the adapter would give the pipeline one, for an image encoder that it has not seen.
    processor = getattr(pipe, "feature_extractor", None)
    adapter = Path(args.adapter)
    pipe.load_ip_adapter(str(adapter.parent), subfolder="", weight_name=adapter.name, image_encoder_folder=None)
    unet = pipe.unet.float().eval()
    (projection,) = unet.encoder_hid_proj.image_projection_layers
    if isinstance(projection, (IPAdapterFaceIDImageProjection, IPAdapterFaceIDPlusImageProjection)):
        raise SystemExit("FaceID adapters look at embeddings of faces, which no image encoder here makes.")
    reads_states = not isinstance(projection, ImageProjection)
    encoder = CLIPVisionModelWithProjection.from_pretrained(args.image_encoder).float().eval()
    specs = {
        "image_encoder": describe_encoder(encoder, reads_states),
        "unet": describe_unet(unet, encoder, reads_states),
    }
    for name, spec in specs.items():
        clear(Path(args.dst) / name)
        difference = export_graph(spec, Path(args.dst) / name, torch.float32, args.external_mb, not args.no_check)
        if difference is not None and not difference < 1e-3:
            raise SystemExit(f"The export of {name} differs from torch by {difference}.")
    write_processor(processor, encoder, Path(args.dst) / "feature_extractor")


def clear(folder):
    """The graph that was exported without the adapter."""
    for file in folder.glob("*.onnx*"):
        file.unlink()


def describe_encoder(encoder, reads_states):
    side = encoder.config.image_size
    output = "penultimate_hidden_states" if reads_states else "image_embeds"
    generator = torch.Generator().manual_seed(0)
    pictures = [{"pixel_values": torch.randn(count, 3, side, side, generator=generator)} for count in (1, 2)]
    axes = {"pixel_values": {0: "batch"}, output: {0: "batch"}}
    return Spec(ImageEncoder(encoder, reads_states), pictures[0], [output], axes, pictures[1], jsonable_config(encoder))


def describe_unet(unet, encoder, reads_states):
    config = unet.config
    generator = torch.Generator().manual_seed(1)

    def random(*shape):
        return torch.randn(*shape, generator=generator)

    def inputs(batch, height, width, tokens, pictures, scale):
        vision = encoder.config
        seen = ((vision.image_size // vision.patch_size) ** 2 + 1, vision.hidden_size)
        given = {
            "sample": random(batch, config.in_channels, height, width),
            "timestep": torch.tensor([500.0 + batch]),
            "encoder_hidden_states": random(batch, tokens, config.cross_attention_dim),
        }
        if config.addition_embed_type == "text_time":
            time_ids = 6
            pooled = config.projection_class_embeddings_input_dim - time_ids * config.addition_time_embed_dim
            given["text_embeds"] = random(batch, pooled)
            given["time_ids"] = random(batch, time_ids).abs() * 100
        if config.time_cond_proj_dim:
            given["timestep_cond"] = random(batch, config.time_cond_proj_dim)
        given["image_embeds"] = random(batch, pictures, *(seen if reads_states else (vision.projection_dim,)))
        given["ip_adapter_scale"] = torch.tensor([scale])
        return given

    first = inputs(2, 16, 16, 77, 2, 0.7)
    axes = {name: {0: "batch"} for name in first if name not in ("timestep", "ip_adapter_scale")}
    axes["sample"].update({2: "height", 3: "width"})
    axes["encoder_hidden_states"][1] = "tokens"
    axes["image_embeds"][1] = "pictures"
    axes["out_sample"] = dict(axes["sample"])
    names = list(first)
    return Spec(
        Unet(unet, names), first, ["out_sample"], axes, inputs(1, 24, 16, 154, 1, 0.3), jsonable_config(unet)
    )


def write_processor(own, encoder, folder):
    """The pipeline's own, or CLIP's for the encoder's size, as diffusers takes it."""
    from transformers import CLIPImageProcessor

    side = encoder.config.image_size
    (own or CLIPImageProcessor(size=side, crop_size=side)).save_pretrained(folder)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("src", help="diffusers folder with PyTorch weights")
    options.add_argument("dst", help="folder of the exported model, which is changed")
    options.add_argument("--adapter", required=True, help="weights of the IP-Adapter, .safetensors or .bin")
    options.add_argument("--image-encoder", required=True, help="folder of its CLIP image encoder")
    options.add_argument("--external-mb", type=float, default=1800, help="weights above this go to model.onnx_data")
    options.add_argument("--no-check", action="store_true", help="do not compare with torch")
    export(options.parse_args())
