#!/usr/bin/env python3
"""Exports a local diffusers folder (PyTorch weights) to the ONNX folder that diffgentor reads.

export_onnx.py SRC DST [--dtype float32|float16] [--components transformer,vae_decoder] [--no-check]

See README.md beside this file.
"""

import argparse
import gc
import json
from pathlib import Path

import torch

from flux2 import flux2
from folders import copy_side_files, load_pipeline
from graphs import export_graph
from pixart import pixart
from qwen_image import qwen_edit, qwen_image

from unidiffuser import unidiffuser
from upscale import upscale
from via_optimum import OPTIMUM, via_optimum
from wan import wan
from z_image import z_image

# Pipeline class -> what lists its graphs. All others of OPTIMUM are left to optimum.
FAMILIES = {
    "PixArtSigmaPipeline": pixart,
    "PixArtAlphaPipeline": pixart,
    "ZImagePipeline": z_image,
    "Flux2KleinPipeline": flux2,
    "QwenImagePipeline": qwen_image,
    "QwenImageEditPipeline": qwen_edit,
    "QwenImageEditPlusPipeline": qwen_edit,
    "UniDiffuserPipeline": unidiffuser,
    "WanPipeline": wan,
    "StableDiffusionUpscalePipeline": upscale,
}

DTYPES = {"float32": torch.float32, "float16": torch.float16}
# Largest difference from torch, as a share of torch's largest value, that an export may have.
TOLERANCES = {"float32": 1e-3, "float16": 5e-2}


def export_folder(src, dst, args):
    """Writes DST and returns the largest relative difference from torch for each graph that was checked here."""
    src, dst = Path(src), Path(dst)
    class_name = read_class_name(src)
    dst.mkdir(parents=True, exist_ok=True)
    if class_name in OPTIMUM:
        print(f"{class_name}: exported by optimum")
        return via_optimum(src, dst, DTYPES[args.dtype], args, OPTIMUM[class_name])
    print(f"{class_name}: exported by torch.onnx")
    specs = FAMILIES[class_name](load_pipeline(src, torch.float32), args)
    differences = {}
    for name in choose_components(args.components, specs):
        spec = specs.pop(name)
        differences[name] = export_graph(spec, dst / name, DTYPES[args.dtype], args.external_mb, not args.no_check)
        # The weights of a part that is written are not needed any more.
        del spec
        gc.collect()
    copy_side_files(src, dst)
    limit = TOLERANCES[args.dtype]
    wrong = {name: value for name, value in differences.items() if value is not None and not value < limit}
    if wrong:
        raise SystemExit(f"The export differs from torch by more than {limit}: {wrong}.")
    return differences


def read_class_name(src):
    index = src / "model_index.json"
    if not index.is_file():
        raise SystemExit(f"{src} is no diffusers folder: it has no model_index.json.")
    class_name = json.loads(index.read_text())["_class_name"]
    if class_name not in OPTIMUM and class_name not in FAMILIES:
        raise SystemExit(f"{class_name} cannot be exported; known are {', '.join([*OPTIMUM, *FAMILIES])}.")
    return class_name


def choose_components(wish, specs):
    names = wish.split(",") if wish else list(specs)
    unknown = [name for name in names if name not in specs]
    if unknown:
        raise SystemExit(f"This model has no component {', '.join(unknown)}; it has {', '.join(specs)}.")
    return names


def parser():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("src", help="folder with model_index.json and safetensors weights")
    options.add_argument("dst", help="folder that is written")
    options.add_argument("--dtype", choices=list(DTYPES), default="float32")
    options.add_argument("--components", help="comma list; default: all")
    options.add_argument("--external-mb", type=float, default=1800, help="weights above this go to model.onnx_data")
    options.add_argument("--opset", type=int, default=None, help="for the families that optimum exports")
    options.add_argument("--text-layers", default="9,18,27", help="FLUX.2 klein: hidden states that are joined")
    options.add_argument(
        "--latent-frames", type=int, default=21, help="Wan: latent frames of the decoder; 4n - 3 frames"
    )
    options.add_argument("--no-check", action="store_true", help="do not compare with torch")
    return options


if __name__ == "__main__":
    arguments = parser().parse_args()
    export_folder(arguments.src, arguments.dst, arguments)
