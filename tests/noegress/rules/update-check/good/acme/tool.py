"""Compares the versions of other projects, at addresses that its user gives."""
from packaging.version import parse


def is_newer(one, two):
    return parse(one) > parse(two)


if __name__ == "__main__":
    import urllib.request

    urllib.request.urlopen("https://vendor.dev/acme/latest-version.json")
