"""The gate that every kernel passes before it may run on a GPU: on five architectures no spills, no local memory and at least half of the
threads resident; under per-pixel random clouds at most 1.3 times the sectors of memory that the same numbers could lie in. And the program
has every instance that it may launch: what refers to them is weak, so the linker does not tell.

Resources are those of the kernels in the objects MILLESIME_KERNELS (cuobjdump; separated by colons); sectors come from interpreting their PTX on the cases
named "gate" of tests/support/kernel_cases.cpp. Exit 77 (skipped) without nvcc or cuobjdump. Arguments: operations, e.g. prepare.
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
from cuda_toolkit import NO_NVCC, built_kernels, find_cuobjdump, find_nvcc, kernel_ptx  # noqa: E402
from ptx_machine import Module, PtxError  # noqa: E402
import ptx_test  # noqa: E402

MIN_OCCUPANCY, MAX_SECTORS = 0.5, 1.3
# Of kernels whose blocks compute an item together, with all the shared memory that they may have: their threads read memory seldom, and have
# many sums that do not wait for each other.
MIN_OCCUPANCY_OF_BLOCKS = 0.25
# Of a multiprocessor: registers, warps, blocks, shared memory (KiB), and what the system keeps of it a block (CUDA C++ Programming
# Guide, technical specifications per compute capability; kernels of sm_100 count it as their own).
MACHINES = {75: (65536, 32, 16, 64, 0), 80: (65536, 64, 32, 164, 1), 86: (65536, 48, 16, 100, 1), 90: (65536, 64, 32, 228, 1), 100: (65536, 64, 32, 228, 0)}
# Kernels whose addresses depend on data: their accesses cannot be coalesced.
GATHERS = {
    'forest': "a pixel's way through a tree chooses its nodes and features",
    'quantile_features': "sorting moves a pixel's values to places that depend on them",
    'connected_components': 'runs and ways to the root are as long as the map has them',
    'training_batch': 'chance decides which samples are in a batch',
    'sieve': "the size of a pixel's component lies at its lowest pixel",
}
# Kernels whose threads part at branches that depend on data, in PTX for sm_100: few of a warp ask together, for parts of the same sectors.
DIVERGE = {'fuse_maps': 1.45, 'smooth': 1.35}
BLOCK_THREADS = 256  # kernels/base/block.h
# Shared memory of a block: its tiles (base/warp.h), its counters (base/parallel_count.h), what it computes together (base/block.h).
SHARED_BYTES = {'grid_stride_warps': 32768, 'grid_stride_count': 32768, 'grid_stride_blocks': 49152}


def occupancy(machine, registers, shared):
    """Share of a multiprocessor's warps that are resident in blocks of BLOCK_THREADS."""
    all_registers, warps, blocks, shared_kib, kept_kib = machine
    block_warps = BLOCK_THREADS // 32
    by_registers = all_registers // ((registers * 32 + 255) // 256 * 256) // 4 * 4 // block_warps
    by_shared = shared_kib * 1024 // (shared + kept_kib * 1024) if shared else blocks
    return min(by_registers, by_shared, warps // block_warps, blocks) * block_warps / warps


def short_name(mangled):
    return re.sub(r'^_ZN9millesime\d+|ILi|EEvT_.*$', ' ', mangled).strip()


def resources(words):
    """Of every architecture in the output of cuobjdump -res-usage for an object: faults of its kernels (lines), and their names."""
    found, architecture, name = {}, 0, ''
    for line in words.splitlines():
        if arch := re.match(r'arch = sm_(\d+)$', line):
            architecture = int(arch[1])
        elif function := re.match(r' Function (\w+):$', line):
            name = function[1]
        elif used := re.match(r'  REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+) ', line):
            registers, stack, shared, local = map(int, used.groups())
            wrong, kernels = found.setdefault(architecture, ([], []))
            kernels.append(name)
            if stack or local:  # spilled registers lie on the stack
                wrong.append('%s: %d bytes of stack, %d of local memory' % (short_name(name), stack, local))
            dynamic = next((size for launcher, size in SHARED_BYTES.items() if launcher in name), 0)
            share = occupancy(MACHINES[architecture], registers, dynamic + shared)
            if share < (MIN_OCCUPANCY_OF_BLOCKS if 'grid_stride_blocks' in name else MIN_OCCUPANCY):
                wrong.append('%s: %d registers, occupancy %.2f' % (short_name(name), registers, share))
    return found


def missing_instances(program):
    """Launches in the program that no .cu file has an instance for."""
    symbols = subprocess.run(['nm', '-C', program], check=True, capture_output=True, text=True).stdout
    return re.findall(r'^ +w (.*parallel_(?:for|count)<.*Cuda const&.*)$', symbols, re.M)


def sectors(module, folder, case):
    """The worst of a case's launches."""
    machines = ptx_test.interpret(module, folder, case, metrics=True)[0]
    return max(((machine.sectors_over_ideal(), machine) for machine in machines), key=lambda pair: pair[0])


def main():
    nvcc = find_nvcc()
    if not nvcc:
        print(NO_NVCC)
        return 77
    cuobjdump = find_cuobjdump(nvcc)
    if not cuobjdump:
        print('skipped: no cuobjdump beside', nvcc, 'or on PATH')
        return 77
    operations = sys.argv[1:] or sorted(file.stem for file in (source / 'kernels/ops').glob('*.cu'))
    missing = missing_instances(os.environ['MILLESIME_BINARY'])
    for instance in missing:
        print('FAIL no instance of', instance)
    failed = len(missing)
    with tempfile.TemporaryDirectory() as temporary, concurrent.futures.ThreadPoolExecutor(2) as pool:
        folder = pathlib.Path(temporary)
        modules = {op: pool.submit(lambda op: Module(kernel_ptx(nvcc, op, folder)), op) for op in operations}
        objects = built_kernels()
        for op in operations:
            words = subprocess.run([cuobjdump, '-res-usage', objects[op]], check=True, capture_output=True, text=True).stdout
            found = resources(words)
            for architecture in MACHINES:
                wrong, kernels = found.get(architecture, (['no kernel for it'], []))
                print('%-4s %-14s sm_%-3d %d kernels' % ('FAIL' if wrong else 'ok', op, architecture, len(kernels)), *wrong, sep='\n       ' if wrong else '', flush=True)
                failed += bool(wrong)
        subprocess.run([os.environ['MILLESIME_KERNEL_CASES'], folder, 'gate'], check=True)
        seen = set()
        for case_folder in sorted(f for f in folder.iterdir() if f.is_dir()):
            case = json.loads((case_folder / 'case.json').read_text())
            if case['op'] not in operations:
                continue
            seen.add(case['op'])
            try:
                ratio, machine = sectors(modules[case['op']].result(), case_folder, case)
            except PtxError as error:
                print('FAIL', case['name'], error)
                failed += 1
                continue
            bad = ratio > DIVERGE.get(case['op'], MAX_SECTORS) and case['op'] not in GATHERS
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
