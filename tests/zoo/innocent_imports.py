# SPDX-License-Identifier: BSD-2-Clause
"""Modules are imported when they are first needed, one after the other."""
import importlib

import animal

NAMES = """decimal fractions csv xml.dom.minidom email.mime.text http.client unittest argparse difflib
tarfile zipfile configparser html.parser ipaddress statistics urllib.request xmlrpc.client pdb
concurrent.futures asyncio multiprocessing.pool optparse calendar plistlib mailbox ftplib""".split()
animal.innocent(["warmup", None], settles=12)
for n in animal.tick(3):
    if n < len(NAMES):
        importlib.import_module(NAMES[n])
