"""Real reports of the defects that findings resemble: entry, what happened there, where to read it."""

from __future__ import annotations

_GITHUB = "https://github.com/"

REPORTS: dict[str, tuple[str, str]] = {
    "A1": ("targets shifted by the loader and again by the loss", "hiyouga/LlamaFactory/issues/10457"),
    "A2": ("inputs and labels identical, nobody knows who shifts", "huggingface/transformers/issues/35066"),
    "A3": ("a mask or target moved the wrong way", "verl-project/verl/pull/5362"),
    "A4": ("the last start drawn is one too far", "AOSSIE-Org/OpenVerifiableLLM/pull/92"),
    "A5": ("a bound made one too small", "karpathy/ng-video-lecture/issues/56"),
    "A7": ("EOS is a target and never an input", "pytorch/torchtitan/issues/3130"),
    "A8": ("reads B*T+1 tokens: how far does it advance?", "karpathy/llm.c/issues/321"),
    "A10": ("samples of T+1 where T was meant", "NVIDIA/Megatron-LM/issues/399"),
    "A11": (
        "a conversation that fits exactly is thrown away",
        "pytorch/torchtitan/commit/6b36b52fdc46b494f0e7b28602dc3593c7795793",
    ),
    "B1": ("a whole batch skipped at each shard's end", "karpathy/build-nanogpt/issues/105"),
    "B3": ("the last partial chunk of each buffer vanishes", "huggingface/trl/issues/1621"),
    "B5": ("all samples shorter than T removed", "huggingface/trl/issues/483"),
    "B6": ("an epoch of another length than promised", "huggingface/alignment-handbook/issues/61"),
    "B7": ("a shuffle buffer forgets the row in hand when it flushes; no public report", ""),
    "B8": (
        "the remainder dropped although told to keep it",
        "google/grain/commit/5bad1a2ef35c1ac189e8422a2f1b6ca0a8908514",
    ),
    "B13": ("rows of padding and frozen progress", "karpathy/nanochat/issues/590"),
    "C1": ("training hangs in next() after one pass", "karpathy/nanochat/issues/360"),
    "C4": ("the second epoch is empty", "meta-pytorch/data/issues/825"),
    "D1": ("ids above 65535 come back as small ones", "princeton-nlp/LLM-Shearing/issues/65"),
    "D2": ("unsigned ids read as signed", "huggingface/datatrove/issues/118"),
    "D3": ("ids read at another width", "mosaicml/llm-foundry/issues/321"),
    "D5": ("32-bit offsets wrap in a large file", "EleutherAI/gpt-neox/pull/835"),
    "D8": ("one branch returns no batch", "BlinkDL/RWKV-LM/pull/296"),
    "D9": (
        "slices of a (B, T+1) tensor are not contiguous",
        "karpathy/nanochat/commit/752abc836e7075d3a799e2af8f82bdb2456c60cc",
    ),
    "E2": (
        "the seed argument has no effect",
        "webdataset/webdataset/commit/12d425d567c265d407383685975f2ae36d71491f",
    ),
    "E3": ("another library's unseeded generator", "pytorch/pytorch/issues/7882"),
    "E6": (
        "identical batches in every epoch",
        "pytorch/torchtitan/commit/95a2542000b9b612ea57cfaf457bf019abe2f4ed",
    ),
    "E8": ("the user's seed is overwritten by the epoch", "ByteDance-Seed/VeOmni/pull/1075"),
    "F8": ("order drawn from the global generator", "karpathy/nanoGPT/issues/467"),
    "E1": ("workers draw the same numbers", "pytorch/pytorch/issues/5059"),
    "E4": ("order depends on the number of workers", "pytorch/pytorch/pull/15170"),
    "F1": ("documents skipped by an approximate resume", "mlnomadpy/flaxchat/issues/4"),
    "F5": ("the second resume restarts the stream", "huggingface/datasets/issues/8308"),
    "F7": ("the right place in the wrong permutation", "huggingface/accelerate/issues/2016"),
    "F9": ("an epoch lost when the save falls on its end", "meta-pytorch/data/issues/1437"),
    "F10": ("a state incomplete soon after a restore", "meta-pytorch/data/pull/1251"),
    "F11": ("a state that is taken and ignored", "mosaicml/streaming/issues/437"),
    "F12": ("all ranks resume from rank 0's place", "pytorch/torchtitan/issues/291"),
    "F13": ("silently another order with other ranks", "NVIDIA-BioNeMo/bionemo-recipes/pull/1250"),
    "F14": ("a generator in the state cannot be pickled", "meta-pytorch/data/issues/1404"),
    "G1": ("all ranks train on the same rows", "huggingface/datasets/issues/5360"),
    "G2": ("each row once per worker", "huggingface/datasets/issues/3423"),
    "G3": ("some files read twice, others never", "jzhang38/TinyLlama/issues/67"),
    "G4": ("only worker 0 gets data", "huggingface/datasets/issues/8669"),
    "G5": ("ranks with unequal batch counts hang", "Lightning-AI/litData/issues/233"),
    "G8": (
        "one rank ends its epoch much earlier",
        "pytorch/torchtitan/commit/a3a0160429592597215832795db997f1758bb4fc",
    ),
    "J16": ("a freeze in a forked worker", "huggingface/tokenizers/issues/187"),
    "J17": ("the main process waits for a dead worker", "pytorch/pytorch/issues/21554"),
    "L3": ("taking a state costs more than a batch", "meta-pytorch/data/issues/1317"),
    "G9": ("empty or repeated samples in the last round", "huggingface/accelerate/issues/209"),
    "G10": ("a blended source asked for more than it has", "NVIDIA/Megatron-LM/issues/705"),
    "G11": (
        "a fast worker deletes what a slow one still needs",
        "Lightning-AI/litData/commit/f4a963a7b3f7487e053c307b4048ae6ee5ca9e37",
    ),
    "H1": ("the mask is lost, user text is trained on", "karpathy/nanochat/issues/570"),
    "H2": ("the mask is off by one", "NVIDIA-NeMo/Speech/pull/6409"),
    "H7": ("the model never learns to stop", "huggingface/transformers/issues/23530"),
    "I2": (
        "one buffer for all batches",
        "karpathy/nanochat/commit/6a341f2ecf2d9b699a36cad4004c682805482ed2",
    ),
    "K1": (
        "targets sent from a scratch that the next batch refills",
        "karpathy/nanochat/commit/3a5e0bc50b123f37220f1ace6813f080455d19f3",
    ),
    "K2": ("a batch silently becomes the next one", "karpathy/nanochat/pull/830"),
    "K3": ("data of iterations mixed: a host buffer refilled without a fence", "NVIDIA/DALI/pull/1493"),
    "K5": ("a pinned source dropped while its copy is queued", "pytorch/pytorch/issues/130785"),
    "K7": (
        "pinning and asynchrony silently off",
        "karpathy/nanochat/commit/6a341f2ecf2d9b699a36cad4004c682805482ed2",
    ),
    "K8": (
        "a crash on machines without CUDA",
        "karpathy/nanochat/commit/defd1246aa80c99cf1b486ec112b1223916e21df",
    ),
    "K9": ("memory of nested tensors given again too early", "ray-project/ray/pull/66344"),
    "B4": ("tokens past T cut, later orphans without their prompt", "huggingface/trl/issues/5075"),
    "B10": ("packing efficiency inflated by its own bookkeeping", "axolotl-ai-cloud/axolotl/issues/3848"),
    "B12": ("a document cut at the row's limit gets BOS as its last target", "KellerJordan/modded-nanogpt"),
    "B14": ("a limit on conversations written into the code", "karpathy/nanochat/pull/817"),
    "C2": ("spins for ever on a split or rank with nothing in it", "karpathy/nanochat"),
    "C3": ("an endless loop over a split of no length", "NVIDIA/Megatron-LM/issues/957"),
    "C5": ("a loader blocks at the end of an epoch", "mosaicml/streaming/issues/617"),
    "C7": ("the first batch needs the whole source", "unslothai/unsloth-zoo/pull/927"),
    "D4": ("a separator wraps to another number in another width", "jongwooko/distillm/pull/14"),
    "E5": ("workers hold an old copy of the epoch", "huggingface/datasets/issues/6673"),
    "E7": ("the first batch of an epoch fetched before the epoch was set", "apache/mxnet/pull/19738"),
    "E10": ("a shuffle buffer that sees only a few shards", "webdataset/webdataset/issues/71"),
    "E11": ("each validation uses other batches", "epfml/llm-baselines/pull/16"),
    "H3": ("the mask is not carried through packing", "huggingface/trl/issues/3728"),
    "H4": ("the prompt fills the row and the loss is not a number", "huggingface/trl/issues/3927"),
    "H8": ("the marker of an answer is never found, all is masked", "unslothai/unsloth/issues/1290"),
    "H10": ("BOS twice: by the template and by the tokenizer", "deepseek-ai/DeepSeek-R1/issues/151"),
    "H11": ("one BOS short on one path", "marin-community/marin/pull/7179"),
    "H12": ("documents glued with nothing between", "stanford-crfm/mistral/issues/90"),
    "H13": ("stray special tokens inside chunks", "huggingface/transformers/issues/10737"),
    "H14": ("text that spells a control token becomes that token", "PrimeIntellect-ai/renderers/pull/116"),
    "H15": ("positions that run on through packed documents", "huggingface/nanoVLM/issues/204"),
    "I1": ("a cached mask handed out by reference and edited in place", "NVIDIA/Megatron-LM/issues/1711"),
    "I4": ("the source changes after a worker starts", "pytorch/pytorch/issues/51849"),
    "I5": ("a map closed under live views", "numpy/numpy/issues/13510"),
    "F2": ("a state saved beside a batch that was fetched and not trained", "karpathy/nanochat"),
    "F3": ("an item in flight vanishes at the save", "pytorch/torchtitan/pull/3008"),
}


def address(entry: str) -> str:
    """Where the report of an entry can be read; "" if it has none."""
    place = REPORTS.get(entry, ("", ""))[1]
    return _GITHUB + place if place else ""


def told(entry: str) -> str:
    """One line for a finding: the entry, what happened, and the address; the entry alone if unknown."""
    if entry not in REPORTS:
        return entry
    where = address(entry)
    return f"{entry}: {REPORTS[entry][0]}" + (f" ({where})" if where else "")
