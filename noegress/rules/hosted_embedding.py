"""Rule ``hosted-embedding``."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Place, Severity
from noegress.scan.program.evaluation import dotted_of
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

_CALLS = (
    "create",
    "embed_content",
    "batch_embed_contents",
    "embed",
    "embed_documents",
    "embed_query",
    "aembed",
    "get_embedding",
)
_EMBEDS = re.compile(
    r"(embeddings\.create|embed_content|batch_embed_contents|models\.embed_content|embeddings\.with_raw_response\.create)\Z"
)
_WORDS = re.compile(r"embedding|embedder", re.IGNORECASE)
_SERVICE = re.compile(r"\A(api|.*\.api|inference|.*openai|dashscope|generativelanguage|router|ai)\b", re.IGNORECASE)
_SETTING = re.compile(r"embed|model", re.IGNORECASE)
FEW = 3  # names of models in one file; more are a table of what there is
_HOSTS = {
    "openai": "api.openai.com",
    "google": "generativelanguage.googleapis.com",
    "cohere": "api.cohere.com",
    "voyageai": "api.voyageai.com",
    "mistralai": "api.mistral.ai",
}


class HostedEmbedding(Rule):
    """Texts are sent to a hosted service that turns them into embeddings.

    What it does
        Finds calls of embedding endpoints through the clients of hosted services, and addresses of such services in code about embeddings.

    Why it matters
        Every document and every query leaves the boundary in full text.

    Flagged
        `memory.py`:

            from openai import OpenAI

            class Memory:
                def __init__(self):
                    self.client = OpenAI()

                def add(self, text):
                    return self.client.embeddings.create(input=[text], model="text-embedding-3-small")

    Allowed
        `memory.py`:

            class Memory:
                def __init__(self, embed):
                    self.embed = embed

                def add(self, text):
                    return self.embed(text)

    Fix
        Configure an embedding model inside the boundary.

    Known misses
        A service that is reached through a gateway with a name of its own.

    References
        The API references of the services.
    """

    id: ClassVar[str] = "hosted-embedding"
    category: ClassVar[Category] = Category.HOSTED_EMBEDDING
    severity: ClassVar[Severity] = Severity.HIGH
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        if scene.own_names & set(_HOSTS):
            return
        for module, call in scene.calls(*_CALLS):
            if (
                not _EMBEDS.search(dotted_of(call.function))
                or scene.is_described(module.path)
                or not scene.graph.is_loaded(module)
            ):
                continue
            host = next((host for root, host in _HOSTS.items() if root in module.roots), "")
            on = not (
                scene.is_chosen(module.path)
                or scene.is_vendors_alternative(module.path)
                or scene.is_own_host(host)  # who takes the kit of a vendor asks for the vendor
            )
            yield Evidence(
                host=host, path=module.path, line=call.line, weight=0.7 if on else 0.45, on=on, module=module, scope=call.scope, guard=call.guard,
                message=f"The package sends texts to {host or 'a hosted service'} to be turned into embeddings.",
                remedy="Configure an embedding model inside the boundary.",
            )  # fmt: skip
        yield from _by_default_model(scene)
        for site in scene.sites:
            words = scene.words(site) if site.host else None
            if (
                words is None
                or scene.is_described(site.module.path)
                or not _SERVICE.match(site.host)
                or "docs" in site.host
            ):
                continue
            if (
                _WORDS.search(words.module) or _WORDS.search(words.owner) or "/embed" in site.address.path
            ) and scene.graph.is_loaded(site.module):
                on = (
                    site.kind == "call"
                    and not scene.is_chosen(site.module.path)
                    and not scene.is_vendors_alternative(site.module.path)
                )
                yield Evidence(
                    host=site.host, path=site.module.path, line=site.line, weight=0.6 if on else 0.4, on=on, module=site.module, scope=site.scope, guard=site.guard,
                    constant=Place(file=site.constant[0], line=site.constant[1]) if site.constant else None,
                    message=f"The package sends texts to {site.host} to be turned into embeddings.",
                    remedy="Configure an embedding model inside the boundary.",
                )  # fmt: skip


def _by_default_model(scene: Scene) -> Iterator[Evidence]:
    """A model of a service that a setting takes unless it is told otherwise."""
    hosts = {name: entry.host for entry in scene.vendors.models for name in entry.names}
    every = ("openai/", *hosts)
    for module in scene.program.active:
        named = [
            (text, host)
            for text in module.facts.texts
            if not text.idle and text.text.startswith(every)
            for name, host in hosts.items()
            if text.text.removeprefix("openai/").startswith(name)
        ]
        if not named or len(named) > FEW or not scene.graph.is_loaded(module):
            continue
        on = not scene.is_chosen(module.path) and not scene.is_vendors_alternative(module.path)
        listed = Counter((text.scope, text.context) for text, _ in named)
        for text, host in named:
            if listed[text.scope, text.context] > 1 or (text.scope == 0 and scene.is_described(module.path)):
                continue  # a table of models, an example of a request
            if text.guard < 0 and _SETTING.search(text.context):
                yield Evidence(
                    host=host, path=module.path, line=text.line, weight=0.55 if on else 0.4, on=on, module=module, scope=text.scope,
                    message=f"Unless it is told otherwise, the package has {text.text} at {host} turn texts into embeddings.",
                    remedy="Configure an embedding model inside the boundary.",
                )  # fmt: skip
