"""T5, UMT5 and decoder models (Qwen3, Gemma) as text encoders."""

import torch
from torch import nn

from folders import jsonable_config
from graphs import Spec


class T5Masked(nn.Module):
    """input_ids, attention_mask int64 [b,seq] -> last_hidden_state [b,seq,d]"""

    def __init__(self, t5):
        super().__init__()
        self.t5 = t5

    def forward(self, input_ids, attention_mask):
        return self.t5(input_ids=input_ids, attention_mask=attention_mask, return_dict=False)[0]


def text_feeds(vocab, b, n, pad_from=None):
    ids = torch.randint(0, vocab, (b, n))
    mask = torch.ones(b, n, dtype=torch.int64)
    if pad_from is not None:
        mask[:, pad_from:] = 0
    return {"input_ids": ids, "attention_mask": mask}


TEXT_AXES = {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "sequence"}}


def t5_masked_spec(te):
    v = te.config.vocab_size
    return Spec(
        T5Masked(te),
        text_feeds(v, 1, 20, 12),
        ["last_hidden_state"],
        {**TEXT_AXES, "last_hidden_state": {0: "batch", 1: "sequence"}},
        text_feeds(v, 2, 33, 9),
        jsonable_config(te),
    )


def causal_bias(attention_mask, dtype):
    """Additive [b,1,seq,seq] mask: causal and key padding. A row that sees nothing (left padding) sees itself."""
    n = attention_mask.shape[1]
    i = torch.arange(n, device=attention_mask.device)
    ok = (i[None, :] <= i[:, None])[None, None] & (attention_mask[:, None, None, :] > 0)
    nothing = ok.to(torch.int64).sum(-1, keepdim=True) == 0
    ok = ok | (nothing & (i[None, :] == i[:, None])[None, None])
    return torch.where(ok, torch.zeros((), dtype=dtype), torch.full((), torch.finfo(dtype).min, dtype=dtype))


class DecoderText(nn.Module):
    """Qwen3 / Qwen2 / Gemma-like decoder used as a text encoder.

    input_ids, attention_mask int64 [b,seq] -> one tensor [b,seq,len(layers)*d]: hidden_states[k] for k in layers,
    concatenated on the width (index 0 = embeddings, the Python list of transformers; negative counts from its end).
    """

    def __init__(self, lm, layers):
        super().__init__()
        self.m = lm.model if hasattr(lm, "model") else lm
        n = self.m.config.num_hidden_layers
        self.layers_out = [k if k >= 0 else n + 1 + k for k in layers]
        self.norm_last = n
        self.depth = max(self.layers_out)

    def forward(self, input_ids, attention_mask):
        m = self.m
        x = m.embed_tokens(input_ids)
        pos = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
        rope = m.rotary_emb(x, pos)
        bias = causal_bias(attention_mask, x.dtype)
        states = {0: x}
        for i, layer in enumerate(m.layers[: self.depth]):
            r = layer(
                x,
                attention_mask=bias,
                position_ids=pos,
                position_embeddings=rope,
                past_key_values=None,
                use_cache=False,
            )
            x = r[0] if isinstance(r, tuple) else r
            states[i + 1] = m.norm(x) if i + 1 == self.norm_last else x
        return torch.cat([states[k] for k in self.layers_out], dim=-1)


def decoder_spec(te, layers, out):
    te.config._attn_implementation = "eager"
    if hasattr(te, "model"):
        te.model.config._attn_implementation = "eager"
    v = te.config.vocab_size if hasattr(te.config, "vocab_size") else te.config.text_config.vocab_size
    cfg = jsonable_config(te)
    cfg["export_hidden_state_layers"] = list(layers)
    return Spec(
        DecoderText(te, layers),
        text_feeds(v, 1, 24, 15),
        [out],
        {**TEXT_AXES, out: {0: "batch", 1: "sequence"}},
        text_feeds(v, 2, 37, 30),
        cfg,
    )
