"""Families that optimum exports."""

import inspect
import json
import shutil
from pathlib import Path

import torch

from folders import copy_side_files, load_pipeline

OPTIMUM = {  # class -> class used for the export
    "StableDiffusionPipeline": None,
    "StableDiffusionInpaintPipeline": None,
    "StableDiffusionInstructPix2PixPipeline": "StableDiffusionPipeline",
    "StableDiffusionXLPipeline": None,
    "StableDiffusionXLImg2ImgPipeline": None,
    "StableDiffusionXLInpaintPipeline": None,
    "LatentConsistencyModelPipeline": None,
    "StableDiffusion3Pipeline": None,
    "FluxPipeline": None,
    "SanaPipeline": None,
    "StableDiffusion3Img2ImgPipeline": "StableDiffusion3Pipeline",
    "StableDiffusion3InpaintPipeline": "StableDiffusion3Pipeline",
    "FluxImg2ImgPipeline": "FluxPipeline",
    "FluxFillPipeline": "FluxPipeline",
    "FluxKontextPipeline": "FluxPipeline",
    "FluxInpaintPipeline": "FluxPipeline",
}


def via_optimum(src, dst, dtype, args, as_class=None):
    """optimum's exporter, run on the pipeline object so that Fill, Kontext and img2img folders work as well."""
    import diffusers
    from optimum.exporters.onnx.convert import onnx_export_from_model

    index = json.loads((Path(src) / "model_index.json").read_text())
    pipe = load_pipeline(src, dtype)
    if as_class:
        cls = getattr(diffusers, as_class)
        accepted = inspect.signature(cls.__init__).parameters
        keep = {k: v for k, v in pipe.components.items() if k in accepted}
        pipe = cls(**keep)
    tolerance = 0.1 if dtype == torch.float16 else None
    onnx_export_from_model(
        pipe, output=dst, task="text-to-image", do_validation=not args.no_check, opset=args.opset, atol=tolerance
    )
    copy_side_files(src, dst)
    (Path(dst) / "model_index.json").write_text(json.dumps(index, indent=2))
    # optimum writes no VAE config of its own for some classes: keep the original beside both halves
    for part in ("vae_encoder", "vae_decoder"):
        if (Path(dst) / part).is_dir() and (Path(src) / "vae/config.json").exists():
            shutil.copyfile(Path(src) / "vae/config.json", Path(dst) / part / "config.json")
