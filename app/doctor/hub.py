"""Is the Hugging Face hub reachable, and which models are here already."""

import json
import os
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from app.doctor.finding import Finding

PATIENCE_S = 2.0


def hub() -> Finding:
    """One request of at most two seconds, name lookup included."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    advice = "the demo does not need it; other models must be local directories or already cached"
    if os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0", "false", "False"):
        return Finding("hub", "warn", "HF_HUB_OFFLINE is set", advice)
    started = time.monotonic()
    answers: list[str] = []
    # urlopen's timeout does not bound the name lookup: hence a thread that is left behind when it is late.
    asking = threading.Thread(target=lambda: answers.append(_ask(endpoint)), daemon=True)
    asking.start()
    asking.join(PATIENCE_S)
    took = f"{time.monotonic() - started:.1f} s"
    if answers == [""]:
        return Finding("hub", "ok", f"{endpoint} answers in {took}")
    reason = answers[0] if answers else f"no answer in {took}"
    return Finding("hub", "warn", f"{endpoint} not reached: {reason}", advice)


def models(ours: Path) -> Finding:
    """Models in our cache (`ours`, the demo's) and in the hub's own."""
    demo = [_origin(file) for file in sorted(ours.glob("*/origin.json"))]
    cache = hub_cache()
    cached = sorted(folder.name for folder in cache.glob("models--*")) if cache.is_dir() else []
    names = demo + [name.removeprefix("models--").replace("--", "/") for name in cached]
    if not names:
        return Finding("models", "ok", f"none cached yet ({ours}, {cache})", "the first run fetches the demo model")
    return Finding("models", "ok", ", ".join(names))


def hub_cache() -> Path:
    """Where huggingface_hub keeps models, by its own rules (importing it would cost 0.3 s)."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()


def _origin(file: Path) -> str:
    """The package that a demo model was converted from: its folder is named by a hash."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return f"{told['package']} ({told['quantisation']})"
    except (OSError, ValueError, KeyError, TypeError):
        return file.parent.name


def _ask(endpoint: str) -> str:
    """ "" if the endpoint answers at all, else the reason why not."""
    request = urllib.request.Request(endpoint, method="HEAD", headers={"User-Agent": "calib-explorer doctor"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S):
            return ""
    except urllib.error.HTTPError:
        return ""
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
