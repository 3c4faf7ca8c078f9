"""One graph: traced by torch.onnx, written with its weights, run in ONNX Runtime and compared with torch."""

import json
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import torch

OPSET = 18
warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)


KEEP_FLOAT32 = {"timestep", "guidance", "img_ids", "txt_ids", "resolution", "aspect_ratio"}


class Spec:
    """One graph: module, example inputs (ordered dict), outputs, dynamic axes, second inputs for the check."""

    def __init__(self, module, inputs, outputs, axes, check=None, config=None):
        self.module, self.inputs, self.outputs, self.axes = module, inputs, outputs, axes
        self.check, self.config = check, config


def cast_inputs(inputs, dtype):
    """Times, guidance and positions stay float32 in half exports: half would round them."""
    return {k: v.to(dtype) if torch.is_floating_point(v) and k not in KEEP_FLOAT32 else v for k, v in inputs.items()}


def cast_module(module, dtype):
    """Weights and persistent buffers only: rotary frequencies and position tables stay float32."""
    if dtype == torch.float32:
        return module
    for m in module.modules():
        for p in m._parameters.values():
            if p is not None and torch.is_floating_point(p):
                p.data = p.data.to(dtype)
        for n, b in m._buffers.items():
            if b is not None and torch.is_floating_point(b) and n not in m._non_persistent_buffers_set:
                m._buffers[n] = b.to(dtype)
    return module


def export_graph(spec, folder, dtype, external_mb, check=True, log=print):
    import onnx

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    module = cast_module(spec.module.eval(), dtype)
    inputs = cast_inputs(spec.inputs, dtype)
    names = list(inputs)
    target = folder / "model.onnx"
    with tempfile.TemporaryDirectory(dir=folder) as tmp:
        raw = Path(tmp) / "model.onnx"
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                tuple(inputs[n] for n in names),
                str(raw),
                input_names=names,
                output_names=list(spec.outputs),
                dynamic_axes=spec.axes,
                opset_version=OPSET,
                do_constant_folding=True,
                dynamo=False,
            )
        tidy_outputs(raw, module, inputs, spec)
        size = sum(f.stat().st_size for f in Path(tmp).iterdir())
        if size > external_mb * 1e6 or len(list(Path(tmp).iterdir())) > 1:
            model = onnx.load(str(raw))
            for f in ("model.onnx", "model.onnx_data"):
                (folder / f).unlink(missing_ok=True)
            onnx.save_model(
                model,
                str(target),
                save_as_external_data=True,
                all_tensors_to_one_file=True,
                location="model.onnx_data",
                size_threshold=1024,
            )
            (folder / "model.onnx_data").chmod(0o644)
            del model
        else:
            shutil.move(str(raw), str(target))
    if spec.config is not None:
        (folder / "config.json").write_text(json.dumps(spec.config, indent=2, default=str))
    if not check:
        return None
    return check_graph(
        target, module, [inputs] + ([cast_inputs(spec.check, dtype)] if spec.check else []), spec.outputs, log
    )


def tidy_outputs(path, module, inputs, spec):
    """Output dims that are not in spec.axes get their number: the tracer gives them odd or wrong symbols."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    with torch.no_grad():
        want = module(*inputs.values())
    want = want if isinstance(want, (tuple, list)) else (want,)
    for o, w in zip(model.graph.output, want):
        free = spec.axes.get(o.name, {})
        for k, d in enumerate(o.type.tensor_type.shape.dim):
            d.Clear()
            if k in free:
                d.dim_param = free[k]
            else:
                d.dim_value = w.shape[k]
    onnx.save_model(model, str(path))


def check_graph(path, module, feeds, outputs, log=print):
    import numpy as np
    import onnxruntime as ort

    so = ort.SessionOptions()
    so.log_severity_level = 3
    if os.environ.get("EXPORT_THREADS"):
        so.intra_op_num_threads = int(os.environ["EXPORT_THREADS"])
    s = ort.InferenceSession(str(path), so, providers=["CPUExecutionProvider"])
    declared = {i.name for i in s.get_inputs()}
    worst = 0.0
    for feed in feeds:
        with torch.no_grad():
            want = module(*feed.values())
        want = want if isinstance(want, (tuple, list)) else (want,)
        got = s.run(list(outputs), {k: v.numpy() for k, v in feed.items() if k in declared})
        for name, w, g in zip(outputs, want, got):
            if tuple(w.shape) != tuple(g.shape):
                raise SystemExit(f"{path}: {name} has shape {g.shape}, torch says {tuple(w.shape)}")
            d = float(np.abs(w.float().numpy() - g.astype("float32")).max()) if g.size else 0.0
            scale = float(w.float().abs().max()) if g.size else 1.0
            worst = max(worst, d / max(scale, 1e-6))
    unused = [k for k in feeds[0] if k not in declared]
    log(
        f"  {Path(path).parent.name}: max |torch - onnxruntime| / max |torch| = {worst:.2e}"
        + (f"   (inputs folded away: {unused})" if unused else "")
    )
    return worst
