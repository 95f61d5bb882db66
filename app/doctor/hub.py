"""Is the Hugging Face hub reachable, and which models are here already."""

import json
from pathlib import Path

from app.doctor.finding import Finding


def hub() -> Finding:
    """One request of at most two seconds, name lookup included."""
    from pipeline.hub import unreachable

    if why := unreachable():
        advice = "the demo does not need it; other models must be local directories or already cached"
        return Finding("hub", "warn", why, advice)
    return Finding("hub", "ok", "it answers")


def models(ours: Path) -> Finding:
    """Models in our cache (`ours`, the demo's) and in the hub's own."""
    from huggingface_hub import constants

    demo = [_origin(file) for file in sorted(ours.glob("*/origin.json"))]
    cache = Path(constants.HF_HUB_CACHE)
    cached = sorted(folder.name for folder in cache.glob("models--*")) if cache.is_dir() else []
    names = demo + [name.removeprefix("models--").replace("--", "/") for name in cached]
    if not names:
        return Finding("models", "ok", f"none cached yet ({ours}, {cache})", "the first run fetches the demo model")
    return Finding("models", "ok", ", ".join(names))


def _origin(file: Path) -> str:
    """The package that a demo model was converted from: its folder is named by a hash."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return f"{told['package']} ({told['quantisation']})"
    except (OSError, ValueError, KeyError, TypeError):
        return file.parent.name
