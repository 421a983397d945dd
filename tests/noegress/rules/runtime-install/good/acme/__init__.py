import shutil

MESSAGE = "Please run pip install acme[extra]"


def check_requirements():
    if shutil.which("acme-tool") is None:
        raise RuntimeError(MESSAGE)
