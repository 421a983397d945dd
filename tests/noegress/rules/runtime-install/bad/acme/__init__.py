import subprocess
import sys


def import_or_install(name):
    command = [sys.executable, "-m", "pip"]
    try:
        return __import__(name)
    except ImportError:
        subprocess.check_call(command + ["install", "--quiet", name])
