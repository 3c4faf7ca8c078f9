#!/usr/bin/env python3
"""Exports Stable Diffusion's safety checker to the ONNX folder that diffgentor's --safety_checker reads.

export_safety_checker.py SRC DST

SRC is a diffusers folder with a safety_checker, or the checker's own repository. DST gets safety_checker/model.onnx and
feature_extractor/preprocessor_config.json; it may be the folder of an exported model.
"""

import argparse
import shutil
from pathlib import Path

import torch
from torch.nn.functional import normalize

from folders import jsonable_config
from graphs import Spec, export_graph


class Checker(torch.nn.Module):
    """clip_input [b,3,h,w], images [b,H,W,3] -> out_images (flagged ones black), has_nsfw_concepts bool [b].

    The contract of the checkers that diffusers' old ONNX script wrote; decides as the PyTorch checker does, which rounds its
    scores to three digits.
    """

    def __init__(self, checker):
        super().__init__()
        self.checker = checker

    def forward(self, clip_input, images):
        checker = self.checker
        embeds = normalize(checker.visual_projection(checker.vision_model(clip_input)[1]))
        special = embeds @ normalize(checker.special_care_embeds).t() - checker.special_care_embeds_weights
        adjustment = is_positive(special).any(dim=1, keepdim=True) * 0.01
        concepts = embeds @ normalize(checker.concept_embeds).t() - checker.concept_embeds_weights + adjustment
        flagged = is_positive(concepts).any(dim=1)
        return torch.where(flagged[:, None, None, None], torch.zeros_like(images), images), flagged


def is_positive(scores):
    return torch.round(scores * 1000) > 0


def export(src, dst, check=True):
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker

    src, dst = Path(src), Path(dst)
    folder = src / "safety_checker" if (src / "safety_checker").is_dir() else src
    checker = StableDiffusionSafetyChecker.from_pretrained(str(folder)).float().eval()
    side = checker.config.vision_config.image_size
    generator = torch.Generator().manual_seed(0)

    def inputs(batch, height, width):
        return {
            "clip_input": torch.randn(batch, 3, side, side, generator=generator),
            "images": torch.rand(batch, height, width, 3, generator=generator),
        }

    axes = {"clip_input": {0: "batch"}, "images": {0: "batch", 1: "height", 2: "width"}, "has_nsfw_concepts": {0: "batch"}}
    axes["out_images"] = axes["images"]
    spec = Spec(
        Checker(checker),
        inputs(1, 64, 64),
        ["out_images", "has_nsfw_concepts"],
        axes,
        inputs(2, 96, 64),
        jsonable_config(checker),
    )
    difference = export_graph(spec, dst / "safety_checker", torch.float32, 1800, check)
    if check and not difference < 1e-3:
        raise SystemExit(f"The export differs from torch by {difference}.")
    copy_processor(src, dst)


def copy_processor(src, dst):
    for folder in (src / "feature_extractor", src):
        if (folder / "preprocessor_config.json").is_file():
            (dst / "feature_extractor").mkdir(exist_ok=True)
            shutil.copyfile(folder / "preprocessor_config.json", dst / "feature_extractor/preprocessor_config.json")
            return


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("src", help="diffusers folder, or the repository of a checker")
    options.add_argument("dst", help="folder that is written")
    options.add_argument("--no-check", action="store_true", help="do not compare with torch")
    arguments = options.parse_args()
    export(arguments.src, arguments.dst, not arguments.no_check)
