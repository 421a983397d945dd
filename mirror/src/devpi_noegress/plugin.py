"""The devpi plugin: a second gate before every view of devpi's own, also where a plain ``devpi-server`` is started."""

from collections.abc import Callable
from typing import Any

from pluggy import HookimplMarker
from pyramid.httpexceptions import HTTPForbidden
from pyramid.viewderivers import INGRESS

hookimpl = HookimplMarker("devpiserver")

_OPEN = frozenset({"/+api", "/+login"})
"""For anybody: what devpi's own client needs to log in."""
_ROOT = frozenset({"/", "/{user}", "/{user}/", "/{user}/{index}", "/{user}/{index}/", "/+status"})
"""For root, to look."""
_REPLICATION = frozenset({"/+changelog/{serial}", "/+changelog/{serial}-"})
"""devpi itself asks for the replica's secret there."""


@hookimpl
def devpiserver_pyramid_configure(config: Any, pyramid_config: Any) -> None:
    """Put the gate in front of every view."""
    del config
    pyramid_config.add_view_deriver(_gate, "noegress_gate", under=INGRESS)


def _gate(view: Callable[[Any, Any], Any], _info: Any) -> Callable[[Any, Any], Any]:
    def gated(context: Any, request: Any) -> Any:
        route = request.matched_route.name if request.matched_route is not None else None
        if route in _OPEN or route in _REPLICATION:
            return view(context, request)
        if route in _ROOT and request.method in ("GET", "HEAD") and request.authenticated_userid == "root":
            return view(context, request)
        reason = "Blocked by noegress: closed; packages are at /root/curated/+simple/"
        return HTTPForbidden(reason, headers=[("Cache-Control", "no-store")])

    return gated
