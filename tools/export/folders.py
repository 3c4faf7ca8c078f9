"""What lies in a diffusers folder beside the weights."""

import json
import shutil
from pathlib import Path

import torch


def jsonable_config(obj):
    c = obj.config
    d = dict(c.to_dict() if hasattr(c, "to_dict") else c)
    d.pop("_name_or_path", None)
    return json.loads(json.dumps(d, default=str))


def load_pipeline(src, dtype=torch.float32):
    """DiffusionPipeline.from_pretrained; components that the index names null, or whose folder is absent, stay None."""
    import diffusers

    index = json.loads((Path(src) / "model_index.json").read_text())
    none = {
        k: None
        for k, v in index.items()
        if isinstance(v, list) and (v[0] is None or k == "processor" or not (Path(src) / k).is_dir())
    }
    return diffusers.DiffusionPipeline.from_pretrained(str(src), torch_dtype=dtype, **none)


def copy_side_files(src, dst, log=print):
    """Tokenizers, processors, scheduler, model_index.json: as they are."""
    src, dst = Path(src), Path(dst)
    for p in sorted(src.iterdir()):
        if p.is_dir() and (
            p.name.startswith(
                (
                    "tokenizer",
                    "scheduler",
                    "low_res_scheduler",
                    "feature_extractor",
                    "processor",
                    "image_processor",
                    "clip_tokenizer",
                    "text_tokenizer",
                    "clip_image_processor",
                )
            )
        ):
            shutil.copytree(p, dst / p.name, dirs_exist_ok=True)
    shutil.copyfile(src / "model_index.json", dst / "model_index.json")
