"""The PTX that nvcc makes of every kernel, interpreted, equals the CPU instance bit for bit.

The cases (tests/support/kernel_cases.h) come from the program MILLESIME_KERNEL_CASES: the kernel's functor as bytes, the arrays that its
pointers lead to, and what they hold after the CPU instance. Exit 77 (skipped) without nvcc. Arguments: names that cases must contain.
"""

import concurrent.futures
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

source = pathlib.Path(os.environ['MILLESIME_SOURCE'])
sys.path.insert(0, str(source / 'tests/support/ptx'))
from cuda_toolkit import NO_NVCC, find_nvcc, kernel_ptx  # noqa: E402
from ptx_machine import GlobalMemory, Module, PtxError  # noqa: E402

BLOCKS = 2


def relocate(functor, addresses):
    """Pointers to the test program's arrays become addresses of the interpreter's memory."""
    words = bytearray(functor)
    for at in range(0, len(words) - 7, 8):
        (word,) = struct.unpack_from('<Q', words, at)
        if word in addresses:
            struct.pack_into('<Q', words, at, addresses[word])
    return bytes(words)


def interpret(module, folder, case, **options):
    """Runs one case; returns the machine after each launch, and the arrays as they were before and are now."""
    before = [(folder / array['before']).read_bytes() for array in case.get('arrays', [])]
    scratch = max(0, *(launch['scratch_bytes'] * BLOCKS * launch['threads'] for launch in case['launches']))
    memory = GlobalMemory([len(d) for d in before] + [scratch])
    for number, d in enumerate(before):
        memory.put(number, d)
    addresses = {array['address']: memory.addresses[number] for number, array in enumerate(case.get('arrays', []))}
    machines = []
    for launch in case['launches']:
        memory.order_launches()
        parameters = [relocate((folder / launch['functor']).read_bytes(), addresses), struct.pack('<q', launch['items'])]
        if launch['scratch_bytes'] >= 0:
            parameters.append(struct.pack('<Q', memory.addresses[len(before)]))
        threads = launch['threads']
        shared = launch['shared_bytes'] + launch['warp_shared_bytes'] * (threads // 32)
        machines.append(module.run(launch['kernel'], BLOCKS, threads, memory, parameters, shared_bytes=shared, **options))
    return machines, before, [memory.get(number) for number in range(len(before))]


def run_case(module, folder, case):
    """Runs one case; returns the fault, or ''."""
    try:
        _, before, after = interpret(module, folder, case)
    except PtxError as error:
        return str(error)
    for number, array in enumerate(case.get('arrays', [])):
        expected = (folder / array['after']).read_bytes() if array['after'] else before[number]
        if after[number] != expected:
            first = next(i for i, (a, b) in enumerate(zip(after[number], expected)) if a != b)
            return 'array %d differs from the CPU at byte %d of %d' % (number, first, len(expected))
    return ''


def main():
    nvcc = find_nvcc()
    if not nvcc:
        print(NO_NVCC)
        return 77
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        subprocess.run([os.environ['MILLESIME_KERNEL_CASES'], folder, ''], check=True)
        folders = sorted((f for f in folder.iterdir() if f.is_dir()), key=lambda f: int(f.name))
        cases = [(f, json.loads((f / 'case.json').read_text())) for f in folders]
        cases = [(f, case) for f, case in cases if all(name in case['name'] for name in sys.argv[1:])]
        operations = sorted({case['op'] for _, case in cases})
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            modules = dict(zip(operations, pool.map(lambda op: Module(kernel_ptx(nvcc, op, folder)), operations)))
        failed = 0
        for case_folder, case in cases:
            start = time.monotonic()
            wrong = run_case(modules[case['op']], case_folder, case)
            print('%-4s %-45s %5.1f s  %s' % ('FAIL' if wrong else 'ok', case['name'], time.monotonic() - start, wrong), flush=True)
            failed += bool(wrong)
        print('%d cases, %d failed' % (len(cases), failed))
        return 1 if failed or not cases else 0


if __name__ == '__main__':
    sys.exit(main())
