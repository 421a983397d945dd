"""Asks the address that it is given and says what came back."""

import sys

import requests


def main() -> None:
    """Print the status of one address."""
    print(requests.get(sys.argv[1], timeout=5).status_code)
