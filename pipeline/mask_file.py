"""Writing masks.safetensors: mask by mask as blocks are pruned, whole or not at all.

Bytes are spooled to a file beside it, so that the masks of a large model are never all in memory; the safetensors
header, which must come first and name every tensor, is known only at the end.
"""

import json
import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from pipeline.masks import PackedMask


class MaskFile:
    """A mask file being written. Leaving its `with` puts it in place (fsync, rename); an exception discards it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._spool = path.with_name(path.name + ".spool")
        self._whole = path.with_name(path.name + ".tmp")
        self._header: dict[str, object] = {}
        self._shapes: dict[str, str] = {}
        self._at = 0

    def __enter__(self) -> "MaskFile":
        self._bytes = self._spool.open("wb")
        return self

    def add(self, name: str, mask: PackedMask) -> None:
        """Append the mask of the linear with that dotted path. Raises ValueError if it is there already."""
        if name in self._shapes:
            raise ValueError(f"{self.path}: '{name}' was written before")
        end = self._at + len(mask.bits)
        self._bytes.write(mask.bits.tobytes())
        self._header[name] = {"dtype": "U8", "shape": [len(mask.bits)], "data_offsets": [self._at, end]}
        self._shapes[name] = json.dumps(list(mask.shape))
        self._at = end

    def __exit__(self, kind: type[BaseException] | None, *failure: object) -> None:
        with ExitStack() as cleanup:
            cleanup.callback(self._spool.unlink, missing_ok=True)
            cleanup.callback(self._whole.unlink, missing_ok=True)
            self._bytes.close()
            if kind is None:
                self._put_in_place()

    def _put_in_place(self) -> None:
        """safetensors: the header's length (8 bytes, little endian), the header in JSON, the tensors' bytes."""
        header = json.dumps({"__metadata__": self._shapes, **self._header}).encode()
        header += b" " * (-len(header) % 8)
        with self._whole.open("wb") as whole, self._spool.open("rb") as spool:
            whole.write(len(header).to_bytes(8, "little") + header)
            shutil.copyfileobj(spool, whole, 2**20)
            whole.flush()
            os.fsync(whole.fileno())
        self._whole.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
