"""The client of the catalogue behind the command line of tuf-conformance: init, refresh, download.

It is the updater that ``noegress.catalogue.client`` works with, and its fetcher; what that module does beyond TUF (the
pin, max-age, a kept list while nobody answers) is left out, for the suite has no notion of it.
"""

import shutil
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from noegress.catalogue._tuf import Updater, exceptions
from noegress.catalogue.fetch import HttpFetcher
from noegress.catalogue.refresh import updater_of


def client(args: Namespace) -> Updater:
    cache = args.metadata_dir.parent
    base = args.metadata_url.rstrip("/").removesuffix("metadata")
    if args.target_base_url is not None and args.target_base_url.rstrip("/") != f"{base}targets":
        sys.exit(f"{args.target_base_url} does not lie beside {args.metadata_url}")
    root = (cache / "pinned.root.json").read_bytes()
    updater = updater_of(base, root, cache, HttpFetcher(ca=None))
    updater.refresh()
    return updater


def main() -> int:
    parser = ArgumentParser()
    parser.add_argument("--metadata-dir", type=Path, required=True)
    parser.add_argument("--metadata-url")
    parser.add_argument("--target-base-url")
    parser.add_argument("--target-name", action="append", default=[])
    parser.add_argument("--target-dir", type=Path)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("init").add_argument("root", type=Path)
    verbs.add_parser("refresh")
    verbs.add_parser("download")
    args = parser.parse_args()
    if args.verb == "init":
        shutil.copyfile(args.root, args.metadata_dir.parent / "pinned.root.json")
        shutil.copyfile(args.root, args.metadata_dir / "root.json")
        return 0
    try:
        updater = client(args)
        for name in args.target_name:
            target = updater.get_targetinfo(name)
            if target is None:
                sys.exit(f"{name} is not listed")
            kept = args.target_dir / name.replace("/", "%2F")
            if updater.find_cached_target(target, str(kept)) is None:
                updater.download_target(target, str(kept))
    except (exceptions.RepositoryError, exceptions.DownloadError, OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
