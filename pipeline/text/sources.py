"""From the word in a grid file to the source of text that it names."""

from pipeline.spec.sources import plain_directory
from pipeline.text.demo import Demo
from pipeline.text.document import Source, TextError
from pipeline.text.fineweb import FineWeb
from pipeline.text.folder import Folder
from pipeline.text.mc4 import Mc4
from pipeline.text.wikipedia import Wikipedia


def open_source(source: str) -> Source:
    """ "demo", "mc4", "fineweb-2", "wikipedia" or a directory. Raises TextError for anything else."""
    match source:
        case "demo":
            return Demo()
        case "mc4":
            return Mc4()
        case "fineweb-2":
            return FineWeb()
        case "wikipedia":
            return Wikipedia()
    if not plain_directory(source)[0].is_dir():
        raise TextError(f"'{source}' is neither a corpus nor a directory that is there")
    return Folder(source)
