"""The gate that every kernel passes before it may run on a GPU: on five architectures no spills, no local memory and at least half of the
threads resident; under per-pixel random clouds at most 1.3 times the sectors of memory that the same numbers could lie in.

Resources come from ptxas, with the flags of the product; sectors from interpreting nvcc's PTX on the cases named "gate" of
tests/support/kernel_cases.cpp. Exit 77 (skipped) without nvcc. Arguments: operations, e.g. prepare.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

source = pathlib.Path(os.environ['MILLESIME_SOURCE'])
sys.path.insert(0, str(source / 'tests/support/ptx'))
sys.path.insert(0, str(source / 'tests/consistency'))
from cuda_toolkit import NO_NVCC, compile_cuda, find_nvcc  # noqa: E402
from ptx_machine import Module, PtxError  # noqa: E402
import ptx_test  # noqa: E402

MIN_OCCUPANCY, MAX_SECTORS = 0.5, 1.3
# Of a multiprocessor: registers, warps, blocks, shared memory (KiB), and what the system keeps of it a block (CUDA C++ Programming
# Guide, technical specifications per compute capability).
MACHINES = {75: (65536, 32, 16, 64, 0), 80: (65536, 64, 32, 164, 1), 86: (65536, 48, 16, 100, 1), 90: (65536, 64, 32, 228, 1), 100: (65536, 64, 32, 228, 1)}
# Kernels whose addresses depend on data: their accesses cannot be coalesced.
GATHERS = {
    'forest': "a pixel's way through a tree chooses its nodes and features",
    'quantile_features': "sorting moves a pixel's values to places that depend on them",
    'connected_components': 'runs and ways to the root are as long as the map has them',
    'training_batch': 'chance decides which samples are in a batch',
    'sieve': "the size of a pixel's component lies at its lowest pixel",
}
BLOCK_THREADS = 256  # kernels/base/parallel_for.h
TILE_BYTES, MAX_COUNTERS_BYTES = 32768, 32768  # a block's tiles (base/warp.h), or its counters (base/parallel_count.h)


def occupancy(machine, registers, shared):
    """Share of a multiprocessor's warps that are resident in blocks of BLOCK_THREADS."""
    all_registers, warps, blocks, shared_kib, kept_kib = machine
    block_warps = BLOCK_THREADS // 32
    by_registers = all_registers // ((registers * 32 + 255) // 256 * 256) // 4 * 4 // block_warps
    by_shared = shared_kib * 1024 // (shared + kept_kib * 1024) if shared else blocks
    return min(by_registers, by_shared, warps // block_warps, blocks) * block_warps / warps


def short_name(mangled):
    return re.sub(r'^_ZN9millesime\d+|ILi|EEvT_.*$', ' ', mangled).strip()


def resources(nvcc, folder, op, architecture):
    """Faults of a file's kernels on one architecture (lines), and the number of its kernels."""
    cubin = folder / ('%s-%d.cubin' % (op, architecture))
    words = compile_cuda(nvcc, source / 'kernels/ops' / (op + '.cu'), cubin, ['-cubin', '-Xptxas=-v', '-arch=sm_%d' % architecture])
    wrong, kernels = [], 0
    pattern = r"Compiling entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads.*?Used (\d+) registers(.*?)\n"
    for name, stack, stores, loads, registers, rest in re.findall(pattern, words, re.S):
        kernels += 1
        static = re.search(r'(\d+) bytes smem', rest)
        dynamic = TILE_BYTES if 'grid_stride_warps' in name else MAX_COUNTERS_BYTES if 'grid_stride_count' in name else 0
        share = occupancy(MACHINES[architecture], int(registers), dynamic + (int(static.group(1)) if static else 0))
        if int(stack) or int(stores) or int(loads):
            wrong.append('%s: %s bytes of local memory, spills %s / %s' % (short_name(name), stack, stores, loads))
        if share < MIN_OCCUPANCY:
            wrong.append('%s: %s registers, occupancy %.2f' % (short_name(name), registers, share))
    return wrong if kernels else ['no kernel in what ptxas says'], kernels


def sectors(module, folder, case):
    """The worst of a case's launches."""
    machines = ptx_test.interpret(module, folder, case, metrics=True)[0]
    return max(((machine.sectors_over_ideal(), machine) for machine in machines), key=lambda pair: pair[0])


def main():
    nvcc = find_nvcc()
    if not nvcc:
        print(NO_NVCC)
        return 77
    operations = sys.argv[1:] or sorted(file.stem for file in (source / 'kernels/ops').glob('*.cu'))
    failed = 0
    with tempfile.TemporaryDirectory() as temporary, concurrent.futures.ThreadPoolExecutor(2) as pool:
        folder = pathlib.Path(temporary)
        jobs = {(op, sm): pool.submit(resources, nvcc, folder, op, sm) for op in operations for sm in MACHINES}
        ptx = {op: pool.submit(ptx_test.compile_ptx, nvcc, op, folder) for op in operations}
        for (op, architecture), job in jobs.items():
            wrong, kernels = job.result()
            print('%-4s %-14s sm_%-3d %d kernels' % ('FAIL' if wrong else 'ok', op, architecture, kernels), *wrong, sep='\n       ' if wrong else '', flush=True)
            failed += bool(wrong)
        subprocess.run([os.environ['MILLESIME_KERNEL_CASES'], folder, 'gate'], check=True)
        seen = set()
        for case_folder in sorted(f for f in folder.iterdir() if f.is_dir()):
            case = json.loads((case_folder / 'case.json').read_text())
            if case['op'] not in operations:
                continue
            seen.add(case['op'])
            try:
                ratio, machine = sectors(Module(ptx[case['op']].result()), case_folder, case)
            except PtxError as error:
                print('FAIL', case['name'], error)
                failed += 1
                continue
            bad = ratio > MAX_SECTORS and case['op'] not in GATHERS
            failed += bad
            print('%-4s %-45s %.2f x the ideal sectors %s' % ('FAIL' if bad else 'ok', case['name'], ratio, GATHERS.get(case['op'], '')))
            if bad or '--verbose' in os.environ.get('GATE', ''):
                print(machine.report())
        for op in sorted(set(operations) - seen):
            print('FAIL', op, 'has no case named "gate" in tests/support/kernel_cases.cpp')
            failed += 1
    print('%d faults' % failed)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
