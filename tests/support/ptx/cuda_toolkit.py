"""Finds the CUDA compiler: NVCC, PATH, the Python environment of the cuda flavour (scripts/setup --cuda), /usr/local/cuda; and the PTX of the
project's kernels: that of the objects MILLESIME_KERNELS (separated by colons), or compiled."""

import os
import pathlib
import shutil
import subprocess

SOURCE = pathlib.Path(os.environ.get('MILLESIME_SOURCE', pathlib.Path(__file__).parents[3]))
# Those of scripts/cmake/MillesimeTargets.cmake; contraction is off as on the CPU.
FLAGS = ['-lineinfo', '-std=c++17', '-O3', '-fmad=false', '-Xcompiler=-ffp-contract=off,-fopenmp', '-I', str(SOURCE)]
NO_NVCC = 'skipped: no nvcc in NVCC, on PATH, in MILLESIME_VENV_CUDA, build/venv-cuda or /usr/local/cuda'


def find_nvcc():
    """The path of nvcc, or None."""
    named = os.environ.get('NVCC') or shutil.which('nvcc')
    if named:
        return named
    environments = [os.environ.get('MILLESIME_VENV_CUDA'), SOURCE / 'build/venv-cuda']
    for environment in environments:
        for nvcc in sorted(pathlib.Path(environment or '/nonexistent').glob('lib/python3*/site-packages/nvidia/cu13/bin/nvcc')):
            return str(nvcc)
    return shutil.which('/usr/local/cuda/bin/nvcc')


def compile_cuda(nvcc, source, output, flags):
    """Compiles one file; returns the output of the compiler. Raises RuntimeError with its messages if it fails."""
    done = subprocess.run([nvcc, *FLAGS, *flags, str(source), '-o', str(output)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError('nvcc refuses %s:\n%s' % (source, done.stderr))
    return done.stderr


def find_cuobjdump(nvcc):
    """The path of the disassembler, or None."""
    return shutil.which('cuobjdump', path=str(pathlib.Path(nvcc).parent)) or shutil.which('cuobjdump')


def built_kernels():
    """Objects of the build, by operation."""
    files = os.environ.get('MILLESIME_KERNELS', '')
    return {pathlib.Path(file).name.split('.')[0]: file for file in files.split(':') if file}


def kernel_ptx(nvcc, op, folder):
    """A file with the PTX of an operation. That of a built object is what devices newer than all of its architectures compile."""
    ptx = folder / (op + '.ptx')
    built, cuobjdump = built_kernels().get(op), find_cuobjdump(nvcc)
    if built and cuobjdump:
        words = subprocess.run([cuobjdump, '-ptx', built], check=True, capture_output=True, text=True).stdout
        text = words[words.index('.version') :]
        ptx.write_text(text.split('\nFatbin ')[0])
    else:
        compile_cuda(nvcc, SOURCE / 'kernels/ops' / (op + '.cu'), ptx, ['-ptx', '-arch=compute_75'])
    return ptx
