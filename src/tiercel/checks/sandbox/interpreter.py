"""Which files Python itself needs, so that a box can hold these and no others.

The interpreter is asked: it loads every extension module of its standard library and says which shared libraries that
took.
"""

import sys
from pathlib import Path

import msgspec

ASK = r"""
import ctypes, json, os, sys, sysconfig, warnings
warnings.simplefilter("ignore")
folders = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
for folder in [os.path.join(folder, "lib-dynload") for folder in folders]:
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        module = name.partition(".")[0]
        if not module.startswith(("_test", "_xx", "xx", "_tkinter", "_curses", "readline")):
            try:
                __import__(module)
            except ImportError:
                pass
class Library(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("name", ctypes.c_char_p)]
libraries = []
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Library), ctypes.c_size_t, ctypes.c_void_p)
def found(library, size, data):
    name = os.fsdecode(library.contents.name or b"")
    if os.path.isfile(name):
        libraries.append(name)
    return 0
ctypes.CDLL(None).dl_iterate_phdr(found, None)
print(json.dumps({"executable": os.path.realpath(sys.executable), "prefix": sys.base_prefix,
    "folders": sorted({os.path.realpath(f) for f in folders if os.path.isdir(f)}), "libraries": libraries}))
"""

PACKAGES = ("site-packages", "dist-packages")


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """Python's own files: its executable, the folders of its standard library, the shared libraries it loads."""

    executable: str
    prefix: str
    folders: tuple[str, ...]
    libraries: tuple[str, ...]

    @property
    def outside(self) -> tuple[str, ...]:
        """The shared libraries that are in none of the folders, under the names by which they are looked for."""
        return tuple(name for name in dict.fromkeys(self.libraries) if not name.startswith(self.folders))

    @property
    def library_path(self) -> str:
        """Where the loader is to look, as there is no cache of it in the box."""
        return ":".join(dict.fromkeys(str(Path(name).parent) for name in self.outside))

    @property
    def installed(self) -> tuple[str, ...]:
        """Folders of installed packages within those of the standard library. They are no part of it."""
        found = (Path(folder) / name for folder in self.folders for name in PACKAGES)
        return tuple(str(folder) for folder in found if folder.is_dir())


def questions() -> tuple[str, ...]:
    """The command that prints an `Interpreter` as JSON."""
    return (str(Path(sys.executable).resolve()), "-I", "-S", "-B", "-c", ASK)
