"""Is the Hugging Face hub there? Asked quickly: its own clients retry for half a minute before they give up."""

import os
import threading
import urllib.error
import urllib.request

TIMEOUT_S = 2.0


def unreachable() -> str | None:
    """None where the hub answers, else why it cannot be used, as the end of a sentence. Takes 2 s at most.

    HF_HUB_OFFLINE and HF_ENDPOINT count as for Hugging Face's own programs, and so do the proxy variables.
    """
    from huggingface_hub import constants  # the one place that knows the hub's address

    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    answers: list[str | None] = []
    # name resolution knows no time-out of its own, so the question is asked in a thread that may be left behind
    asking = threading.Thread(target=lambda: answers.append(_ask(constants.ENDPOINT)), daemon=True)
    asking.start()
    asking.join(TIMEOUT_S)
    return answers[0] if answers else f"the hub did not answer within {TIMEOUT_S:.0f} s"


def _ask(address: str) -> str | None:
    try:
        request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "calib-explorer"})
        urllib.request.urlopen(request, timeout=TIMEOUT_S).close()
    except urllib.error.HTTPError:
        return None  # it answers, whatever it says
    except (OSError, ValueError) as error:
        return f"the hub cannot be reached ({getattr(error, 'reason', error)})"
    return None


def mirrored(repo: str) -> str:
    """The local copy of a hub repository, where CALIB_MIRROR names a directory that holds one (as DIR/owner/name);
    else its id."""
    mirror = os.environ.get("CALIB_MIRROR", "")
    copy = os.path.join(mirror, repo)  # noqa: PTH118  a hub id is no path
    return copy if mirror and os.path.isdir(copy) else repo  # noqa: PTH112
