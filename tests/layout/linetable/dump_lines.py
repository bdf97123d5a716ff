# SPDX-License-Identifier: BSD-2-Clause
"""What this interpreter says of the lines of its own code objects, for test_linetable.c.

    V major minor
    C first_line table_hex line line ...     the line of each code unit (2 bytes); - = none

Runs on 3.8 and later. argv[1]: how many standard library modules to compile.
"""
import dis
import os
import sys
import sysconfig

HAND_MADE = [
    # Steps that do not fit in a byte, forward and backward.
    "def gap(a):\n    x = 1\n" + "\n" * 700 + "    return (a,\n" + "\n" * 300 + "  x)\n",
    "def back(f, a):\n    return f(\n" + "".join("        a +\n\n" for _ in range(200)) + "    a)\n",
    "\n" * 70000 + "def far(): return [1,\n 2]\n",
    # More code than a byte of address step covers on one line.
    "def wide(a):\n    return [" + ", ".join("a.b%d(a)" % i for i in range(400)) + "]\n",
    "def columns(a):\n    return " + " " * 3000 + "a(\n" + " " * 200 + "a, a(a))\n",
    # Clean-up code, which has no line of its own.
    "def cleanup(a):\n    for x in a:\n        try:\n            with a as b, b as c:\n                yield x\n"
    "        except (KeyError, OSError) as e:\n            raise a from e\n        finally:\n            a.close()\n"
    "    else:\n        return\n",
    "async def waits(a):\n    async with a as b:\n        async for x in b:\n            await x(\n                a)\n"
    "    return [y async for y in a if\n            y]\n",
    "@decorator(\n    1)\n@other\nclass C(\n        Base):\n    x: int = 1\n    f = lambda s: (\n        s +\n        1)\n",
    "while a:\n    if b: continue\n    if c: break\n    del d\nelse:\n    pass\n",
    "",
]


def code_units(code):
    units = len(code.co_code) // 2
    lines = [None] * units
    if hasattr(code, "co_lines"):
        for start, end, line in code.co_lines():
            lines[start // 2:end // 2] = [line] * (end // 2 - start // 2)
        return code.co_linetable, lines
    starts = list(dis.findlinestarts(code)) + [(units * 2, None)]
    for (start, line), (end, _) in zip(starts, starts[1:]):
        lines[start // 2:end // 2] = [line] * (end // 2 - start // 2)
    return code.co_lnotab, lines


def dump(code):
    table, lines = code_units(code)
    print("C", code.co_firstlineno, table.hex() or "00",
          " ".join("-" if line is None else str(line) for line in lines))
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            dump(constant)


def library(limit):
    folder = sysconfig.get_path("stdlib")
    for name in sorted(os.listdir(folder))[:limit]:
        if name.endswith(".py"):
            with open(os.path.join(folder, name), "rb") as source:
                yield name, source.read()


print("V", *sys.version_info[:2])
for number, source in enumerate(HAND_MADE):
    dump(compile(source, "<made %d>" % number, "exec"))
for name, source in library(int(sys.argv[1])):
    dump(compile(source, name, "exec"))
