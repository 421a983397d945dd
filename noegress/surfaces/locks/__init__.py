"""Lock files: the address of every file they name, or its digest where they name none."""
