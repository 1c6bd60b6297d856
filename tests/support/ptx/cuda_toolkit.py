"""Finds the CUDA compiler: NVCC, PATH, the Python environment of the cuda flavour (scripts/setup --cuda), /usr/local/cuda."""

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
