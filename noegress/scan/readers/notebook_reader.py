"""Notebooks: their code cells as one Python source."""

import json
import re

from noegress.scan.facts.facts import Facts
from noegress.scan.readers.python_reader import read_python
from noegress.scan.readers.text_reader import read_opaque_source

_MAGIC = re.compile(r"^[ \t]*[%!?][^\n]*$|^[^\n]*\?[ \t]*$", re.MULTILINE)


def read_notebook(content: bytes) -> Facts:
    """Facts of the code cells; magics are left out. A notebook is run by its reader, never by importing a package."""
    try:
        cells = json.loads(content).get("cells", [])
        sources = [cell.get("source", "") for cell in cells if cell.get("cell_type") == "code"]
        text = "\n".join(source if isinstance(source, str) else "".join(source) for source in sources)
        return Facts("notebook", python=read_python(_MAGIC.sub("", text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError, AttributeError, TypeError) as error:
        return read_opaque_source(content, f"no notebook of Python cells ({type(error).__name__})")
