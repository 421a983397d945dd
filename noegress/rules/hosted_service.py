"""Rule ``hosted-service``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Place, Severity
from noegress.scan.rule import Rule
from noegress.scan.scene import Evidence, Scene

_NAME = re.compile(r"base|api|host|endpoint|server|service|domain|backend|cloud|gateway|url", re.IGNORECASE)
_SERVICE = re.compile(r"\A(api|app|hub|cloud|hooks|gateway|console|auth|login|backend)\b")
_PAGE = re.compile(r"docs?/|\.md\Z|#|\.html\Z|/wiki/|/blog/")


class HostedService(Rule):
    """The package is a client of a service outside.

    What it does
        Tells every address that reaches a network call, and addresses that stand under the name of an endpoint.

    Why it matters
        It belongs into the egress manifest: the service is what the package is for, or a surprise.

    Flagged
        `client.py`:

            import requests

            def weather(city):
                return requests.get("https://api.weather.vendor.dev/v1/now", params={"city": city}).json()

    Allowed
        `client.py`:

            import requests

            def read(url):
                return requests.get(url).json()

    Fix
        Allow the destination in the policy where it is wanted.

    Known misses
        A host that is written in a dependency.

    References
        None.
    """

    id: ClassVar[str] = "hosted-service"
    category: ClassVar[Category] = Category.HOSTED_SERVICE
    severity: ClassVar[Severity] = Severity.LOW
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        for site in scene.sites:
            if (
                not site.host
                or "assets" in scene.vendors.purposes(site.host)
                or re.search(r"\.(js|css)\Z", site.address.path)
            ):
                continue
            if not scene.graph.is_loaded(site.module):
                continue
            if site.kind == "call":
                weight, on = 0.6 if site.sure else 0.5, not scene.is_chosen(site.module.path)
            elif (
                (_NAME.search(site.tail) or _SERVICE.match(site.host))
                and len(site.text) < 400
                and not _PAGE.search(site.address.path)
            ):
                weight, on = 0.4, False
            else:
                continue
            yield Evidence(
                host=site.host, path=site.module.path, line=site.line, weight=weight, on=on, module=site.module, scope=site.scope, guard=site.guard,
                constant=Place(file=site.constant[0], line=site.constant[1]) if site.constant else None,
                message=f"The package calls {site.host}.", remedy="Allow the destination in the policy where it is wanted.",
            )  # fmt: skip
