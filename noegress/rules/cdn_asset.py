"""Rule ``cdn-asset``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Place, Severity
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

_ASSET = re.compile(
    r"\.(js|css|mjs|woff2?|ttf)\b|/css|npm/|@\d|require|\A/?\Z|ajax|dist|icon\?|/s/|basemaps|tiles?/|/assets/|\{[xyz]\}",
    re.IGNORECASE,
)
_FILE = re.compile(r"\.(js|css|mjs|woff2?)\Z", re.IGNORECASE)
_LOADS = re.compile(
    r"src\s*=\s*[\\\"']*\Z|href\s*=\s*[\\\"']*\Z|url\(\s*[\\\"']*\Z|import\s*\(?\s*[\\\"']*\Z|@import|importScripts\([\\\"']*\Z|from\s*[\\\"']*\Z",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\b(?:from|import)\s*\(?\s*[\\\"'`]+\Z|\b(?:importScripts|(?:Shared)?Worker)\(\s*[\\\"'`]+\Z", re.IGNORECASE
)
_EMBEDS = re.compile(
    r"<(?:img|iframe|video|audio|source|embed|object|track|input|image)\b[^<>]{0,160}\b(?:src|data|poster|href)\s*=\s*[\\\"']*\Z"
    r"|(?:background|background-image|list-style|content|cursor)\s*:[^;{}<>]{0,80}\burl\(\s*[\\\"']*\Z",
    re.IGNORECASE,
)
_CDN = re.compile(r"\A(cdn|static|assets|fonts)[.-]|\.cdn\.")


class CdnAsset(Rule):
    """A page that the package makes or serves loads scripts, styles or fonts from a public network.

    What it does
        Finds the hosts of asset networks, and other addresses of scripts, style sheets, pictures and frames, in Python, pages and scripts.

    Why it matters
        Whoever opens the page tells the network, and the page breaks where there is none.

    Flagged
        `page.py`:

            PAGE = '<script src="https://cdn.jsdelivr.net/npm/chart.js@4"></script>'

    Allowed
        `page.py`:

            PAGE = '<script src="/static/chart.js"></script>'

    Fix
        Serve the asset from inside, or configure the package to embed it.

    Known misses
        Assets that a script of an asset network loads in turn.

    References
        Subresource Integrity (W3C).
    """

    id: ClassVar[str] = "cdn-asset"
    category: ClassVar[Category] = Category.CDN_ASSET
    severity: ClassVar[Severity] = Severity.LOW
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        for site in scene.sites:
            path = re.split(r"[?#]", site.address.path)[0]
            assets = "assets" in scene.vendors.purposes(site.host) and bool(_ASSET.search(site.address.path))
            if not (assets or (site.host and _FILE.search(path)) or (_CDN.search(site.host) and site.kind == "call")):
                continue
            if scene.graph.is_loaded(site.module):
                yield Evidence(
                    host=site.host, path=site.module.path, line=site.line, weight=0.6, on=not scene.is_chosen(site.module.path),
                    module=site.module, scope=site.scope, guard=site.guard,
                    constant=Place(file=site.constant[0], line=site.constant[1]) if site.constant else None,
                    message=f"A page of the package loads assets from {site.host}.", remedy="Serve the asset from inside, or have the package embed it.",
                )  # fmt: skip
        for path, _, mention in scene.mentions("script", "page"):
            known = "assets" in scene.vendors.purposes(mention.host) and bool(_ASSET.search(mention.path))
            loads = bool(_LOADS.search(mention.before[-40:])) and bool(_FILE.search(re.split(r"[?#]", mention.path)[0]))
            embeds = bool(_EMBEDS.search(mention.before[-200:]))
            if known or loads or embeds or _CODE.search(mention.before[-40:]):
                yield Evidence(
                    host=mention.host, path=path, line=mention.line, weight=0.55, on=True,
                    message=f"{path} loads assets from {mention.host}.", remedy="Serve the asset from inside, or have the package embed it.",
                )  # fmt: skip
